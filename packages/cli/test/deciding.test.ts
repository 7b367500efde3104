import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { freePort } from './support/free-port.js'
import { Terminal } from './support/terminal.js'

// One service with the demo's agent, as `npm start` runs it; each test decides about the agent's next request.
let dataDir: string
let port: number
let server: Terminal
let running: Promise<number>

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'countersign-cli-'))
  port = await freePort()
  server = new Terminal({ COUNTERSIGN_DATA: dataDir, COUNTERSIGN_PORT: String(port) })
  running = server.run('demo', '--interactive')
  await pausedChallenge()
})
afterAll(async () => {
  server.interrupt()
  expect(await running).toBe(0)
  await rm(dataDir, { recursive: true })
})

/** The challenge of the last request, once the agent is paused. */
async function pausedChallenge(): Promise<string> {
  return vi.waitFor(
    () => {
      const id = /approve {2}cd \S+ && npx countersign approve (\S+)/.exec(server.text)?.[1]
      expect(id, `${server.text}\n${server.errorText}`).toBeDefined()
      return id ?? ''
    },
    { timeout: 30_000, interval: 50 },
  )
}

/** Lets the agent ask again. */
async function nextChallenge(): Promise<string> {
  await vi.waitFor(() => expect(server.text).toContain('Enter lets the agent ask again'), 5_000)
  server.lines.length = 0
  server.enter()
  return pausedChallenge()
}

const command = async (...argv: string[]) => {
  const terminal = new Terminal({ COUNTERSIGN_DATA: dataDir })
  return { code: await terminal.run(...argv), out: terminal.text, err: terminal.errorText }
}
const file = (name: string) => join(dataDir, name)

describe('a paused request', () => {
  test('stands in the list with who wants what', async () => {
    const id = await pausedChallenge()
    const listed = await command('challenges')
    expect(listed.code).toBe(0)
    expect(listed.out).toContain(`${id}  human_approval, pending, `)
    expect(listed.out).toContain('invoice-agent wants transfer on resource://payments')
    const json = await command('challenges', '--json', '--zone', 'demo')
    expect(JSON.parse(json.out)).toMatchObject([{ id, state: 'pending', request: { scopes: ['transfer'] } }])
    expect((await command('challenges', '--state', 'rejected')).out).toBe('No rejected challenges.')
  })

  test('cannot be approved by the owner of what asks, nor with the bootstrap token', async () => {
    const id = await pausedChallenge()
    const own = file('owner-token')
    await writeFile(own, JSON.parse(await readFile(file('demo.json'), 'utf8')).owner_token, { mode: 0o600 })
    const byOwner = await command('approve', id, '--token-file', own)
    expect(byOwner).toMatchObject({ code: 1, err: expect.stringContaining('self_approval') })
    expect(byOwner.err).toContain('Somebody else must')
    const byBootstrap = await command('approve', id, '--token-file', file('admin-token'))
    expect(byBootstrap).toMatchObject({ code: 1, err: expect.stringContaining('wrong_capability') })
  })

  test('is approved by the printed command, and the agent gets its mandate', async () => {
    const approved = await command('approve', await pausedChallenge(), '--reason', 'Invoice checked.')
    expect(approved.err).toBe('')
    expect(approved).toMatchObject({
      code: 0,
      out: expect.stringContaining('Approved: invoice-agent wants transfer on resource://payments.'),
    })
    expect(approved.out).toMatch(/^Recorded as given by user bob@example\.com( \(.*\))?\.$/m)
    await vi.waitFor(() => expect(server.text).toContain('200: its mandate, for "transfer"'), 5_000)
    expect((await command('challenges', '--state', 'consumed')).out).toContain('consumed')
  })

  test('is refused by the other command, and the agent gets nothing', async () => {
    const id = await nextChallenge()
    expect(await command('reject', id, '--reason', 'No.')).toMatchObject({ code: 0, err: '' })
    await vi.waitFor(() => expect(server.text).toContain('403 access_denied, challenge_rejected'), 5_000)
    expect(await command('approve', id)).toMatchObject({ code: 1, err: expect.stringContaining('rejected already') })
    expect(await command('reject', id)).toMatchObject({ code: 1, err: expect.stringContaining('rejected already') })
  })

  test('shows up in a watch, and so does what becomes of it', async () => {
    const terminal = new Terminal({ COUNTERSIGN_DATA: dataDir })
    const watching = terminal.run('challenges', '--watch', '--json', '--state', 'all')
    const id = await nextChallenge()
    const states = () => terminal.lines.map((line) => JSON.parse(line)).filter((found) => found.id === id)
    await vi.waitFor(() => expect(states()).toMatchObject([{ state: 'pending' }]), 5_000)
    await command('approve', id)
    await vi.waitFor(() => expect(states().at(-1)).toMatchObject({ state: 'consumed' }), 5_000)
    terminal.interrupt()
    expect(await watching).toBe(0)
  })
})

describe('what cannot be is said clearly', () => {
  test('an id that is none, and one that nobody knows', async () => {
    expect(await command('approve', 'x')).toMatchObject({ code: 2, err: expect.stringContaining('not the id') })
    expect(await command('reject', '01990000-0000-7000-8000-000000000000')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no challenge'),
    })
    expect(await command('challenges', '--zone', 'nowhere')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no zone "nowhere"'),
    })
  })

  test('no service, no token, a wrong token', async () => {
    const nobody = await freePort()
    const token = file('wrong-token')
    await writeFile(token, 'wrong-token-of-no-use\n', { mode: 0o600 })
    const url = `http://127.0.0.1:${nobody}`
    expect(await command('challenges', '--url', url, '--token-file', token)).toMatchObject({
      code: 3,
      err: expect.stringContaining(`No service answers at ${url} (ECONNREFUSED)`),
    })
    const empty = await mkdtemp(join(tmpdir(), 'countersign-cli-'))
    await writeFile(join(empty, 'service.json'), JSON.stringify({ url, pid: 1 }), { mode: 0o600 })
    expect(await command('challenges', '--data', empty)).toMatchObject({
      code: 2,
      err: expect.stringContaining('There is no token'),
    })
    await rm(empty, { recursive: true })
    expect(await command('challenges', '--token-file', token)).toMatchObject({
      code: 1,
      err: expect.stringContaining('invalid_token'),
    })
  })

  test('no token goes anywhere while no service runs on the data directory', async () => {
    const stopped = await mkdtemp(join(tmpdir(), 'countersign-cli-'))
    const token = join(stopped, 'admin-token')
    await writeFile(token, 'token-of-a-service-that-is-stopped\n', { mode: 0o600 })
    for (const argv of [['challenges'], ['challenges', '--token-file', token]]) {
      expect(await command(...argv, '--data', stopped)).toMatchObject({
        code: 3,
        err: expect.stringContaining(`No service runs on ${stopped}.`),
      })
    }
    await rm(stopped, { recursive: true })
  })

  test('a URL that is none, blamed on where it came from', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'countersign-cli-'))
    await writeFile(join(elsewhere, 'service.json'), '{"url": "nonsense", "pid": 1}', { mode: 0o600 })
    const found = await command('challenges', '--data', elsewhere)
    expect(found).toMatchObject({ code: 2, err: expect.stringContaining(join(elsewhere, 'service.json')) })
    expect(found.err).not.toContain('--url')
    await rm(elsewhere, { recursive: true })
    expect(await command('challenges', '--url', 'nonsense')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--url must be a URL'),
    })
  })

  test('a token file that is not there', async () => {
    expect(await command('challenges', '--token-file', '/no/such.token')).toMatchObject({
      code: 2,
      err: expect.stringContaining('/no/such.token does not exist.'),
    })
  })

  test("the data directory's token is never sent to a service that the command line names", async () => {
    expect(await command('challenges', '--url', 'http://127.0.0.1:9')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--token-file'),
    })
  })

  test('a token that others can read is not used', async () => {
    expect((await stat(file('approver.json'))).mode & 0o777).toBe(0o600)
    await chmod(file('approver.json'), 0o644)
    expect(await command('challenges')).toMatchObject({ code: 2, err: expect.stringContaining('chmod 600') })
    await chmod(file('approver.json'), 0o600)
  })
})
