// Makes a checkout ready to run: installs what the lockfile says and builds, and does nothing that is done already.
// Only what Node itself brings is used here, since on a fresh clone there is nothing else.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname ?? '.', '..')
const OLDEST_NODE = [20, 19]

/** Installs and builds the packages that `projects` need (all by default); ends the process when that fails. */
export function prepare(projects = []) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    console.error(`Countersign needs Node ${OLDEST_NODE.join('.')} or later; this is ${process.versions.node}.`)
    process.exit(1)
  }
  install()
  run(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', ...projects])
}

function install() {
  const stamp = join(ROOT, 'node_modules', '.installed-for')
  const lock = readFileSync(join(ROOT, 'package-lock.json'))
  const wanted = createHash('sha256').update(lock).update(`${process.platform} ${process.arch}`).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  console.error('Installing packages …')
  // npm says where it is to the scripts that it runs.
  const npm = process.env.npm_execpath
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error']
  if (npm?.endsWith('.js')) run(process.execPath, [npm, ...args])
  else run('npm', args)
  writeFileSync(stamp, wanted)
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] })
  if (error !== undefined) console.error(`${command} cannot be run: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}
