import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyToken } from '@countersign/client/verify-token'
import { describeTime } from '../challenges/challenge.js'
import { CliError, EXIT, type ExitCode } from '../cli-error.js'
import { AdminApi, ApiError } from '../http/admin-api.js'
import { member } from '../http/request.js'
import type { Io } from '../io.js'
import { readLocal } from '../local/files.js'
import { describeRefusal, type Exchange } from './agent.js'
import { type LocalDemo, startLocalDemo } from './local-demo.js'
import { APPROVER, OWNER, POLICY, READ, RESOURCE, TRANSFER } from './policy.js'

/**
 * The whole loop without a person, on a service of its own with a temporary data directory: each step is printed, and the
 * exit code is 0 only when every one held.
 *
 * @param policy Rego for the demo's zone. With another than its own, steps do not hold.
 */
export async function unattendedDemo(io: Io, policy: string = POLICY): Promise<ExitCode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'countersign-demo-'))
  const steps = new Steps(io)
  let local: LocalDemo | undefined
  try {
    const env = { COUNTERSIGN_DATA: dataDir, COUNTERSIGN_PORT: String(await freePort()) }
    local = await steps.run('Start the service, and set up a zone', async (say) => {
      const started = await startLocalDemo(io, env, policy)
      say(`Countersign runs at ${started.service.url}, with a PostgreSQL of its own.`)
      say(`${OWNER.id} runs an agent that has a grant for "${READ}" and "${TRANSFER}" on ${RESOURCE}.`)
      say(`The zone's policy: reading is free; before a transfer a person must say yes.`)
      return started
    })
    await tellStory(io, steps, local)
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
  } finally {
    await local?.service.close()
    await rm(dataDir, { recursive: true, force: true })
  }
  io.out('')
  if (steps.failed) {
    io.out(io.style.bad(`Step ${steps.count} did not hold.`))
    return EXIT.failed
  }
  io.out(`${io.style.good(`All ${steps.count} steps held.`)} Try it by hand: npx countersign demo --interactive`)
  return EXIT.done
}

async function tellStory(io: Io, steps: Steps, { service, demo, agent, issuer }: LocalDemo): Promise<void> {
  const challengePath = (id: string) => `/v1/zones/${demo.zone_id}/step-up-challenges/${id}`
  const bob = new AdminApi(service.url, (await readLocal(service.dataDir, 'approver.json'))?.token ?? '', io.signal)
  const alice = new AdminApi(service.url, demo.owner_token, io.signal)

  await steps.run('The agent asks to read payments', async (say) => {
    const { mandate } = expectOutcome(await agent.exchange(RESOURCE, READ), 'mandate')
    say(`Granted at once: a mandate for "${mandate.scopes.join(' ')}", for ${describeTime(mandate.expiresIn * 1000)}.`)
  })

  const challenge = await steps.run('It asks for a transfer', async (say) => {
    const { challenge: held } = expectOutcome(await agent.exchange(RESOURCE, TRANSFER), 'paused')
    say(`Paused: ${held.status} ${held.code}, until a ${held.challengeType} for challenge ${held.challengeId}.`)
    say(
      `There are ${describeTime(held.expiresAt - Date.now())} to decide. The secret that completes it is the agent's alone.`,
    )
    return held
  })

  await steps.run('It retries before anybody has decided', async (say) => {
    const { challenge: still } = expectOutcome(await agent.exchange(RESOURCE, TRANSFER, challenge), 'paused')
    check(still.challengeId === challenge.challengeId, 'the challenge is another one')
    check(still.challengeSecret === challenge.challengeSecret, 'it was given a second secret')
    say('Still paused, by the same challenge.')
  })

  await steps.run(`${OWNER.id}, who runs the agent, approves`, async (say) => {
    const refusal = await alice
      .post(`${challengePath(challenge.challengeId)}/satisfy`, {})
      .catch((error: unknown) => error)
    check(refusal instanceof ApiError && refusal.code === 'self_approval', `this was not refused: ${String(refusal)}`)
    say('Refused: nobody approves what they ask for themselves.')
  })

  const waiting = agent.wait(challenge).then((state) => ({ state, at: performance.now() }))
  waiting.catch(() => {})
  await steps.run(`${APPROVER.id} approves, while the agent waits`, async (say) => {
    await bob.post(`${challengePath(challenge.challengeId)}/satisfy`, { reason: 'Invoice checked.' })
    const approvedAt = performance.now()
    const { state, at } = await waiting
    check(state === 'satisfied', `the challenge is ${state}`)
    say(`The agent was told ${Math.max(0, Math.round(at - approvedAt))} ms later.`)
  })

  await steps.run('It retries', async (say) => {
    const { mandate } = expectOutcome(await agent.exchange(RESOURCE, TRANSFER, challenge), 'mandate')
    const claims = await verifyToken(mandate.accessToken, { issuer, audience: RESOURCE })
    check(claims.scope === TRANSFER, `the mandate is for "${claims.scope}"`)
    const met = member(member(claims.ctx, 'challenge'), 'id')
    check(met === challenge.challengeId, 'the mandate does not name its challenge')
    check(mandate.receipt !== undefined, 'the mandate came without a receipt')
    say(
      `Granted: a mandate for "${claims.scope}" on ${[claims.aud].flat().join(', ')}, for ${describeTime(mandate.expiresIn * 1000)}.`,
    )
    say(`Its signature verifies with the zone's published keys, and it names the challenge that was met.`)
    say(`The audit ledger has it as leaf ${mandate.receipt.leaf_index}.`)
  })

  await steps.run('It uses the same approval again', async (say) => {
    const { refusal } = expectOutcome(await agent.exchange(RESOURCE, TRANSFER, challenge), 'refused')
    check(refusal.status === 401, `the status is ${refusal.status}`)
    say(`Refused: ${describeRefusal(refusal)}. An approval is good for one mandate.`)
  })

  await steps.run(`It asks for another transfer, and ${APPROVER.id} says no`, async (say) => {
    const { challenge: second } = expectOutcome(await agent.exchange(RESOURCE, TRANSFER), 'paused')
    await bob.post(`${challengePath(second.challengeId)}/reject`, { reason: 'Not this one.' })
    check((await agent.wait(second)) === 'rejected', 'the agent was not told')
    const { refusal } = expectOutcome(await agent.exchange(RESOURCE, TRANSFER, second), 'refused')
    check(refusal.status === 403, `the status is ${refusal.status}`)
    say(`Refused: ${describeRefusal(refusal)}.`)
  })
}

class StepFailed extends Error {}

/** Numbers the steps, prints how each went, and ends the demo at the first that does not hold. */
class Steps {
  count = 0
  failed = false

  constructor(private readonly io: Io) {}

  async run<T>(title: string, body: (say: (line: string) => void) => Promise<T>): Promise<T> {
    const { io } = this
    this.count += 1
    io.out('')
    io.out(io.style.bold(`${this.count}. ${title}`))
    try {
      return await body((line) => io.out(`   ${line}`))
    } catch (error) {
      io.signal.throwIfAborted()
      this.failed = true
      io.out(`   ${io.style.bad('✗')} ${error instanceof Error ? error.message : String(error)}`)
      throw new StepFailed(title, { cause: error })
    }
  }
}

function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new CliError(`This did not hold: ${otherwise}.`)
}

function expectOutcome<Outcome extends Exchange['outcome']>(
  exchange: Exchange,
  outcome: Outcome,
): Extract<Exchange, { outcome: Outcome }> {
  if (exchange.outcome === outcome) return exchange as Extract<Exchange, { outcome: Outcome }>
  const said = exchange.outcome === 'refused' ? ` (${describeRefusal(exchange.refusal)})` : ''
  throw new CliError(`The service answered "${exchange.outcome}"${said}, not "${outcome}".`)
}

/** A port that is free now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error()),
      )
    })
  })
}
