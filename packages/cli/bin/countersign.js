#!/usr/bin/env node
import { existsSync } from 'node:fs'

const main = new URL('../dist/main.js', import.meta.url)
if (existsSync(main)) {
  const { main: run } = await import(main.href)
  process.exitCode = await run(process.argv.slice(2))
} else {
  console.error('countersign is not built yet. In the repository: npm run build')
  process.exitCode = 1
}
