import fc from 'fast-check'
import { MARK } from './shot.js'

/** Texts that have broken services before. Addresses lead nowhere: nothing here may reach another machine. */
const FAMOUS = [
  '',
  ' ',
  '\0',
  '\ud800',
  '\ufeff',
  '\u202e',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'true',
  'NaN',
  '-1',
  '0',
  '1e999',
  '9007199254740993',
  '../../etc/passwd',
  '%00',
  '%',
  "'; DROP TABLE zones; --",
  '$' + '{7*7}',
  '\r\nX-Injected: 1',
  'http://127.0.0.1:1/',
  'http://169.254.169.254/',
  'http://[::1]:1/',
  'https://user:pass@host.invalid/',
  'https://host.invalid/a b',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'resource://payments#fragment',
  'RESOURCE://payments',
  '00000000-0000-0000-0000-000000000000',
  '019B0000-0000-7000-8000-000000000000',
  '2099-01-01T00:00:00Z',
  '+275760-09-13T00:00:00.001Z',
  '0000-00-00T00:00:00Z',
  '(a+)+$',
  'x'.repeat(300),
  'é'.repeat(3000),
  MARK,
  `${MARK}\0`,
]

/** A text: famous, of any code points, or recognisable. */
export const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...FAMOUS) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 10 }).map((more) => `${MARK}${more}`) },
)

/** A text that a header can carry. */
export const headerText = fc.oneof(
  fc.string({ maxLength: 40 }).map((value) => value.trim()),
  fc.constantFrom('', MARK, 'x'.repeat(200), '*', 'W/"1"', '"1"', '"', '-1'),
)

/** A JSON value of any kind. */
export const json = fc.oneof(
  text,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(null, true, 0, -0, -1, 1.5, 2 ** 53, 1e308, [], {}, [[]], { a: {} }),
)
