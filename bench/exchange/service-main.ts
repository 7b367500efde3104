import { type Config, startService } from '@countersign/server'

/** A configuration as it goes through the channel, with bytes as hexadecimal text. */
export interface ServiceSettings {
  readonly config: Pick<
    Config,
    'host' | 'port' | 'baseUrl' | 'dataDir' | 'database' | 'allowPrivateAddresses' | 'trustProxy'
  > & {
    readonly adminTokenHash: string
    readonly kek: string
  }
}

// The service in a process of its own, as `countersign serve` runs it.
process.once('message', ({ config }: ServiceSettings) => {
  const service = startService({
    ...config,
    adminTokenHash: Buffer.from(config.adminTokenHash, 'hex'),
    adminTokenFile: undefined,
    redisUrl: undefined,
    kek: Buffer.from(config.kek, 'hex'),
    roles: new Set(['sts', 'pdp', 'admin'] as const),
  })
  service.then(
    ({ url }) => process.send?.({ port: Number(new URL(url).port) }),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
  process.on('disconnect', () => {
    service.then((running) => running.close()).finally(() => process.exit(0))
  })
})
// Ctrl-C is for the bench, which stops what it started.
process.on('SIGINT', () => {})
