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

/** Requests of several shapes: with one alone, the engine would compute the answer of the closures beforehand. */
export const paymentsInputs: readonly (typeof paymentsInput)[] = Array.from({ length: 64 }, (_, at) => ({
  ...paymentsInput,
  principal: { ...paymentsInput.principal, id: `app-${at}` },
  context: {
    requested_scopes: ['openid', 'payments:read', 'profile', 'payments:write'].slice(at % 3, (at % 3) + 1 + (at % 4)),
    challenge_resolved: at % 5 === 0,
  },
}))

type Condition = (input: unknown) => boolean
type Term = (input: unknown) => unknown

/**
 * The same logic as closures, made by hand of the parts that any such policy is made of: what a compiler to closures could
 * reach at most. Members are looked up as a policy must, in own properties alone.
 */
export function paymentsByHand(): (input: unknown) => Record<string, string> {
  const member =
    (...path: readonly string[]): Term =>
    (input) => {
      let value = input
      for (const key of path) {
        if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
        value = (value as Record<string, unknown>)[key]
      }
      return value
    }
  const contains =
    (element: unknown, collection: Term): Condition =>
    (input) => {
      const value = collection(input)
      return Array.isArray(value) && value.includes(element)
    }
  const isTrue =
    (term: Term): Condition =>
    (input) => {
      const value = term(input)
      return value !== undefined && value !== false
    }
  const not =
    (condition: Condition): Condition =>
    (input) =>
      !condition(input)
  const all =
    (...conditions: readonly Condition[]): Condition =>
    (input) => {
      for (const condition of conditions) if (!condition(input)) return false
      return true
    }
  const requested = member('context', 'requested_scopes')
  const needsStepUp = all(contains('payments:write', requested), not(isTrue(member('context', 'challenge_resolved'))))
  const allowed = all(contains('payments:read', requested), not(needsStepUp))
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
    bindings: Array.from({ length: bindings }, (_, at) => ({
      subject: `user-${at >> 1}`,
      role: `role-${(at >> 1) % 50}`,
    })),
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
