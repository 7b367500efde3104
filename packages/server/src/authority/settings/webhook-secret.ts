import { randomBytes } from 'node:crypto'
import type { Sealer } from '../../store/seal.js'

/** A new secret that webhooks are signed with: 256 random bits. */
export function newWebhookSecret(random: (size: number) => Buffer = randomBytes): string {
  return `cswh_${random(32).toString('base64url')}`
}

/** The secret as it stands in a zone's settings: sealed for this zone, base64. */
export function sealWebhookSecret(sealer: Sealer, zoneId: string, secret: string): string {
  return sealer.seal(Buffer.from(secret), context(zoneId)).toString('base64')
}

/** The secret again, whose UTF-8 bytes are the key. @throws Error when it was changed, moved or sealed otherwise */
export function openWebhookSecret(sealer: Sealer, zoneId: string, sealed: string): string {
  return sealer.open(Buffer.from(sealed, 'base64'), context(zoneId)).toString('utf8')
}

function context(zoneId: string): string {
  return `zones:${zoneId}:webhook`
}
