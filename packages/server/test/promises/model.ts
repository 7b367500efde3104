import { type ChallengeState, type ChallengeType, challengeState } from '@countersign/protocol'

/** Seconds a challenge lives, and what the throttle counts and keeps. */
const TTL = 300
const WINDOW = 120
const COOLDOWN = 300
const MOST_FAILURES = 5
const MOST_SECRETS = 8

/** What each kind of request has to prove, in the order in which it is asked. */
export const LINES = {
  login: [{ type: 'mfa', need: 1 }],
  read: [{ type: 'human_approval', need: 2 }],
  transfer: [
    { type: 'mfa', need: 1 },
    { type: 'software_attestation', need: 1 },
    { type: 'human_approval', need: 1 },
  ],
} as const satisfies { readonly [line: string]: readonly { readonly type: ChallengeType; readonly need: number }[] }

export type Line = keyof typeof LINES

/** A challenge as it should stand. Instants in seconds of the model's own time. */
export interface ModelChallenge {
  readonly id: string
  readonly line: Line
  readonly type: ChallengeType
  readonly need: number
  readonly predecessor: ModelChallenge | undefined
  readonly secrets: string[]
  readonly proofs: Set<number>
  successor?: ModelChallenge
  expiresAt: number
  satisfiedAt: number | null
  rejectedAt: number | null
  consumedAt: number | null
}

/** What should come of a request. */
export type Expected =
  | { readonly answer: 'mandate' }
  /** A new challenge of this type. */
  | { readonly answer: 'paused'; readonly type: ChallengeType; readonly after: ModelChallenge | undefined }
  /** This challenge, with a secret of its own. */
  | { readonly answer: 'joined'; readonly challenge: ModelChallenge }
  /** This challenge again, without a secret. */
  | { readonly answer: 'early'; readonly challenge: ModelChallenge }
  | { readonly answer: 'invalid' | 'rejected' | 'cooldown' | 'full' }

/** The rules of challenges for one application, written down a second time and as plainly as possible. */
export class Model {
  readonly challenges: ModelChallenge[] = []
  now = 0
  #failures: number[] = []
  #blockedUntil = 0

  state(challenge: ModelChallenge): ChallengeState {
    return challengeState(challenge, this.now)
  }

  of(line: Line): ModelChallenge[] {
    return this.challenges.filter((challenge) => challenge.line === line)
  }

  request(line: Line): Expected {
    return this.#join(line) ?? { answer: 'paused', type: LINES[line][0].type, after: undefined }
  }

  /** A retry of `line` that shows a challenge, with one of its secrets or another. */
  retry(line: Line, challenge: ModelChallenge, rightSecret: boolean): Expected {
    if (this.now < this.#blockedUntil) return { answer: 'cooldown' }
    if (!rightSecret || challenge.line !== line) {
      this.#fail()
      return { answer: 'invalid' }
    }
    const chain = chainOf(challenge)
    const states = chain.map((part) => this.state(part))
    if (states[0] === 'consumed' || states[0] === 'expired') return { answer: 'invalid' }
    if (states.includes('rejected')) return { answer: 'rejected' }
    if (challenge.successor !== undefined) return this.#join(line) ?? { answer: 'invalid' }
    if (states[0] === 'pending') return { answer: 'early', challenge }
    const next = LINES[line].find(({ type }) => !chain.some((part) => part.type === type))
    if (next !== undefined) return { answer: 'paused', type: next.type, after: challenge }
    for (const part of chain) part.consumedAt = this.now
    this.#failures = []
    return { answer: 'mandate' }
  }

  created(line: Line, after: ModelChallenge | undefined, id: string, secret: string): void {
    const step = LINES[line][after === undefined ? 0 : chainOf(after).length]
    if (step === undefined) throw new Error('there is nothing left to ask')
    const challenge: ModelChallenge = {
      id,
      line,
      ...step,
      predecessor: after,
      secrets: [secret],
      proofs: new Set(),
      expiresAt: this.now + TTL,
      satisfiedAt: null,
      rejectedAt: null,
      consumedAt: null,
    }
    if (after !== undefined) after.successor = challenge
    for (const part of chainOf(challenge)) part.expiresAt = Math.max(part.expiresAt, challenge.expiresAt)
    this.challenges.push(challenge)
  }

  /** The status of a proof by one of several people. */
  prove(challenge: ModelChallenge, who: number): 200 | 404 | 409 {
    if (this.state(challenge) !== 'pending') return 404
    if (challenge.proofs.has(who)) return 409
    challenge.proofs.add(who)
    if (challenge.proofs.size >= challenge.need) challenge.satisfiedAt = this.now
    return 200
  }

  reject(challenge: ModelChallenge): 200 | 404 {
    if (!this.#isOpen(challenge)) return 404
    for (let part: ModelChallenge | undefined = challenge; part !== undefined; part = part.successor) {
      if (this.#isOpen(part)) part.rejectedAt = this.now
    }
    return 200
  }

  #isOpen(challenge: ModelChallenge): boolean {
    return ['pending', 'satisfied'].includes(this.state(challenge))
  }

  #join(line: Line): Expected | undefined {
    const tip = this.of(line).find((challenge) => this.#isOpen(challenge) && challenge.successor === undefined)
    if (tip === undefined) return undefined
    return tip.secrets.length < MOST_SECRETS ? { answer: 'joined', challenge: tip } : { answer: 'full' }
  }

  #fail(): void {
    this.#failures = [...this.#failures.filter((at) => at > this.now - WINDOW), this.now]
    if (this.#failures.length < MOST_FAILURES) return
    this.#failures = []
    this.#blockedUntil = this.now + COOLDOWN
  }
}

/** A challenge and what it stands on, the nearest first. */
function chainOf(challenge: ModelChallenge): ModelChallenge[] {
  return challenge.predecessor === undefined ? [challenge] : [challenge, ...chainOf(challenge.predecessor)]
}
