/** `bits.*` on integers of any size, in two's complement. */
import { type Builtin, BuiltinError, builtin, OperandError, T } from '../builtins-api.js'
import { bigIntOperand, integer } from './operands.js'

/** A shift by more than this would make a number of megabytes. */
const MAX_SHIFT = 100_000n

function binary(name: string, operation: (a: bigint, b: bigint) => bigint): Builtin {
  return builtin(name, [T.number, T.number], T.number, (_, a, b) =>
    integer(operation(bigIntOperand(a, 1), bigIntOperand(b, 2))),
  )
}

function unsigned(shift: bigint): bigint {
  if (shift >= 0n) return shift
  throw new OperandError('operand 2 must be an unsigned integer number but got a negative integer')
}

function shiftLeft(value: bigint, by: bigint): bigint {
  const shift = unsigned(by)
  if (shift > MAX_SHIFT && value !== 0n) throw new BuiltinError('number too big')
  return value === 0n ? 0n : value << shift
}

function shiftRight(value: bigint, by: bigint): bigint {
  const shift = unsigned(by)
  return shift > 1_000_000n ? (value < 0n ? -1n : 0n) : value >> shift
}

export const bits: readonly Builtin[] = [
  binary('bits.and', (a, b) => a & b),
  binary('bits.or', (a, b) => a | b),
  binary('bits.xor', (a, b) => a ^ b),
  binary('bits.lsh', shiftLeft),
  binary('bits.rsh', shiftRight),
  builtin('bits.negate', [T.number], T.number, (_, a) => integer(~bigIntOperand(a, 1))),
]
