// `npm start`: the step-up loop for a person, from a fresh clone on.
import { prepare } from './prepare.js'

prepare('packages/cli')
const { main } = await import('../packages/cli/dist/main.js')
process.exitCode = await main(['demo', '--interactive', ...process.argv.slice(2)])
