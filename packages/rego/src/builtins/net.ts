/** `net.cidr_*`. */
import { type Builtin, type BuiltinContext, BuiltinError, builtin, stringOperand, T } from '../builtins-api.js'
import { isArray, isObject, isSet, objectEntries, RegoSet, type Value } from '../value.js'
import {
  type Address,
  contains,
  firstOf,
  formatAddress,
  lastOf,
  type Network,
  parseAddress,
  parseNetwork,
} from './go/ip.js'
import { elementsOf, given } from './operands.js'

function network(text: string): Network {
  const parsed = parseNetwork(text)
  if (parsed === undefined) throw new BuiltinError(`invalid CIDR address: ${text}`)
  return parsed
}

function cidrContains(cidr: Value | undefined, other: Value | undefined): boolean {
  const outer = network(stringOperand(cidr, 1))
  // OPA names the first operand here too.
  const text = stringOperand(other, 1)
  const address = parseAddress(text)
  if (address !== undefined) return contains(outer, address)
  const inner = parseNetwork(text)
  if (inner === undefined) {
    throw new BuiltinError(`not a valid textual representation of an IP address or CIDR: ${text}`)
  }
  const { bits } = inner.address
  return contains(outer, { bits, value: firstOf(inner) }) && contains(outer, { bits, value: lastOf(inner) })
}

/** What can be matched and the name it has in the result: the string itself, the index, the element or the key. */
function* candidates(operand: Value, position: number): Iterable<readonly [cidr: Value, name: Value]> {
  if (typeof operand === 'string') yield [operand, operand]
  else if (isArray(operand)) for (const [i, element] of operand.entries()) yield [cidrOf(element, position), i]
  else if (isSet(operand)) for (const element of operand) yield [cidrOf(element, position), element]
  else if (isObject(operand)) for (const [key, value] of objectEntries(operand)) yield [cidrOf(value, position), key]
}

/** A CIDR alone, or at the head of an array with whatever belongs to it. */
function cidrOf(element: Value, position: number): Value {
  if (typeof element === 'string') return element
  if (isArray(element) && element.length > 0) return element[0] as Value
  throw new BuiltinError(`operand ${position}: element must be string or non-empty array`)
}

function containsMatches(context: BuiltinContext, cidrs: Value, others: Value): RegoSet {
  const matches = new RegoSet()
  for (const [cidr, name] of candidates(cidrs, 1)) {
    for (const [other, otherName] of candidates(others, 2)) {
      context.charge(1)
      if (cidrContains(cidr, other)) matches.add([name, otherName])
    }
  }
  return matches
}

function expand(context: BuiltinContext, cidr: Network): RegoSet {
  const first = firstOf(cidr)
  const last = lastOf(cidr)
  const count = last - first + 1n
  // An address in a set takes far more memory than a step's usual share.
  context.charge(Number(count) * 8)
  const addresses = new RegoSet()
  for (let value = first; value <= last; value++) addresses.add(formatAddress({ bits: cidr.address.bits, value }))
  return addresses
}

/** A network as `merge` sees it: bounds on one line of 128 bits, IPv4 where IPv6 maps it. */
interface Range {
  readonly first: bigint
  readonly last: bigint
  /** How it is written as long as it stands alone. */
  readonly text: string | undefined
}

const MAPPED = 0xffffn << 32n

function rangeOf(element: Value): Range {
  if (typeof element !== 'string') throw new BuiltinError('element must be string')
  const address = parseAddress(element)
  if (address !== undefined && address.bits === 128) throw new BuiltinError('IPv6 invalid: needs prefix length')
  const parsed = address === undefined ? network(element) : { address, prefix: classPrefix(address) }
  const base = parsed.address.bits === 32 ? MAPPED : 0n
  // A bare address stands for its class of network, yet keeps its own host bits in print.
  const shown = address === undefined ? firstOf(parsed) : address.value
  return {
    first: base + firstOf(parsed),
    last: base + lastOf(parsed),
    text: `${formatAddress({ bits: parsed.address.bits, value: shown })}/${parsed.prefix}`,
  }
}

/** The mask that Go gives an IPv4 address without one. @see https://www.rfc-editor.org/rfc/rfc791#section-3.2 */
function classPrefix({ value }: Address): number {
  const first = value >> 24n
  return first < 0x80n ? 8 : first < 0xc0n ? 16 : 24
}

function merge(operand: Value | undefined): RegoSet {
  const elements = elementsOf(operand)
  if (elements === undefined) throw new BuiltinError('operand must be an array')
  const ranges = elements.map(rangeOf)
  ranges.sort((a, b) => compareBig(a.last, b.last) || compareBig(a.first, b.first))
  const merged: Range[] = []
  for (let range of ranges) {
    for (let before = merged.at(-1); before !== undefined && adjoins(before, range); before = merged.at(-1)) {
      merged.pop()
      range = { first: smaller(before.first, range.first), last: range.last, text: undefined }
    }
    merged.push(range)
  }
  return RegoSet.from(merged.flatMap((range) => (range.text === undefined ? cover(range) : [range.text])))
}

function adjoins(before: Range, range: Range): boolean {
  const lowest = range.first === 0n || range.first === MAPPED
  return (lowest ? range.first : range.first - 1n) <= before.last
}

/** The fewest networks that make up a range. */
function cover({ first, last }: Range): string[] {
  const ipv4 = first >= MAPPED && last < MAPPED + (1n << 32n)
  const bits = ipv4 ? 32 : 128
  const base = ipv4 ? MAPPED : 0n
  const networks: string[] = []
  for (let at = first - base; at <= last - base; ) {
    let host = 0n
    while (host < bits && (at & ((1n << (host + 1n)) - 1n)) === 0n && at + (1n << (host + 1n)) - 1n <= last - base)
      host += 1n
    networks.push(`${formatAddress({ bits, value: at })}/${bits - Number(host)}`)
    at += 1n << host
  }
  return networks
}

function smaller(a: bigint, b: bigint): bigint {
  return a <= b ? a : b
}

function compareBig(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const tagged = T.union(T.string, T.array(T.any))
const cidrs = T.union(T.string, T.array(tagged), T.object(T.string, tagged), T.set(tagged))

export const net: readonly Builtin[] = [
  builtin('net.cidr_contains', [T.string, T.string], T.boolean, (_, cidr, other) => cidrContains(cidr, other)),
  builtin('net.cidr_overlap', [T.string, T.string], T.boolean, (_, cidr, other) => cidrContains(cidr, other)),
  builtin('net.cidr_contains_matches', [cidrs, cidrs], T.set(T.tuple(T.any, T.any)), (context, a, b) =>
    containsMatches(context, given(a), given(b)),
  ),
  builtin('net.cidr_intersects', [T.string, T.string], T.boolean, (_, a, b) => {
    const left = network(stringOperand(a, 1))
    const right = network(stringOperand(b, 1))
    if (left.address.bits !== right.address.bits) return false
    return firstOf(left) <= lastOf(right) && firstOf(right) <= lastOf(left)
  }),
  builtin(
    'net.cidr_is_valid',
    [T.string],
    T.boolean,
    (_, cidr) => typeof cidr === 'string' && parseNetwork(cidr) !== undefined,
  ),
  builtin('net.cidr_expand', [T.string], T.set(T.string), (context, cidr) =>
    expand(context, network(stringOperand(cidr, 1))),
  ),
  builtin('net.cidr_merge', [T.union(T.array(T.union(T.string)), T.set(T.string))], T.set(T.string), (_, operand) =>
    merge(operand),
  ),
]
