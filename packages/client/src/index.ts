export type { Aal, AalSource, ChallengeState, ChallengeType, Receipt } from '@countersign/protocol'
export {
  type Decision,
  type DecisionFacts,
  type DeniedDecision,
  type GrantedDecision,
  isGranted,
  type StepUpDecision,
  type UnavailableDecision,
  type UnavailableReason,
} from './decision.js'
export type { DecisionCacheOptions } from './decision-cache.js'
export {
  type CheckOptions,
  type DecisionCaller,
  DecisionClient,
  type DecisionClientOptions,
  type ListResourcesQuery,
  type ResourceList,
} from './decision-client.js'
export { type DecisionQuery, type EntityRef, queryKey } from './decision-query.js'
export { AbortedError, CountersignError, OAuthError } from './errors.js'
export type { ClientAssertion, ClientCredentials, ExchangeOptions, TokenKind } from './exchange-request.js'
export type { FetchLike, HttpOptions } from './http.js'
export { type ChallengeProof, InteractionRequiredError } from './interaction-required-error.js'
export { OAuthClient, type OAuthClientOptions, type StepUpOptions } from './oauth-client.js'
export { type StepUpFetchOptions, stepUpFetch } from './step-up-fetch.js'
export { stepUpLoop } from './step-up-loop.js'
export { type AnswerHead, type StepUpDemand, stepUpDemand } from './step-up-response.js'
export { type Mandate, pauseBody, readPause } from './token-answer.js'
export type { SettledState, WaitOptions } from './wait-for-challenge.js'
