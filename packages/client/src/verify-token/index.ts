export type { TokenClaims } from './claims.js'
export { type KeySource, localKeys, type RemoteKeysOptions, remoteKeys } from './key-source.js'
export {
  type Algorithm,
  type Jwk,
  type SignatureInput,
  type SignatureVerifier,
  webCryptoVerifier,
} from './signature.js'
export { TokenError, type TokenErrorCode } from './token-error.js'
export { type VerifyTokenOptions, verifyToken } from './verify-token.js'
