// Makes a checkout ready to run: installs what the lockfile says and builds, and does nothing that is done already.
// Only what Node itself brings is used here, since on a fresh clone there is nothing else.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname ?? '.', '..')
const MODULES = join(ROOT, 'node_modules')
const STAMP = join(MODULES, '.installed-for')
const OLDEST_NODE = [20, 19]
const SERVER = join(ROOT, 'packages', 'server')

/**
 * Installs and builds. Given one workspace, a checkout that has nothing installed gets only what that one runs on, which is
 * a third of the whole. Ends the process when something fails.
 */
export function prepare(workspace = undefined) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    console.error(`Countersign needs Node ${OLDEST_NODE.join('.')} or later; this is ${process.versions.node}.`)
    process.exit(1)
  }
  install(workspace)
  run(process.execPath, [join(MODULES, 'typescript', 'bin', 'tsc'), '-b', ...(workspace ? [workspace] : [])])
  bundle()
}

function install(workspace) {
  const lock = readFileSync(join(ROOT, 'package-lock.json'))
  const whole = createHash('sha256').update(lock).update(`${process.platform} ${process.arch}`).digest('hex')
  const part = `${whole} ${workspace}`
  const installed = existsSync(STAMP) ? readFileSync(STAMP, 'utf8') : undefined
  if (installed === whole || (workspace && installed === part)) return
  // Only where there is nothing: npm would take away what it is not asked for.
  const partly = workspace !== undefined && (!existsSync(MODULES) || installed?.endsWith(workspace))
  console.error('Installing packages …')
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error']
  if (partly) args.push('--omit=dev', '--workspace', workspace, '--include-workspace-root')
  // npm says where it is to the scripts that it runs.
  const npm = process.env.npm_execpath
  if (npm?.endsWith('.js')) run(process.execPath, [npm, ...args])
  else run('npm', args)
  writeFileSync(STAMP, partly ? part : whole)
}

// The service loads its bundle, which is as old as the newest thing in it.
function bundle() {
  const config = join(SERVER, 'rolldown.config.js')
  const built = ['protocol', 'rego', 'server'].map((name) => join(ROOT, 'packages', name, 'tsconfig.tsbuildinfo'))
  const made = changedAt(join(SERVER, 'dist', 'bundle', 'index.js'))
  if ([STAMP, config, ...built].every((file) => changedAt(file) < made)) return
  run(process.execPath, [join(MODULES, 'rolldown', 'bin', 'cli.mjs'), '-c', config], 'ignore')
}

function changedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function run(command, args, stdout = 2) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', stdout, 2] })
  if (error !== undefined) console.error(`${command} cannot be run: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

if (resolve(process.argv[1] ?? '') === import.meta.filename) prepare()
