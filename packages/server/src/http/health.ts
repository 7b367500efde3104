import type { FastifyInstance } from 'fastify'

/** Something the service cannot do without: resolves when it is there, and rejects otherwise. */
export interface ReadinessCheck {
  readonly name: string
  readonly check: () => Promise<void>
}

const CHECK_MS = 2_000

/** `/healthz` says that the process answers; `/readyz` that it can decide and record, or what is missing for that. */
export function installHealth(app: FastifyInstance, checks: readonly ReadinessCheck[]): void {
  app.get('/healthz', { schema: { hide: true } }, async () => ({ status: 'alive' }))
  app.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
    const missing = (await Promise.all(checks.map(failing))).filter((name) => name !== null)
    if (missing.length === 0) return { status: 'ready' }
    return reply.code(503).header('retry-after', '1').send({ status: 'not_ready', missing })
  })
}

async function failing(check: ReadinessCheck): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('too late')), CHECK_MS)
  })
  try {
    await Promise.race([check.check(), late])
    return null
  } catch {
    return check.name
  } finally {
    clearTimeout(timer)
  }
}
