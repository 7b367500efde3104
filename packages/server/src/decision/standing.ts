import { compareAal, type Identity, sameIdentity } from '@countersign/protocol'
import type { Session, SessionAnchors } from '../authority/session-anchors.js'
import type { ZoneSnapshot } from '../authority/snapshot.js'
import { ProblemError } from '../http/problem.js'
import { andThen, andThenEach, type Eventual } from '../store/eventual.js'
import type { DecisionCaller } from './caller.js'
import { type Standing, sessionStandingOf } from './decide.js'
import type { KnownSession, SubjectLook, SubjectLooks } from './queries.js'
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
export function resolveSubject(
  deps: StandingDeps,
  snapshot: ZoneSnapshot,
  caller: DecisionCaller,
  { subject, assertedAal }: Pick<DecisionRequest, 'subject' | 'assertedAal'>,
  now: number,
): Eventual<Subject> {
  if (caller.kind === 'session') {
    const { session } = caller
    if (!isAbout(subject, session)) {
      throw new ProblemError(403, 'not_yourself', 'a session may ask only about itself')
    }
    return { identity: identityOf(session), standing: standingOf(deps, snapshot, session, now) }
  }
  const identity = readIdentity(snapshot, subject)
  return deps.looks.look(snapshot.zoneId, identity, caller.application.id).then((look) => {
    if (look !== undefined && look.sessions.length > 0) return knownSubject(deps, snapshot, identity, look, now)
    return { identity, standing: { source: 'asserted', aal: assertedAal, lastUsedAt: now }, heldAt: look?.revision }
  })
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
  if (subject.issuer === undefined && snapshot.issuers.size > 1) {
    throw new ProblemError(422, 'issuer_required', 'the zone trusts several issuers; say whose user it is')
  }
  const issuer = subject.issuer ?? snapshot.issuers.keys().next().value
  return issuer === undefined ? { kind, id: subject.id } : { kind, issuer, id: subject.id }
}

// Which of several sessions the question is about is not said, so the one that proves least is taken. Where all of them
// are suspended or revoked, or their issuer is trusted no more, nothing is proved, and the caller cannot make up for it.
function knownSubject(
  deps: StandingDeps,
  snapshot: ZoneSnapshot,
  identity: Identity,
  look: SubjectLook,
  now: number,
): Eventual<Subject> {
  const isTrusted = identity.issuer === undefined || snapshot.issuers.has(identity.issuer)
  const active = look.sessions.filter((session) => isTrusted && session.active)
  const sessions = andThenEach(active, (seen) => sessionAsSeen(deps, snapshot, seen, now))
  return andThen(sessions, (found) => {
    let least: Standing | undefined
    let asSeen = true
    found.forEach((session, n) => {
      if (session?.version !== active[n]?.version) asSeen = false
      if (session === undefined) return
      const standing = standingOf(deps, snapshot, session, now)
      if (least === undefined || provesLess(standing, least)) least = standing
    })
    return {
      identity,
      standing: least ?? { source: 'session', aal: 'aal1', lastUsedAt: now },
      heldAt: asSeen ? look.revision : undefined,
    }
  })
}

function sessionAsSeen(
  { sessions }: StandingDeps,
  { zoneId }: ZoneSnapshot,
  { id, version }: KnownSession,
  now: number,
): Eventual<Session | undefined> {
  return andThen(sessions.live(zoneId, id, now), (session) => {
    if (session?.version === version) return session
    sessions.forget(id)
    return sessions.live(zoneId, id, now)
  })
}

function provesLess(a: Standing, b: Standing): boolean {
  return (compareAal(a.aal, b.aal) || provedAt(a) - provedAt(b)) < 0
}

function provedAt({ session }: Standing): number {
  return session?.authTime ?? 0
}
