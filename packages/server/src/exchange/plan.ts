import type { PauseResponse, Receipt, TokenResponse } from '@countersign/protocol'
import type { CommitItem } from '../commit/item.js'
import type { Eventual } from '../store/eventual.js'

/** What a request gets that is not refused. */
export type Answer =
  | { readonly kind: 'issued'; readonly body: TokenResponse }
  | { readonly kind: 'paused'; readonly body: Omit<PauseResponse, 'requestId'> }

/** What is to be committed of a request, and what to answer once it is. */
export interface Plan {
  readonly item: CommitItem
  /** @throws Refusal when the plan was to refuse */
  readonly answer: (receipt: Receipt) => Eventual<Answer>
}
