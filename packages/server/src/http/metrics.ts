import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import type { Answered, LogAnswer } from '../log.js'

/** A registry of a service: its process, and what others add to it. */
export function createMetrics(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'countersign_' })
  return registry
}

/** Told of every answer. */
export type Observe = (answered: Answered) => void

/** Has a line of the log written for every answer, and measures it into the registry. */
export function observer(logAnswer: LogAnswer, registry: Registry): Observe {
  const duration = new Histogram({
    name: 'countersign_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  })
  return (answered) => {
    const { method, route, status, ms } = answered
    logAnswer(answered)
    duration.observe({ method, route: route ?? 'none', status: String(status) }, ms / 1000)
  }
}

/** Serves a registry at `/metrics`. */
export function serveMetrics(app: FastifyInstance, registry: Registry): void {
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    reply.type(registry.contentType)
    return registry.metrics()
  })
}
