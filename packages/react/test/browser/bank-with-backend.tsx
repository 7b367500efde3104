import { DecisionClient, OAuthClient, readPause } from '@countersign/client'
import { useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Can, CountersignProvider, useRevalidate, useStepUp } from '../../src/index.js'

interface Settings {
  readonly stsUrl: string
  readonly zoneId: string
  readonly applicationId: string
  readonly issuer: string
  readonly resource: string
}

const settings: Settings = JSON.parse(document.getElementById('settings')?.textContent ?? '{}')
let session = ''

/** One's own backend: it holds the application's secret, the page holds the session mandate. */
async function backend(path: string, body: object, signal?: AbortSignal): Promise<Record<string, string>> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const answer = await fetch(path, { ...init, signal: signal ?? null })
  const read = await answer.json()
  const pause = readPause(read)
  if (pause) throw pause
  if (!answer.ok) throw new Error(read.error)
  return read
}

const oauth = new OAuthClient(settings.stsUrl, settings.zoneId, settings.applicationId)
const decisions = new DecisionClient(settings.stsUrl, settings.zoneId, { token: () => session })

function Bank() {
  const [user, setUser] = useState<string | null>(null)
  const signIn = async () => {
    session = (await backend('/sign-in', { acr: 'password' })).session ?? ''
    setUser('alice')
  }
  const subject = user === null ? null : { type: 'user', id: user, issuer: settings.issuer }
  return (
    <CountersignProvider client={decisions} oauth={oauth} subject={subject} ttlMs={2_000}>
      <button type="button" onClick={signIn}>
        Sign in
      </button>
      <Transfer />
    </CountersignProvider>
  )
}

function Transfer() {
  const { state, run } = useStepUp()
  const revalidate = useRevalidate()
  const [outcome, setOutcome] = useState('')
  const verify = () =>
    run(async ({ challenge, signal }) => {
      const proof = challenge && { challengeId: challenge.challengeId, challengeSecret: challenge.challengeSecret }
      await backend('/raise', { session, challenge: proof }, signal)
    }).catch((error) => setOutcome(String(error)))
  const signInStrongly = async () => {
    session = (await backend('/sign-in', { acr: 'passkey' })).session ?? ''
    revalidate()
  }
  const transfer = async () => {
    const { mandate } = await backend('/mandate', { session })
    const headers = { authorization: `Bearer ${mandate}`, 'content-type': 'application/json' }
    const answer = await fetch('/transfers', { method: 'POST', headers, body: '{"amount":100}' })
    setOutcome(`${answer.status} ${await answer.text()}`)
  }
  return (
    <section>
      <output>{outcome}</output>
      {state.status === 'challenged' && <em>{state.challenge.challengeId}</em>}
      <Can
        permission="transfer"
        resource={settings.resource}
        granted={
          <button type="button" onClick={transfer}>
            Transfer
          </button>
        }
        stepUp={
          <>
            <button type="button" onClick={verify}>
              Verify
            </button>
            <button type="button" onClick={signInStrongly}>
              Use a passkey
            </button>
          </>
        }
        denied="denied"
        unavailable={({ reason }) => reason}
      />
    </section>
  )
}

createRoot(document.body.appendChild(document.createElement('main'))).render(<Bank />)
