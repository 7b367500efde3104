/** A secret in a place where it must not be. */
export interface Leak {
  readonly secret: string
  readonly place: string
  readonly form: string
}

interface Disguise {
  readonly form: string
  readonly text: string
}

/** Every secret that a run made, and the search for them in what it left behind. */
export class Vault {
  readonly #secrets = new Map<string, readonly Disguise[]>()

  /** Takes a secret in; bytes are one as they are. A repetition changes nothing. */
  add(name: string, secret: unknown): void {
    if (!Buffer.isBuffer(secret) && typeof secret !== 'string') throw new Error(`${name} is not a secret: ${secret}`)
    const bytes = Buffer.from(secret)
    if (bytes.length < 16) throw new Error(`${name} is too short to be told from chance`)
    this.#secrets.set(`${name}: ${bytes.toString('base64url')}`, disguises(bytes, typeof secret === 'string'))
  }

  get size(): number {
    return this.#secrets.size
  }

  /** Where secrets stand in a text, in the clear or in any of the usual encodings. */
  search(place: string, text: string): Leak[] {
    const lower = text.toLowerCase()
    return [...this.#secrets].flatMap(([name, forms]) =>
      forms
        .filter((one) => (one.form === 'hex' ? lower : text).includes(one.text))
        .map(({ form }) => ({ secret: name.split(':')[0] ?? '', place, form })),
    )
  }
}

function disguises(bytes: Buffer, isText: boolean): Disguise[] {
  return [
    ...(isText ? [{ form: 'raw', text: bytes.toString() }] : []),
    { form: 'hex', text: bytes.toString('hex') },
    ...[0, 1, 2].flatMap((offset) => {
      const middle = encodedMiddle(bytes, offset)
      return [
        { form: 'base64', text: middle },
        { form: 'base64url', text: middle.replaceAll('+', '-').replaceAll('/', '_') },
      ]
    }),
  ]
}

// Inside of something that is encoded as a whole, the first and last characters depend on the neighbours.
function encodedMiddle(bytes: Buffer, offset: number): string {
  const skipped = (3 - offset) % 3
  const whole = bytes.subarray(skipped, skipped + Math.floor((bytes.length - skipped) / 3) * 3)
  return whole.toString('base64')
}
