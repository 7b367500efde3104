import { closedLoop } from '../load/closed-loop.js'
import { formBytes } from '../load/http-bytes.js'
import { processFigures } from '../load/process-figures.js'
import { startRig } from './rig.js'
import { createZone, exchangeFields, USER_TOKEN, userToken } from './zone.js'

const rig = await startRig()
const service = await rig.service()
const floor = await rig.floor(true)
const zone = await createZone(rig, service)
const tokens = Array.from({ length: 64 }, (_, n) => userToken(rig.signingKey, `user-${n}`, n))
const serviceBytes = tokens.map((token) =>
  formBytes('/oauth/2/token', exchangeFields(zone, { subject_token: token, subject_token_type: USER_TOKEN })),
)
const floorBytes = tokens.map((token) =>
  formBytes('/', {
    ...exchangeFields(zone),
    client_secret: rig.secret,
    subject_token: token,
    subject_token_type: USER_TOKEN,
  }),
)
let n = 0
for (let round = 0; round < 4; round++) {
  for (const [name, target, bytes] of [
    ['floor', floor, floorBytes],
    ['service', service, serviceBytes],
  ] as const) {
    const before = processFigures(target.pid)
    const result = await closedLoop({
      host: '127.0.0.1',
      port: target.port,
      connections: 64,
      ms: 3000,
      next: () => bytes[n++ % bytes.length],
    })
    const after = processFigures(target.pid)
    console.log(
      name,
      Math.round(result.requests / result.seconds),
      'rps',
      [...result.statuses],
      'p50',
      result.latency.quantile(0.5).toFixed(2),
      'p99',
      result.latency.quantile(0.99).toFixed(2),
      'cpu/req us',
      Math.round((after.cpuUs - before.cpuUs) / result.requests),
      'rss',
      Math.round(after.rssMb),
    )
  }
}
await rig.close()
