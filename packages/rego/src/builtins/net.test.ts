import { expect, it } from 'vitest'
import { compile } from '../index.js'

/** The value of one expression; errors of built-ins are raised. */
function evaluate(expression: string, input: unknown = {}): unknown {
  const source = `package t\n\nresult := ${expression}`
  return compile([{ path: 't.rego', source }], { strictBuiltinErrors: true }).evaluate('data.t.result', input as never)
}

it.each([
  ['10.0.0.0/8', '10.1.2.3', true],
  ['10.0.0.0/8', '10.1.0.0/16', true],
  ['10.1.0.0/16', '10.0.0.0/8', false],
  ['::ffff:10.0.0.0/104', '10.1.1.1', true],
  ['2001:db8::/32', '2001:db8:1::1', true],
  ['0.0.0.0/0', '::1', false],
])('tells whether %s contains %s: %s', (cidr, other, contained) => {
  expect(evaluate('net.cidr_contains(input.cidr, input.other)', { cidr, other })).toBe(contained)
})

it.each(['10.0.0.0/33', '010.0.0.0/8', '1.2.3/8', 'fe80::1%eth0/64', '1::2::3/8', '10.0.0.0'])(
  'takes %s for no CIDR',
  (cidr) => {
    expect(evaluate('net.cidr_is_valid(input)', cidr)).toBe(false)
  },
)

it('merges neighbours into the fewest networks', () => {
  expect(evaluate('net.cidr_merge(["192.0.2.112", "192.0.2.116/31", "fe80::/65", "fe80:0:0:0:8000::/65"])')).toEqual(
    ['192.0.2.112/24', 'fe80::/64'].map((network) => network.replace('.112/', '.0/')),
  )
  expect(evaluate('net.cidr_merge(["10.0.0.1"])')).toEqual(['10.0.0.1/8'])
})

it('lists the addresses of a network, but not of one that is too large', () => {
  expect(evaluate('net.cidr_expand("10.0.0.3/30")')).toEqual(['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3'])
  expect(() => evaluate('net.cidr_expand("::/0")')).toThrow('steps')
})

it('takes URIs apart', () => {
  expect(evaluate('uri.parse("HTTP://u:p@Ex.com:80/a%2fb?q=1#f")')).toEqual({
    scheme: 'http',
    hostname: 'Ex.com',
    port: '80',
    path: '/a/b',
    raw_path: '/a%2fb',
    raw_query: 'q=1',
    fragment: 'f',
  })
  expect(evaluate('uri.is_valid("http://h:port/")')).toBe(false)
})
