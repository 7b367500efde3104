export { AALS, type Aal, compareAal, isAal, maxAal, meetsAal } from './aal.js'
export { canonicalJson, canonicalObject, type Json } from './canonical-json.js'
export {
  CHALLENGE_STATES,
  CHALLENGE_TYPES,
  type ChallengeInstants,
  type ChallengeState,
  type ChallengeType,
  challengeState,
  isChallengeType,
} from './challenge.js'
export { JWT_BEARER, type OAuthErrorCode, TOKEN_EXCHANGE, TOKEN_TYPES } from './errors.js'
export { isGranted } from './granted.js'
export { type Identity, identityKey, sameIdentity } from './identity.js'
export type {
  AalSource,
  DecisionData,
  PauseResponse,
  Problem,
  Receipt,
  TokenErrorResponse,
  TokenResponse,
  WaitResponse,
} from './wire.js'
