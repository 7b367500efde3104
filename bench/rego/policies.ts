/** The policies that are measured, and what they decide on. */

/** The reference payments policy: two rules, `in` and `not`. */
export const payments = `package countersign.authz

default result := {"decision": "deny", "evaluation_status": "complete"}

result := {"decision": "allow", "evaluation_status": "complete"} if {
	"payments:read" in input.context.requested_scopes
	not needs_step_up
}

needs_step_up if {
	"payments:write" in input.context.requested_scopes
	not input.context.challenge_resolved
}
`

export const paymentsInput = {
  principal: { type: 'Application', id: 'app-1', zone_id: 'zone-1' },
  resource: { identifier: 'https://payments.example.com', scopes: ['payments:read', 'payments:write'] },
  action: { id: 'TokenExchange' },
  context: { requested_scopes: ['payments:read'], challenge_resolved: false },
}

/** The same logic as closures, made by hand: what a compiler to closures could reach at most. */
export function paymentsByHand(): (input: typeof paymentsInput) => { decision: string; evaluation_status: string } {
  type Input = typeof paymentsInput
  type Condition = (input: Input) => boolean
  const requested = (input: Input) => input.context.requested_scopes
  const contains =
    (scope: string): Condition =>
    (input) =>
      requested(input).includes(scope)
  const not =
    (condition: Condition): Condition =>
    (input) =>
      !condition(input)
  const both =
    (one: Condition, other: Condition): Condition =>
    (input) =>
      one(input) && other(input)
  const needsStepUp = both(contains('payments:write'), not((input) => input.context.challenge_resolved))
  const allowed = both(contains('payments:read'), not(needsStepUp))
  return (input) => ({ decision: allowed(input) ? 'allow' : 'deny', evaluation_status: 'complete' })
}

/** Roles and their bindings, the bindings as a list: nothing in the policy says how to find one. */
export const roles = `package rbac

default allow := false

allow if {
	some binding in data.bindings
	binding.subject == input.subject
	some grant in data.roles[binding.role]
	grant.action == input.action
	grant.resource == input.resource
}
`

export const rolesInput = { subject: 'user-7', action: 'write', resource: 'doc-7' }

export function rolesData(bindings: number): Record<string, unknown> {
  const role = (at: number) => [
    { action: 'read', resource: `doc-${at}` },
    { action: 'write', resource: `doc-${at}` },
  ]
  return {
    bindings: Array.from({ length: bindings }, (_, at) => ({ subject: `user-${at >> 1}`, role: `role-${(at >> 1) % 50}` })),
    roles: Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`role-${at}`, role(at)])),
  }
}

/** Rules that are each for one resource. */
export function guarded(rules: number): string {
  const one = (at: number) => `allow if {
	input.resource.identifier == "https://resource-${at}.example.com"
	"read" in input.context.requested_scopes
}`
  return `package guarded\n\n${Array.from({ length: rules }, (_, at) => one(at)).join('\n\n')}\n`
}

export const guardedInput = {
  resource: { identifier: 'https://resource-5.example.com' },
  context: { requested_scopes: ['read'] },
}

/** About a thousand lines as people write them. */
export function thousandLines(): string {
  const block = (at: number) => `# What application ${at} may do.
allow contains decision if {
	input.principal.id == "app-${at}"
	input.principal.type == "Application"
	some scope in input.context.requested_scopes
	startswith(scope, "scope-${at}:")
	count(input.context.requested_scopes) < ${(at % 7) + 2}
	decision := {"policy": "p${at}", "scope": scope}
}

limits["app-${at}"] := {"per_minute": ${at * 10}, "burst": ${at + 5}} if {
	not input.session.suspended
	input.session.aal in {"aal2", "aal3"}
}

matches_${at}(value) := result if {
	parts := split(value, ":")
	result := [upper(part) | some part in parts; part != ""]
}
`
  return `package large\n\n${Array.from({ length: 50 }, (_, at) => block(at)).join('\n')}`
}
