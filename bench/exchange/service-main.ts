import { type Config, startService } from '@countersign/server'
import { pino } from 'pino'

// The service in a process of its own, as `countersign serve` runs it, with its log going to a file.
process.on(
  'message',
  (message: {
    config: Omit<Config, 'adminTokenHash' | 'kek' | 'roles'> & { adminTokenHash: string; kek: string }
    logFile: string
  }) => {
    const { config, logFile } = message
    const options = {
      ...config,
      adminTokenHash: Buffer.from(config.adminTokenHash, 'hex'),
      kek: Buffer.from(config.kek, 'hex'),
      roles: new Set(['sts', 'pdp', 'admin', 'gateway'] as const),
    }
    startService(options, {
      log: pino({ name: 'countersign' }, pino.destination({ dest: logFile, sync: false, minLength: 4096 })),
    }).then(
      ({ url }) => process.send?.({ url }),
      (error: Error) => {
        console.error(error)
        process.exit(1)
      },
    )
  },
)
process.on('disconnect', () => process.exit(0))
