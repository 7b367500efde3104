import { compareAal, type Identity, sameIdentity } from '@countersign/protocol'
import type { Session, SessionAnchors } from '../authority/session-anchors.js'
import type { ZoneSnapshot } from '../authority/snapshot.js'
import { ProblemError } from '../http/problem.js'
import type { Db } from '../store/database.js'
import type { DecisionCaller } from './caller.js'
import { type Standing, sessionStandingOf } from './decide.js'
import { knownSessions } from './queries.js'
import type { DecisionRequest, SubjectRef } from './request.js'

export interface StandingDeps {
  readonly db: Db
  readonly sessions: SessionAnchors
}

/** Whom a decision is about, and at which level. */
export interface Subject {
  readonly identity: Identity
  readonly standing: Standing
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
  const known = await knownStanding(deps, snapshot, identity, caller.application.id, now)
  return { identity, standing: known ?? { source: 'asserted', aal: assertedAal, lastUsedAt: now } }
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
  identity: Identity,
  applicationId: string,
  now: number,
): Promise<Standing | undefined> {
  const known = await knownSessions(deps.db, snapshot.zoneId, identity, applicationId)
  if (known.length === 0) return undefined
  const active = known.filter((session) => session.active)
  const sessions = await Promise.all(active.map(({ id }) => deps.sessions.live(snapshot.zoneId, id, now)))
  const standings = sessions
    .flatMap((session) => (session === undefined ? [] : [standingOf(deps, snapshot, session, now)]))
    .sort((a, b) => compareAal(a.aal, b.aal) || provedAt(a) - provedAt(b))
  return standings[0] ?? { source: 'session', aal: 'aal1', lastUsedAt: now }
}

function provedAt({ session }: Standing): number {
  return session?.authTime ?? 0
}
