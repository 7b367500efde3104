import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { testDatabase } from '../../server/test/support/postgres.js'
import { freePort } from './support/free-port.js'

const ROOT = resolve(import.meta.dirname, '../../..')

interface Block {
  readonly language: string
  readonly text: string
}

async function blocksOf(path: string): Promise<readonly Block[]> {
  const markdown = await readFile(join(ROOT, path), 'utf8')
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({ language, text }))
}

const commandsOf = (blocks: readonly Block[]) =>
  blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.trim().split('\n'))

// A directory like a reader's: the checkout's packages are at hand, and what they save lies in it.
let directory: string
let port: number
const running: ChildProcess[] = []
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-docs-'))
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  port = await freePort()
})
afterAll(async () => {
  for (const child of running.reverse()) await stop(child)
  await rm(directory, { recursive: true })
})

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

function start(command: string) {
  const argv = command
    .replace('npx countersign', 'node node_modules/countersign/bin/countersign.js')
    .split(' ')
    .slice(1)
  const child = spawn(process.execPath, argv, { cwd: directory, env: environment() })
  running.push(child)
  const said = { text: '' }
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said.text += chunk
    })
  }
  return { child, said, ended: once(child, 'close').then(([code]) => code as number) }
}

async function run(command: string): Promise<string> {
  const { said, ended } = start(command)
  const code = await ended
  if (code !== 0) throw new Error(`${command}: exit ${code}\n${said.text}`)
  return said.text
}

const environment = () => ({ PATH: process.env.PATH, COUNTERSIGN_PORT: String(port) })

test('the quickstart leads where it says, command by command', async () => {
  const blocks = await blocksOf('docs/quickstart.md')
  expect(commandsOf(blocks)).toEqual([
    'npm run build',
    'npx countersign serve',
    'node setup.mjs',
    'node agent.mjs',
    'npx countersign challenges --token-file bob.token',
    'npx countersign approve CHALLENGE --token-file bob.token',
  ])
  for (const { language, text } of blocks) {
    const name = language === 'rego' ? 'payments.rego' : /^\/\/ (\S+\.mjs)$/m.exec(text)?.[1]
    if (name !== undefined) await writeFile(join(directory, name), text.replace(':8420', `:${port}`))
  }

  const service = start('npx countersign serve')
  await vi.waitFor(() => expect(service.said.text).toContain('Countersign serves'), 30_000)
  await run('node setup.mjs')
  const agent = start('node agent.mjs')
  const challenge = await vi.waitFor(() => {
    const id = /may read\npaused by (\S+)/.exec(agent.said.text)?.[1]
    expect(id, agent.said.text).toBeDefined()
    return id ?? ''
  }, 10_000)
  expect(await run('npx countersign challenges --token-file bob.token')).toContain(challenge)
  await run(`npx countersign approve ${challenge} --token-file bob.token`)
  expect(await agent.ended).toBe(0)
  expect(agent.said.text).toContain('may transfer')
  await stop(service.child)
})

test('a copy of the data directory is a backup that one can go back to', async () => {
  const [backup = ''] = commandsOf(await blocksOf('docs/operations.md'))
  expect(backup).toBe('cp -a .countersign countersign-backup')
  await promisify(execFile)('/bin/sh', ['-c', backup], { cwd: directory })
  await rm(join(directory, '.countersign'), { recursive: true })
  await promisify(execFile)('mv', ['countersign-backup', '.countersign'], { cwd: directory })
  const service = start('npx countersign serve')
  await vi.waitFor(() => expect(service.said.text).toContain('Countersign serves'), 30_000)
  const listed = await run('npx countersign challenges --state consumed --token-file bob.token')
  expect(listed).toContain('invoice-agent wants transfer on https://bank.example/payments')
  await stop(service.child)
})

test("it runs on a PostgreSQL of one's own", async () => {
  const [, ...commands] = commandsOf(await blocksOf('docs/operations.md'))
  const database = await testDatabase()
  const script = commands.join('\n').replace('postgres://countersign@db.internal/countersign', `'${database.url}'`)
  expect(script).toContain(database.url)
  const service = spawn('/bin/sh', ['-c', script.replace(/^npx /m, 'exec node_modules/.bin/')], {
    cwd: directory,
    env: { ...environment(), COUNTERSIGN_DATA: join(directory, 'no-embedded-server') },
  })
  running.push(service)
  await vi.waitFor(async () => expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200), {
    timeout: 30_000,
    interval: 100,
  })
  await stop(service)
  expect(existsSync(join(directory, 'no-embedded-server', 'postgres'))).toBe(false)
  await database.drop()
})

test('every command of the README and of the guide for contributors exists', async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
  for (const path of ['README.md', 'CONTRIBUTING.md']) {
    for (const command of commandsOf(await blocksOf(path))) {
      const [program, verb = '', name = ''] = command.split(' ')
      if (program === 'npm') expect(Object.keys(scripts)).toContain(verb === 'run' ? name : verb)
      else expect(command).toBe('npx vitest run packages/protocol')
    }
  }
})

test('every link between the documents leads somewhere', async () => {
  for (const path of ['README.md', 'CONTRIBUTING.md', 'docs/quickstart.md', 'docs/operations.md']) {
    const markdown = await readFile(join(ROOT, path), 'utf8')
    for (const [, target = ''] of markdown.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      await expect(readFile(resolve(ROOT, path, '..', target)), `${path}: ${target}`).resolves.toBeDefined()
    }
  }
})
