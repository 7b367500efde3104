import { TOKEN_ENDPOINT } from '../exchange/requests.js'
import type { Node } from '../exchange/rig.js'
import { type BenchZone, createZone, ISSUER, RESOURCE, userFields, userToken } from '../exchange/zone.js'
import { Connection } from '../load/connection.js'
import { formBytes, postBytes } from '../load/http-bytes.js'
import { BrokenRun } from '../load/tally.js'
import type { Bench } from '../measure/bench.js'
import { atLeast, pairRow } from '../measure/pair-row.js'
import { interleave } from '../measure/pairs.js'
import type { Row } from '../report/row.js'

const USER = 'decided'

/** The decision point, asked by the holder of a session mandate and by an application, beside bare Fastify. */
export async function decisionPart(bench: Bench): Promise<readonly Row[]> {
  const service = await bench.rig.service()
  try {
    const zone = await createZone(bench.rig, service)
    const { applicationId, applicationSecret } = zone
    const basic = Buffer.from(`${applicationId}:${applicationSecret}`).toString('base64')
    const mandate = await sessionMandate(bench, zone, service)
    return [
      await decisionRow(bench, zone, service, 'decision check', `Bearer ${mandate}`),
      await decisionRow(bench, zone, service, 'decision check, asked by an application', `Basic ${basic}`),
    ]
  } finally {
    await service.stop()
  }
}

async function decisionRow(
  bench: Bench,
  zone: BenchZone,
  service: Node,
  name: string,
  authorization: string,
): Promise<Row> {
  const question = JSON.stringify({
    subject: { type: 'user', issuer: ISSUER, id: USER },
    permission: 'read',
    resource: RESOURCE,
  })
  const path = `/v1/zones/${zone.zoneId}/decisions/check`
  const request = postBytes(path, 'application/json', question, { authorization })
  const { status, body } = await answerTo(service, request)
  if (status !== 200 || !/"allowed":true,.*"requires_step_up":false/.test(body)) {
    throw new BrokenRun(`${name}: the question must be allowed, but the answer is ${status}`)
  }
  const floor = await bench.rig.fastify(body)
  try {
    const same = { status: 200, requests: async () => () => request }
    const pairs = await interleave(
      bench,
      name,
      { ...same, label: name, nodes: [service] },
      { ...same, label: 'bare Fastify', nodes: [floor] },
    )
    return pairRow(name, pairs, { against: 'bare Fastify, same bytes', targets: [atLeast(0.5, pairs.ratio)] })
  } finally {
    await floor.stop()
  }
}

async function sessionMandate(bench: Bench, zone: BenchZone, service: Node): Promise<string> {
  const token = userToken(bench.rig.signingKey, USER, 0)
  // Without targets, what comes out is a session mandate.
  const fields = Object.entries(userFields(zone, token)).filter(([name]) => name !== 'resource' && name !== 'scope')
  const { body } = await answerTo(service, formBytes(TOKEN_ENDPOINT, Object.fromEntries(fields)))
  const { access_token: mandate } = JSON.parse(body) as { access_token?: string }
  if (mandate === undefined) throw new BrokenRun('no session mandate to ask for decisions with')
  return mandate
}

async function answerTo(node: Node, request: Buffer) {
  const connection = await Connection.open(node, true)
  try {
    return await connection.send(request)
  } finally {
    connection.close()
  }
}
