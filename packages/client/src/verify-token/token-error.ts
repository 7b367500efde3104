import { CountersignError } from '../errors.js'

/**
 * Why a token was not accepted. Everything but `keys_unavailable` and `crypto_unavailable` is about the token itself.
 *
 * | code | meaning |
 * |---|---|
 * | `malformed` | not a signed JWT, or with claims of the wrong type |
 * | `algorithm` | signed with an algorithm that is not accepted |
 * | `type` | another kind of token |
 * | `key_unknown` | the issuer publishes no such key |
 * | `signature` | the signature does not fit |
 * | `issuer`, `audience` | made by or for somebody else |
 * | `expired`, `not_yet_valid` | outside its life |
 * | `keys_unavailable` | the issuer's keys could not be fetched |
 * | `crypto_unavailable` | this platform has no WebCrypto for the algorithm and no verifier was handed in |
 */
export type TokenErrorCode =
  | 'malformed'
  | 'algorithm'
  | 'type'
  | 'key_unknown'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not_yet_valid'
  | 'keys_unavailable'
  | 'crypto_unavailable'

/** A token that was not accepted. The message never contains the token. */
export class TokenError extends CountersignError {
  override readonly name = 'TokenError'
  declare readonly code: TokenErrorCode

  constructor(code: TokenErrorCode, message: string, cause?: unknown) {
    super(code, message, cause)
  }
}
