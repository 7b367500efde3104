import { hash } from 'node:crypto'
import { type Identity, sameIdentity } from '@countersign/protocol'
import { raisedAssurance, sessionStanding, tellsNothingNew } from '../authority/assurance.js'
import type { IssuerKeys } from '../authority/issuer-keys/issuer-keys.js'
import type { Found, Session, SessionAnchors } from '../authority/session-anchors.js'
import { type Application, hasOrigin, type ZoneSnapshot } from '../authority/snapshot.js'
import { type VerifiedSubject, verifySubjectToken } from '../authority/subject-token/verify.js'
import type { Anchor, NewSession, Raise } from '../commit/item.js'
import type { ActClaim, MandateClaims } from '../mandate/claims.js'
import { verifyMandate } from '../mandate/verify.js'
import { andThen, type Eventual } from '../store/eventual.js'
import { newId } from '../store/ids.js'
import { Refusal } from './refusal.js'
import { type PresentedToken, TOKEN_TYPE_URIS, type TokenRequest } from './request.js'

/** Everyone behind a request, each resolved to something the server verified itself. */
export interface Parties {
  readonly application: Application
  readonly subject: Identity
  /** Who acts for the subject, outermost first. */
  readonly actors: readonly Actor[]
  readonly session: Session
  /** Every session the outcome stands on, as it was when it was looked at. */
  readonly anchors: readonly Anchor[]
  /** Set when the session begins with this request. */
  readonly open: NewSession | undefined
  /** Set when a fresher token proves more than the session had, or its level has lapsed. */
  readonly raise: Raise | undefined
  readonly act: ActClaim | undefined
  readonly subjectClaims: { readonly [claim: string]: unknown } | undefined
  readonly actorClaims: { readonly [claim: string]: unknown } | undefined
}

export interface Actor {
  readonly identity: Identity
  readonly applicationId: string
}

export interface PartiesContext {
  readonly snapshot: ZoneSnapshot
  readonly application: Application
  readonly sessions: SessionAnchors
  readonly issuerKeys: IssuerKeys
  readonly baseUrl: string
  readonly now: number
}

const HOUR_MS = 3_600_000
const USER_SESSION_MS = 12 * HOUR_MS
const APPLICATION_SESSION_MS = 24 * HOUR_MS

/**
 * Finds out on whose authority a request stands.
 *
 * @throws Refusal `invalid_request` for a token that is not good, `invalid_grant` for a dead session behind a good one
 */
export function resolveParties(request: TokenRequest, context: PartiesContext): Eventual<Parties> {
  if (request.agentSessionId !== undefined) refuseAnchor('agent_session_id')
  if (request.delegationEdgeId !== undefined) refuseAnchor('delegation_edge_id')
  const resolving: Eventual<ResolvedActor | undefined> =
    request.actor === undefined ? undefined : resolveActor(request.actor, context)
  return andThen(resolving, (actor) =>
    andThen(resolveSubject(request, context, actor), (subject) => partiesOf(request, context, subject, actor)),
  )
}

function partiesOf(
  request: TokenRequest,
  context: PartiesContext,
  subject: ResolvedSubject,
  actor: ResolvedActor | undefined,
): Eventual<Parties> {
  if (request.sessionId !== undefined && request.sessionId !== subject.session.id) refuseAnchor('session_id')
  if (actor !== undefined && sameIdentity(identityOf(actor.session), subject.identity)) {
    throw new Refusal('invalid_request', 'actor_is_subject', 'the actor must be another principal than the subject')
  }
  const act = actor === undefined ? subject.act : actClaim(actor, subject.act)
  return andThen(act === undefined ? [] : liveActors(act, context, actor), (chain) => {
    const sessions = chain.map(({ session }) => session)
    if (subject.open === undefined) sessions.unshift(subject.session)
    return {
      application: context.application,
      subject: subject.identity,
      actors: chain.map(({ claim, session }) => ({
        identity: identityOf(session),
        applicationId: claim.client_id ?? '',
      })),
      session: subject.session,
      anchors: sessions.map(({ id, version }) => ({ sessionId: id, version })),
      open: subject.open,
      raise: subject.raise,
      act,
      subjectClaims: subject.claims,
      actorClaims: actor?.claims as { readonly [claim: string]: unknown } | undefined,
    }
  })
}

interface ResolvedSubject {
  readonly identity: Identity
  readonly session: Session
  readonly open?: NewSession | undefined
  readonly raise?: Raise | undefined
  readonly act?: ActClaim | undefined
  readonly claims?: { readonly [claim: string]: unknown }
}

interface ResolvedActor {
  readonly session: Session
  readonly claims: MandateClaims
}

/** The identity a session stands for. */
export function identityOf(session: Session): Identity {
  return session.issuer === null
    ? { kind: session.kind, id: session.subject }
    : { kind: session.kind, issuer: session.issuer, id: session.subject }
}

function resolveSubject(
  request: TokenRequest,
  context: PartiesContext,
  actor: ResolvedActor | undefined,
): Eventual<ResolvedSubject> {
  const presented = request.subject
  if (presented === undefined) return resolveApplication(context)
  if (presented.type === 'id_token') return resolveIssuerToken(presented, context)
  return andThen(verifyMandate(context.snapshot, context.baseUrl, presented.token, context.now), (verified) => {
    if (verified.kind === 'verified') return resolveMandate(verified.claims, context, actor)
    if (verified.reason === 'not_ours' && presented.type === 'jwt') return resolveIssuerToken(presented, context)
    refuseToken('subject_token', verified.reason)
  })
}

async function resolveApplication(context: PartiesContext): Promise<ResolvedSubject> {
  const { application, now } = context
  const identity: Identity = { kind: 'application', id: application.id }
  const keyHash = sessionKey(['application', application.id])
  const of = { issuer: null, subject: application.id }
  const look = () => context.sessions.byKey(context.snapshot.zoneId, keyHash, of)
  const found = await usableSession(context, async () => (await look()).session)
  if (found !== undefined) return { identity, session: found }
  const open: NewSession = {
    id: newId(now),
    kind: 'application',
    issuer: null,
    subject: application.id,
    applicationId: application.id,
    keyHash,
    aal: 'aal1',
    acr: null,
    amr: [],
    authTime: null,
    tokenIssuedAt: null,
    expiresAt: now + APPLICATION_SESSION_MS,
  }
  return { identity, session: asSession(context, open), open }
}

async function resolveMandate(
  claims: MandateClaims,
  context: PartiesContext,
  actor: ResolvedActor | undefined,
): Promise<ResolvedSubject> {
  if (claims.use !== 'session') refuseToken('subject_token', 'not_a_session_mandate')
  if (claims.client_id !== context.application.id && actor === undefined) {
    throw new Refusal('invalid_request', 'subject_token_of_another_client', 'it was issued to another application', {
      cause: 'foreign_client',
    })
  }
  const session = await usableSession(context, () => context.sessions.byId(context.snapshot.zoneId, claims.sid))
  if (session === undefined) refuseSession('expired')
  return { identity: identityOf(session), session, act: claims.act, claims: { ...claims } }
}

function resolveIssuerToken(presented: PresentedToken, context: PartiesContext): Eventual<ResolvedSubject> {
  const { snapshot, application, now, issuerKeys } = context
  const verifying = verifySubjectToken({
    snapshot,
    applicationId: application.id,
    token: presented.token,
    tokenType: TOKEN_TYPE_URIS[presented.type],
    now,
    issuerKeys,
  })
  return andThen(verifying, (result) => {
    if (result.kind === 'verified') return resolveUser(result.subject, context)
    if (result.reason === 'keys_unavailable') {
      throw new Refusal('temporarily_unavailable', 'issuer_unavailable', "the issuer's keys cannot be had now", {
        retryAfter: 5,
      })
    }
    refuseToken('subject_token', result.reason)
  })
}

function resolveUser(subject: VerifiedSubject, context: PartiesContext): Eventual<ResolvedSubject> {
  const { snapshot, application, sessions } = context
  const { claims } = subject
  const identity = { kind: 'user', issuer: subject.issuer.issuer, id: subject.sub } as const
  const keyHash = userSessionKey(subject, application.id)
  let last: Found = { session: undefined, notBefore: 0 }
  const look = (): Eventual<Session | undefined> =>
    andThen(sessions.byKey(snapshot.zoneId, keyHash, { issuer: identity.issuer, subject: identity.id }), (found) => {
      last = found
      return found.session
    })
  return andThen(usableSession(context, look), (found) => {
    if (subject.issuedAt < last.notBefore) refuseSession('revoked')
    if (found !== undefined) {
      const raise = raiseOf(context, found, subject)
      const session = raise === undefined ? found : { ...found, ...raise }
      return { identity, session, open: undefined, raise, act: undefined, claims }
    }
    // A session is not begun again with what began it: that would make it live as long as the token.
    if (subject.issuedAt <= (last.session?.tokenIssuedAt ?? Number.NEGATIVE_INFINITY)) refuseSession('expired')
    const open = openUserSession(context, subject, keyHash)
    return { identity, session: asSession(context, open), open, raise: undefined, act: undefined, claims }
  })
}

function openUserSession(context: PartiesContext, subject: VerifiedSubject, keyHash: string): NewSession {
  return {
    id: newId(context.now),
    kind: 'user',
    issuer: subject.issuer.issuer,
    subject: subject.sub,
    applicationId: context.application.id,
    keyHash,
    aal: subject.aal,
    acr: subject.acr,
    amr: subject.amr,
    authTime: subject.authTime,
    tokenIssuedAt: subject.issuedAt,
    expiresAt: context.now + USER_SESSION_MS,
  }
}

// Only a token issued after the one the session knows can say anything new about it.
function raiseOf(context: PartiesContext, session: Session, subject: VerifiedSubject): Raise | undefined {
  if (session.tokenIssuedAt !== null && subject.issuedAt <= session.tokenIssuedAt) return undefined
  if (tellsNothingNew(session, subject)) return undefined
  const lastUsedAt = context.sessions.lastUsedAt(session)
  const { aal } = sessionStanding(session, context.snapshot.settings, context.now, lastUsedAt)
  const { acr, amr, authTime } = subject
  const raised = raisedAssurance({ ...session, aal }, { aal: subject.aal, acr, amr, authTime })
  return raised === undefined ? undefined : { ...raised, sessionId: session.id, tokenIssuedAt: subject.issuedAt }
}

async function resolveActor(presented: PresentedToken, context: PartiesContext): Promise<ResolvedActor> {
  const verified = await verifyMandate(context.snapshot, context.baseUrl, presented.token, context.now)
  if (verified.kind === 'refused') refuseToken('actor_token', verified.reason)
  const { claims } = verified
  if (claims.use !== 'session') refuseToken('actor_token', 'not_a_session_mandate')
  if (claims.client_id !== context.application.id) refuseToken('actor_token', 'foreign_client')
  const session = await usableSession(context, () => context.sessions.byId(context.snapshot.zoneId, claims.sid))
  if (session === undefined) refuseSession('expired')
  return { session, claims }
}

function actClaim(actor: ResolvedActor, inner: ActClaim | undefined): ActClaim {
  const { session, claims } = actor
  return {
    sub: session.subject,
    sub_type: session.kind,
    ...(session.issuer === null ? {} : { iss: session.issuer }),
    client_id: claims.client_id,
    sid: session.id,
    ...(inner === undefined ? {} : { act: inner }),
  }
}

// Actors named by a mandate are looked at again: a chain is as live as each of its links.
async function liveActors(act: ActClaim | undefined, context: PartiesContext, outermost: ResolvedActor | undefined) {
  const chain: { claim: ActClaim; session: Session }[] = []
  for (let claim = act; claim !== undefined; claim = claim.act) {
    const { sid } = claim
    const session =
      outermost !== undefined && chain.length === 0
        ? outermost.session
        : sid === undefined
          ? undefined
          : await usableSession(context, () => context.sessions.byId(context.snapshot.zoneId, sid))
    if (session === undefined) refuseSession('expired')
    chain.push({ claim, session })
  }
  return chain
}

/** The session that a look finds, if it may be used; undefined when there is none or its time is over. */
function usableSession(
  { snapshot, sessions, now }: PartiesContext,
  look: () => Eventual<Session | undefined>,
): Eventual<Session | undefined> {
  return andThen(sessions.confirmed(look, now), (session) => {
    if (session === undefined) return undefined
    if (session.status !== 'active') refuseSession(session.status)
    if (!hasOrigin(snapshot, session)) refuseSession('revoked')
    return session.expiresAt > now ? session : undefined
  })
}

/** A session that is about to begin, as the rest of the exchange sees it. */
function asSession(context: PartiesContext, open: NewSession): Session {
  const { now, snapshot } = context
  return {
    ...open,
    zoneId: snapshot.zoneId,
    status: 'active',
    version: 1,
    createdAt: now,
    lastUsedAt: now,
    notBefore: 0,
  }
}

// A token that is shown again is the same object, so what is hashed of it is hashed once.
function userSessionKey(subject: VerifiedSubject, applicationId: string): string {
  if (subject.sessionKey?.applicationId !== applicationId) {
    const { issuer, sub, sid, tokenHash } = subject
    const key = sessionKey(['user', issuer.issuer, sub, applicationId, sid ?? tokenHash.toString('base64url')])
    subject.sessionKey = { applicationId, key }
  }
  return subject.sessionKey.key
}

function sessionKey(parts: readonly string[]): string {
  return hash('sha256', JSON.stringify(parts), 'hex')
}

function refuseToken(field: 'subject_token' | 'actor_token', cause: string): never {
  throw new Refusal('invalid_request', `${field}_invalid`, `the ${field} is not one this zone accepts`, {
    cause,
  })
}

function refuseSession(cause: 'expired' | 'suspended' | 'revoked'): never {
  throw new Refusal('invalid_grant', `session_${cause}`, `the session behind the request is ${cause}`)
}

function refuseAnchor(field: string): never {
  throw new Refusal(
    'invalid_grant',
    `${field}_invalid`,
    `the ${field} is not a live one that this request may stand on`,
  )
}
