import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'

/** A registry of a service: its process, and what others add to it. */
export function createMetrics(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'countersign_' })
  return registry
}

/** Told of every answer: by route, never by path; the time in seconds. */
export type Measure = (method: string, route: string | undefined, status: number, seconds: number) => void

/** Serves the registry at `/metrics`, and returns what measures requests into it. */
export function installMetrics(app: FastifyInstance, registry: Registry): Measure {
  const duration = new Histogram({
    name: 'countersign_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  })
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    reply.type(registry.contentType)
    return registry.metrics()
  })
  return (method, route, status, seconds) => {
    duration.observe({ method, route: route ?? 'none', status: String(status) }, seconds)
  }
}
