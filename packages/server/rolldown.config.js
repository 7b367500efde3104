import { defineConfig } from 'rolldown'

// What a service loads, in a few files instead of 1,800: those took 0.9 s of a start, and these take 0.2.
export default defineConfig({
  cwd: import.meta.dirname,
  input: 'dist/index.js',
  platform: 'node',
  // pg asks for it, and does without.
  external: ['pg-native'],
  output: { dir: 'dist/bundle', chunkFileNames: '[name].js' },
})
