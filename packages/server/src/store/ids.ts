import { v7 } from 'uuid'
import { drawRandom } from './random.js'

/** A new UUIDv7, ordered by the millisecond of its creation. `now` in milliseconds since the epoch. */
export function newId(now: number): string {
  return v7({ msecs: now, random: drawRandom() })
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Whether a text is a UUID in the one form the service writes: lowercase, with hyphens. */
export function isId(text: string): boolean {
  return UUID.test(text)
}
