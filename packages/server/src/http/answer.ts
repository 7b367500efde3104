import type { FastifyReply } from 'fastify'

/** What is answered to a request, whoever sends it. */
export interface HttpAnswer {
  readonly status: number
  /** Names in lower case, `content-type` among them. */
  readonly headers: { readonly [name: string]: string }
  /** The body, JSON as text. */
  readonly json: string
}

/** Headers of a JSON answer that no cache may keep. */
export const NO_STORE = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' } as const

/** Sends an answer as Fastify's. */
export function sendAnswer(reply: FastifyReply, { status, headers, json }: HttpAnswer): FastifyReply {
  return reply.code(status).headers(headers).send(json)
}
