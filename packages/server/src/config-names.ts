/** Every variable that the service reads. */
export const NAMES = [
  'COUNTERSIGN_PORT',
  'COUNTERSIGN_HOST',
  'COUNTERSIGN_BASE_URL',
  'COUNTERSIGN_DATA',
  'COUNTERSIGN_ADMIN_TOKEN',
  'COUNTERSIGN_KEK',
  'COUNTERSIGN_ROLES',
  'COUNTERSIGN_ALLOW_PRIVATE_ADDRESSES',
  'COUNTERSIGN_TRUST_PROXY',
  'DATABASE_URL',
  'REDIS_URL',
] as const

export type Name = (typeof NAMES)[number]

/** Of the test suite, whose services inherit it. */
const TEST_NAMES: readonly string[] = ['COUNTERSIGN_TEST_DATABASE_URL']

/**
 * The values that are set, by name, and what is wrong with the names. An empty value is as good as none, which is what
 * compose files make of an unset variable.
 */
export function readNames(env: NodeJS.ProcessEnv): {
  readonly values: Partial<Record<Name, string>>
  readonly problems: readonly string[]
} {
  const values: Partial<Record<Name, string>> = {}
  const problems: string[] = []
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value.trim() === '' || isServiceLink(name, value)) continue
    const known = NAMES.find((candidate) => candidate === name)
    if (known !== undefined) values[known] = value.trim()
    else if (name.startsWith('COUNTERSIGN_') && !TEST_NAMES.includes(name)) {
      problems.push(`${name} is not a variable of this service. Did you mean ${nearest(name)}?`)
    }
  }
  return { values, problems }
}

/**
 * Kubernetes tells every pod of the services around it in this form, and a service named `countersign` brings a
 * `COUNTERSIGN_PORT` that is an address.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
function isServiceLink(name: string, value: string): boolean {
  if (!name.startsWith('COUNTERSIGN_')) return false
  return (
    /_SERVICE_(HOST|PORT|PORT_[A-Z0-9_]+)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
  )
}

function nearest(name: string): Name {
  return NAMES.reduce((best, candidate) => (distance(name, candidate) < distance(name, best) ? candidate : best))
}

/** Edit distance: insertions, deletions and replacements of one character. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
