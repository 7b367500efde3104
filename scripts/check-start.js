// Holds `npm start` to its promise on a machine that has only Node: in a bare copy of the checkout, with an empty npm cache,
// the request is paused within a minute, the printed command approves it, and Ctrl-C leaves nothing running. As root it is
// tried as root, in a directory closed to others, and as an ordinary user. Prints a line each; exits with 0 if all held.
import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const ROOT = resolve(import.meta.dirname, '..')
const WITHIN_SECONDS = 60
const PATIENCE_MS = 300_000

const isRoot = process.getuid?.() === 0
const users = isRoot ? [{ name: 'root' }, ordinaryUser()] : [{ name: 'this user' }]
let failed = 0
for (const user of users) {
  try {
    const seconds = await tryStart(user)
    const late = seconds > WITHIN_SECONDS
    if (late) failed += 1
    console.log(
      `${late ? 'FAIL' : 'ok'}   npm start as ${user.name}: paused after ${seconds} s, approved, stopped, nothing left`,
    )
  } catch (error) {
    failed += 1
    console.log(`FAIL npm start as ${user.name}: ${error.message}`)
  }
}
if (!isRoot) console.log('     (only root can try it as root as well)')
process.exitCode = failed === 0 ? 0 : 1

async function tryStart(user) {
  const home = mkdtempSync(join(tmpdir(), 'countersign-start-'))
  const copy = join(home, 'countersign')
  const output = []
  let child
  try {
    copyTracked(copy)
    if (user.uid !== undefined) giveTo(home, user)
    const env = environment(home, await freePort())
    const startedAt = performance.now()
    child = spawn('npm', ['start'], {
      cwd: copy,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      uid: user.uid,
      gid: user.gid,
    })
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)))
    child.once('error', (error) => output.push(error.message))
    const seen = watch(child, output)

    const command = await seen(/approve {2}(cd .*)$/, ended)
    const seconds = Math.round((performance.now() - startedAt) / 100) / 10
    execFileSync('/bin/sh', ['-c', command[1]], { env, cwd: home, uid: user.uid, gid: user.gid, stdio: 'pipe' })
    await seen(/200: its mandate/, ended)
    const cluster = statSync(join(copy, '.countersign', 'postgres'))

    process.kill(-child.pid, 'SIGINT')
    const end = await Promise.race([ended, sleep(30_000, 'still running after 30 s', { ref: false })])
    // npm passes Ctrl-C on, and then ends as if by it.
    if (end !== 0 && end !== 'SIGINT') throw new Error(`it ended with ${end}`)
    await nothingLeft(copy, `cluster_name=countersign-${cluster.dev}-${cluster.ino}`)
    return seconds
  } catch (error) {
    throw new Error(`${error.message}\n${output.slice(-25).join('\n')}`)
  } finally {
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL')
    rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  }
}

/** Resolves with the match of the first line that matches, rejects when the process ends before. */
function watch(child, output) {
  const waiting = new Set()
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      output.push(line)
      for (const look of waiting) look()
    })
  }
  return (pattern, ended) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const match = output.map((line) => pattern.exec(line)).find(Boolean)
        if (match) resolve(match)
      }
      waiting.add(look)
      look()
      setTimeout(() => reject(new Error(`${pattern} was not printed`)), PATIENCE_MS).unref()
      ended.then((how) => reject(new Error(`it ended (${how}) before it printed ${pattern}`)))
    })
}

function copyTracked(copy) {
  const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' }).split('\0').filter(Boolean)
  for (const path of tracked) {
    mkdirSync(dirname(join(copy, path)), { recursive: true })
    cpSync(join(ROOT, path), join(copy, path))
  }
}

function giveTo(directory, { uid, gid }) {
  chownSync(directory, uid, gid)
  for (const entry of readdirSync(directory, { recursive: true })) chownSync(join(directory, entry), uid, gid)
  chmodSync(directory, 0o700)
}

/** What this process was started with, but a home and an npm cache that are empty, and nothing that configures us. */
function environment(home, port) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(COUNTERSIGN_|npm_|DATABASE_URL$|REDIS_URL$)/.test(name),
  )
  const settings = ['registry', 'cafile'].flatMap((name) => {
    const value = execFileSync('npm', ['config', 'get', name], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return value === 'null' ? [] : [[`npm_config_${name}`, value]]
  })
  return {
    ...Object.fromEntries([...kept, ...settings]),
    HOME: home,
    npm_config_cache: join(home, 'npm-cache'),
    COUNTERSIGN_PORT: String(port),
  }
}

function ordinaryUser() {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'))
  const [name, , uid, gid] = line?.split(':') ?? []
  if (name === undefined) throw new Error('/etc/passwd has no user nobody to try it as')
  return { name, uid: Number(uid), gid: Number(gid) }
}

async function nothingLeft(...marks) {
  for (let attempt = 0; ; attempt += 1) {
    const left = commandLines().filter((line) => marks.some((mark) => line.includes(mark)))
    if (left.length === 0) return
    if (attempt === 20) throw new Error(`still running:\n${left.join('\n')}`)
    await sleep(100)
  }
}

function commandLines() {
  if (process.platform !== 'linux')
    return execFileSync('ps', ['-A', '-o', 'command='], { encoding: 'utf8' }).split('\n')
  return readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')] : []
    } catch {
      return []
    }
  })
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
