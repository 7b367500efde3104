import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { SigningKey, ZoneSnapshot } from '../authority/snapshot.js'
import type { Db, Tx } from '../store/database.js'
import type { Sealer } from '../store/seal.js'
import type { JsonWebKeyRow } from '../store/tables.js'
import { anyKey, insertKey } from './queries.js'

const generate = promisify(generateKeyPair)

/** How long a published key set may be cached, and so how long a key is published before it signs. In seconds. */
export const JWKS_MAX_AGE = 300

/** How long a key stays published after the last mandate it can have signed: longer than any mandate lives. In milliseconds. */
export const KEPT_AFTER_SIGNING = 65 * 60 * 1000

/**
 * Makes an ES256 key for a zone, inside the transaction that creates or rotates it. Times in milliseconds.
 *
 * @returns its `kid`, the key's RFC 7638 thumbprint: one `kid` is one key, for ever
 */
export async function createSigningKey(
  tx: Tx,
  sealer: Sealer,
  zoneId: string,
  now: number,
  signsFrom: number,
): Promise<string> {
  const { publicKey, privateKey } = await generate('ec', { namedCurve: 'P-256' })
  const publicJwk = publicMembers(publicKey)
  const kid = thumbprint(publicJwk)
  const plain = privateKey.export({ format: 'der', type: 'pkcs8' })
  const privateSealed = sealer.seal(plain, sealContext(zoneId, kid))
  plain.fill(0)
  await insertKey(tx, zoneId, { id: kid, publicJwk, privateSealed, createdAt: now, signsFrom, retiredAt: null })
  return kid
}

/**
 * Makes sure that this node can sign: that a key of the database opens.
 *
 * @throws Error when the keys were sealed under another key-encryption key
 */
export async function requireSealer(db: Db, sealer: Sealer): Promise<void> {
  const key = await anyKey(db)
  if (key === undefined) return
  try {
    sealer.open(key.private_sealed, sealContext(key.zone_id, key.id)).fill(0)
  } catch {
    throw new Error('COUNTERSIGN_KEK is not the key under which the keys in this database were sealed')
  }
}

function publicMembers(key: KeyObject): JsonWebKeyRow {
  const { kty = '', crv = '', x = '', y = '' } = key.export({ format: 'jwk' })
  return { kty, crv, x, y }
}

/** @see https://www.rfc-editor.org/rfc/rfc7638#section-3 */
function thumbprint({ crv, kty, x, y }: JsonWebKeyRow): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}

// A sealed key copied into another zone's row, or under another name, does not open.
function sealContext(zoneId: string, kid: string): string {
  return `signing_keys:${zoneId}:${kid}`
}

/** Whether a key verifies at an instant: published, signing or kept. */
export function isPublished(key: SigningKey, now: number): boolean {
  return key.retiredAt === null || now < key.retiredAt
}

/** The key that signs at an instant: the newest whose time has come; undefined when the zone has none. */
export function signingKeyAt(snapshot: ZoneSnapshot, now: number): SigningKey | undefined {
  let signing: SigningKey | undefined
  for (const key of snapshot.keys) {
    if (key.signsFrom > now || !isPublished(key, now)) continue
    if (signing === undefined || key.signsFrom >= signing.signsFrom) signing = key
  }
  return signing
}

/** The exact text that heads every mandate a key signs, already encoded. */
export function headerOf(key: SigningKey): string {
  let header = headers.get(key)
  if (header === undefined) {
    header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: key.id })).toString('base64url')
    headers.set(key, header)
  }
  return header
}

const headers = new WeakMap<SigningKey, string>()

/** A key's private half, opened once for each row. */
export function privateKeyOf(sealer: Sealer, zoneId: string, key: SigningKey): KeyObject {
  let privateKey = privateKeys.get(key)
  if (privateKey === undefined) {
    const plain = sealer.open(key.privateSealed, sealContext(zoneId, key.id))
    privateKey = createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' })
    plain.fill(0)
    privateKeys.set(key, privateKey)
  }
  return privateKey
}

const privateKeys = new WeakMap<SigningKey, KeyObject>()

/** A key's public half, imported once for each row. */
export function publicKeyOf(key: SigningKey): KeyObject {
  let publicKey = publicKeys.get(key)
  if (publicKey === undefined) {
    publicKey = createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' })
    publicKeys.set(key, publicKey)
  }
  return publicKey
}

const publicKeys = new WeakMap<SigningKey, KeyObject>()

/** The zone's published keys by the header of the mandates they sign, built once for each state of its keys. */
export function keysByHeader(snapshot: ZoneSnapshot): ReadonlyMap<string, SigningKey> {
  let keys = byHeader.get(snapshot.keys)
  if (keys === undefined) {
    keys = new Map(snapshot.keys.map((key) => [headerOf(key), key]))
    byHeader.set(snapshot.keys, keys)
  }
  return keys
}

const byHeader = new WeakMap<readonly SigningKey[], ReadonlyMap<string, SigningKey>>()
