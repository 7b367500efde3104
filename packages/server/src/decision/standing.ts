import { compareAal, type Identity, sameIdentity } from '@countersign/protocol'
import type { Session, SessionAnchors } from '../authority/session-anchors.js'
import type { ZoneSnapshot } from '../authority/snapshot.js'
import { ProblemError } from '../http/problem.js'
import type { DecisionCaller } from './caller.js'
import { type Standing, sessionStandingOf } from './decide.js'
import type { SubjectLook, SubjectLooks } from './queries.js'
import type { DecisionRequest, SubjectRef } from './request.js'

export interface StandingDeps {
  readonly looks: SubjectLooks
  readonly sessions: SessionAnchors
}

/** Whom a decision is about, and at which level. */
export interface Subject {
  readonly identity: Identity
  readonly standing: Standing
  /**
   * The revision of the zone when the sessions that the standing rests on were all seen as they are here; undefined when
   * it was not looked for, or when they were not.
   */
  readonly heldAt?: number | undefined
}

/**
 * Finds out whom a question is about and what they have proved. The caller's own word for the level counts only for
 * somebody of whom this service knows no session through that application.
 *
 * @throws ProblemError 403 `not_yourself`, 422 `issuer_required` or `unknown_subject_type`
 */
export async function resolveSubject(
  deps: StandingDeps,
  snapshot: ZoneSnapshot,
  caller: DecisionCaller,
  { subject, assertedAal }: Pick<DecisionRequest, 'subject' | 'assertedAal'>,
  now: number,
): Promise<Subject> {
  if (caller.kind === 'session') {
    const { session } = caller
    if (!isAbout(subject, session)) {
      throw new ProblemError(403, 'not_yourself', 'a session may ask only about itself')
    }
    return { identity: identityOf(session), standing: standingOf(deps, snapshot, session, now) }
  }
  const identity = readIdentity(snapshot, subject)
  const look = await deps.looks.look(snapshot.zoneId, identity, caller.application.id)
  if (look.sessions.length === 0) {
    return { identity, standing: { source: 'asserted', aal: assertedAal, lastUsedAt: now }, heldAt: look.revision }
  }
  return { identity, ...(await knownStanding(deps, snapshot, look, now)) }
}

function standingOf(deps: StandingDeps, snapshot: ZoneSnapshot, session: Session, now: number): Standing {
  return sessionStandingOf(snapshot, session, 'session', deps.sessions.lastUsedAt(session), now)
}

function identityOf({ kind, issuer, subject }: Session): Identity {
  return issuer === null ? { kind, id: subject } : { kind, issuer, id: subject }
}

function isAbout(subject: SubjectRef, session: Session): boolean {
  if (subject.type.toLowerCase() !== session.kind || subject.id !== session.subject) return false
  return (
    subject.issuer === undefined ||
    sameIdentity({ kind: session.kind, issuer: subject.issuer, id: subject.id }, identityOf(session))
  )
}

function readIdentity(snapshot: ZoneSnapshot, subject: SubjectRef): Identity {
  const kind = subject.type.toLowerCase()
  if (kind === 'application' || kind === 'agent') return { kind, id: subject.id }
  if (kind !== 'user') {
    throw new ProblemError(422, 'unknown_subject_type', 'subject.type is user, application or agent')
  }
  const issuers = [...snapshot.issuers.keys()]
  if (subject.issuer === undefined && issuers.length > 1) {
    throw new ProblemError(422, 'issuer_required', 'the zone trusts several issuers; say whose user it is')
  }
  const issuer = subject.issuer ?? issuers[0]
  return issuer === undefined ? { kind, id: subject.id } : { kind, issuer, id: subject.id }
}

// Which of several sessions the question is about is not said, so the one that proves least is taken. Where all of them
// are suspended or revoked nothing is proved, and the caller cannot make up for it.
async function knownStanding(
  deps: StandingDeps,
  snapshot: ZoneSnapshot,
  look: SubjectLook,
  now: number,
): Promise<Omit<Subject, 'identity'>> {
  const active = look.sessions.filter((session) => session.active)
  const sessions = await Promise.all(
    active.map(async ({ id, version }) => {
      const session = await deps.sessions.live(snapshot.zoneId, id, now)
      if (session?.version === version) return session
      deps.sessions.forget(id)
      return deps.sessions.live(snapshot.zoneId, id, now)
    }),
  )
  const asSeen = sessions.every((session, n) => session?.version === active[n]?.version)
  const standings = sessions
    .flatMap((session) => (session === undefined ? [] : [standingOf(deps, snapshot, session, now)]))
    .sort((a, b) => compareAal(a.aal, b.aal) || provedAt(a) - provedAt(b))
  return {
    standing: standings[0] ?? { source: 'session', aal: 'aal1', lastUsedAt: now },
    heldAt: asSeen ? look.revision : undefined,
  }
}

function provedAt({ session }: Standing): number {
  return session?.authTime ?? 0
}
