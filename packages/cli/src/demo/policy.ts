/** The demo's resource: a payments API that lets one look, and move money. */
export const RESOURCE = 'resource://payments'
export const READ = 'read'
export const TRANSFER = 'transfer'

/** Who runs the agent, and who may let it move money. */
export const OWNER = { kind: 'user', id: 'alice@example.com' } as const
export const APPROVER = { kind: 'user', id: 'bob@example.com' } as const

/** What the demo's zone runs under. Rules add to `allow` and `step_up`; the built-in composition makes the decision. */
export const POLICY = `package countersign.authz

import rego.v1

# Whoever holds a grant for payments may use it.
allow contains "payments-by-grant" if {
  input.resource.identifier == "${RESOURCE}"
}

# But before money moves, a person must say yes.
step_up contains {
  "policy": "transfers-need-a-person",
  "type": "human_approval",
  "reason": "An agent wants to move money.",
} if {
  "${TRANSFER}" in input.context.requested_scopes
}
`
