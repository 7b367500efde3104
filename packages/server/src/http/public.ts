import type { FastifyReply } from 'fastify'

/** Lets pages of any origin read an answer, and anyone keep it for some seconds. */
export function publicly(reply: FastifyReply, maxAge: number): FastifyReply {
  return reply.headers({
    'cache-control': `public, max-age=${maxAge}`,
    'access-control-allow-origin': '*',
    'cross-origin-resource-policy': 'cross-origin',
  })
}
