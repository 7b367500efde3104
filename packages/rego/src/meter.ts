/**
 * Values and types can share their parts, so that sixty short lines make one with 2^60 leaves: reading it through would
 * never end, though no single step of a policy did much. Whatever walks through a value or a type counts what it visits here.
 */
const MOST_VISITS = 5_000_000

let visits = 0

/** Begins a compilation or an evaluation. They run to their end before another begins. */
export function startMeter(): void {
  visits = 0
}

/** Counts one array, set, object or type that is looked into. @throws RangeError when there were too many */
export function visit(): void {
  if (++visits > MOST_VISITS) throw new RangeError('a value is too large')
}
