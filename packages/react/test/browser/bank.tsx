import { DecisionClient, OAuthClient } from '@countersign/client'
import { useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Can, CountersignProvider, useStepUp } from '../../src/index.js'

let session = 'session-at-aal1'
const oauth = new OAuthClient(location.origin, 'zone-1', 'bank-app')
const decisions = new DecisionClient(location.origin, 'zone-1', { token: () => session })

function Bank() {
  const [user, setUser] = useState('alice')
  return (
    <CountersignProvider client={decisions} oauth={oauth} subject={{ type: 'user', id: user }} ttlMs={2_000}>
      <p>{user}</p>
      <button type="button" onClick={() => setUser(user === 'alice' ? 'bob' : 'alice')}>
        Switch
      </button>
      <TransferButton />
    </CountersignProvider>
  )
}

function TransferButton() {
  const { state, run, cancel } = useStepUp()
  const verify = () =>
    run(async ({ challenge, signal }) => {
      const raised = await oauth.exchange(session, undefined, { acrValues: 'aal2', challenge, signal })
      session = raised.accessToken
    }).catch(() => {})
  if (state.status === 'challenged') {
    return (
      <button type="button" onClick={cancel}>
        Cancel
      </button>
    )
  }
  return (
    <Can
      permission="transfers:create"
      granted={<button type="button">Transfer</button>}
      stepUp={
        <button type="button" onClick={verify}>
          Verify
        </button>
      }
      pending="…"
      denied={<em>No</em>}
      unavailable="Nobody knows"
    />
  )
}

createRoot(document.body.appendChild(document.createElement('main'))).render(<Bank />)
