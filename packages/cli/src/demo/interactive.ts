import { isAbsolute, relative } from 'node:path'
import type { InteractionRequiredError } from '@countersign/client'
import { verifyToken } from '@countersign/client/verify-token'
import { describeTime } from '../challenges/challenge.js'
import { EXIT, type ExitCode } from '../cli-error.js'
import { ended } from '../commands/serve.js'
import type { Io } from '../io.js'
import { type DemoAgent, describeRefusal } from './agent.js'
import { type LocalDemo, startLocalDemo } from './local-demo.js'
import { APPROVER, OWNER, RESOURCE, TRANSFER } from './policy.js'

/**
 * The loop for a person: the service stays up, the demo's agent is paused and waits, and the terminal says how to decide
 * and what came of it. Ends with Ctrl-C.
 */
export async function interactiveDemo(io: Io): Promise<ExitCode> {
  const local = await startLocalDemo(io, io.env)
  try {
    io.out(`Countersign runs at ${io.style.bold(local.service.url)}, with its data in ${local.service.dataIn}.`)
    do await askOnce(io, local)
    while (await again(io))
    await ended(io.signal)
  } catch (error) {
    if (!io.signal.aborted) throw error
  } finally {
    io.err('Stopping.')
    await local.service.close()
  }
  return EXIT.done
}

async function askOnce(io: Io, local: LocalDemo): Promise<void> {
  const { agent } = local
  const { style } = io
  io.out('')
  io.out(`An agent that ${OWNER.id} runs asks for "${TRANSFER}" on ${RESOURCE}.`)
  const asked = await agent.exchange(RESOURCE, TRANSFER)
  if (asked.outcome !== 'paused') {
    io.out(style.bad(`It was not paused, as the demo's policy demands, but: ${asked.outcome}. Has the policy changed?`))
    return
  }
  const { challenge } = asked
  const left = describeTime(challenge.expiresAt - Date.now())
  io.out(
    `The policy wants a person's yes before money moves, so it is ${style.wait('paused')}: it holds no mandate, and waits.`,
  )
  io.out('')
  io.out(`You are ${APPROVER.id}, and have ${left} to decide. ${whereTo(challenge.challengeUri)}`)
  io.out('')
  io.out(`  ${style.good('approve')}  ${style.bold(commandLine(io, local, 'approve', challenge))}`)
  io.out(`  ${style.bad('reject')}   ${commandLine(io, local, 'reject', challenge)}`)
  io.out('')
  await tellOutcome(io, local, challenge, await agent.wait(challenge))
}

async function tellOutcome(
  io: Io,
  local: LocalDemo,
  challenge: InteractionRequiredError,
  state: string,
): Promise<void> {
  const { style } = io
  if (state === 'expired') {
    io.out(style.dim('Nobody decided in time. The challenge is over, and the agent got nothing.'))
    return
  }
  io.out(
    state === 'satisfied'
      ? style.good('Approved. The agent retries:')
      : style.bad(`The challenge is ${state}. The agent retries:`),
  )
  await retry(io, local.agent, local.issuer, challenge)
}

async function retry(io: Io, agent: DemoAgent, issuer: string, challenge: InteractionRequiredError): Promise<void> {
  const answer = await agent.exchange(RESOURCE, TRANSFER, challenge)
  switch (answer.outcome) {
    case 'mandate': {
      const { accessToken, expiresIn, receipt } = answer.mandate
      const claims = await verifyToken(accessToken, { issuer, audience: RESOURCE })
      const life = describeTime(expiresIn * 1000)
      io.out(`  200: its mandate, for "${claims.scope}" on ${[claims.aud].flat().join(', ')}, good for ${life}.`)
      io.out(`  It is signed by ${issuer}, and stands in the audit ledger as leaf ${receipt?.leaf_index}.`)
      io.out('  The approval is used up: the next transfer pauses again.')
      return
    }
    case 'refused':
      io.out(`  ${describeRefusal(answer.refusal)}`)
      return
    case 'paused':
      io.out(`  Paused again, by challenge ${answer.challenge.challengeId}.`)
  }
}

/** At a terminal, Enter lets the agent ask again. */
async function again(io: Io): Promise<boolean> {
  io.out('')
  if (!io.interactive) {
    io.out(io.style.dim('The service stays up until it is told to end.'))
    return false
  }
  io.out(io.style.dim('Enter lets the agent ask again; Ctrl-C stops the service.'))
  return io.enter()
}

function whereTo(uri: string | undefined): string {
  return uri === undefined ? 'In another terminal:' : `Open ${uri} , or in another terminal:`
}

/** A command for any terminal: it goes where `npx` finds this package first. */
function commandLine(io: Io, { service }: LocalDemo, verb: string, { challengeId }: InteractionRequiredError): string {
  const path = relative(io.cwd, service.dataDir)
  const elsewhere = path === '.countersign' ? '' : ` --data ${quote(isAbsolute(path) ? path : service.dataDir)}`
  return `cd ${quote(io.cwd)} && npx countersign ${verb} ${challengeId}${elsewhere}`
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
