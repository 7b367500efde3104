/**
 * IP addresses and networks with Go's parsing: no leading zeros in dotted parts, no zones; IPv4 written as IPv6 is IPv4.
 *
 * @see https://pkg.go.dev/net#ParseCIDR
 * @see https://www.rfc-editor.org/rfc/rfc5952#section-4
 */

export interface Address {
  readonly bits: 32 | 128
  readonly value: bigint
}

/** `address` keeps its host bits; `first` and `last` bound the network. */
export interface Network {
  readonly address: Address
  readonly prefix: number
}

const MAPPED = 0xffffn

export function parseAddress(text: string): Address | undefined {
  if (!text.includes(':')) return parseDotted(text)
  const value = parseColons(text)
  if (value === undefined) return undefined
  return value >> 32n === MAPPED ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value }
}

export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const address = parseAddress(text.slice(0, slash))
  const digits = text.slice(slash + 1)
  if (address === undefined || !/^\d{1,8}$/.test(digits)) return undefined
  const written = text.slice(0, slash).includes(':') ? 128 : 32
  const prefix = Number(digits)
  if (prefix > written) return undefined
  if (address.bits === written) return { address, prefix }
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8; a shorter prefix reaches beyond the mapped addresses.
  if (prefix >= 96) return { address, prefix: prefix - 96 }
  return { address: { bits: 128, value: (MAPPED << 32n) | address.value }, prefix }
}

export function firstOf({ address, prefix }: Network): bigint {
  const host = BigInt(address.bits - prefix)
  return (address.value >> host) << host
}

export function lastOf(network: Network): bigint {
  return firstOf(network) | ((1n << BigInt(network.address.bits - network.prefix)) - 1n)
}

export function contains(network: Network, { bits, value }: Address): boolean {
  return network.address.bits === bits && firstOf(network) <= value && value <= lastOf(network)
}

export function formatAddress({ bits, value }: Address): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.')
  if (value >> 32n === MAPPED) return formatAddress({ bits: 32, value: value & 0xffffffffn })
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - i * 16)) & 0xffffn))
  const zeros = longestZeros(groups)
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  return zeros === undefined ? hex(0, 8) : `${hex(0, zeros.start)}::${hex(zeros.start + zeros.length, 8)}`
}

function longestZeros(groups: readonly number[]): { start: number; length: number } | undefined {
  let best = { start: 0, length: 1 }
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && groups[end] === 0) end += 1
    if (end - start > best.length) best = { start, length: end - start }
    start = Math.max(start, end)
  }
  return best.length > 1 ? best : undefined
}

function parseDotted(text: string): Address | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return { bits: 32, value: parts.reduce((all, part) => (all << 8n) | BigInt(part), 0n) }
}

function parseColons(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half, i) => parseGroups(half, i === halves.length - 1))
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  const missing = 8 - head.length - (tail?.length ?? 0)
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const groups = [...head, ...Array<number>(halves.length === 2 ? missing : 0).fill(0), ...(tail ?? [])]
  return groups.reduce((all, group) => (all << 16n) | BigInt(group), 0n)
}

/** Groups of 16 bits; the last may be a dotted IPv4 address. */
function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    const dotted = last && i === parts.length - 1 ? parseDotted(part) : undefined
    if (dotted !== undefined) groups.push(Number(dotted.value >> 16n), Number(dotted.value & 0xffffn))
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}
