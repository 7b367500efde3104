import { type PausedRequest, pauseMany, retryBytes } from '../exchange/challenges.js'
import { type BenchZone, createZone } from '../exchange/zone.js'
import { Connection, openConnections } from '../load/connection.js'
import { Histogram } from '../load/histogram.js'
import { postBytes, requestBytes } from '../load/http-bytes.js'
import { BrokenRun } from '../load/tally.js'
import type { Bench } from '../measure/bench.js'
import { type Row, row } from '../report/row.js'

/**
 * How long it takes from an approval's answer until the client that waits for it knows, and until it has its mandate,
 * while many wait.
 */
export async function waitingPart(bench: Bench): Promise<readonly Row[]> {
  const { rig, plan, progress } = bench
  const service = await rig.service()
  const waiters: Connection[] = []
  try {
    const zone = await createZone(rig, service)
    progress(`waiting: ${plan.waiters} requests pause`)
    const paused = await pauseMany(bench, zone, service, plan.waiters)
    waiters.push(...(await openConnections([service], plan.waiters, true)))
    const approver = await Connection.open(service, true)
    waiters.push(approver)

    const told = new Histogram()
    const inHand = new Histogram()
    const waiting = paused.map((it, n) => ({
      paused: it,
      connection: waiters[n] as Connection,
      answer: (waiters[n] as Connection)
        .send(waitBytes(zone, it))
        .then((answer) => ({ answer, at: performance.now() })),
    }))
    // One that fails is noticed where it is awaited; the others must not end the process meanwhile.
    for (const { answer } of waiting) answer.catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 500))

    progress(`waiting: ${plan.approvals} of ${plan.waiters} are approved, one after another`)
    for (const { paused: it, connection, answer } of waiting.slice(0, plan.approvals)) {
      const approval = await approver.send(approvalBytes(zone, it))
      const approved = performance.now()
      if (approval.status !== 200) throw new BrokenRun(`an approval was answered with ${approval.status}`)
      const wait = await answer
      if (wait.answer.status !== 200 || !wait.answer.body.includes('"satisfied"')) {
        throw new BrokenRun(`somebody who waited for an approval was answered with ${wait.answer.status}`)
      }
      // News may be faster than the approval's own answer.
      told.record(Math.max(0, wait.at - approved))
      const retry = await connection.send(retryBytes(it))
      if (retry.status !== 200) throw new BrokenRun(`a retry after an approval was answered with ${retry.status}`)
      inHand.record(performance.now() - approved)
    }
    return [
      waitRow('approval answered to waiting client told', told, 100, plan.waiters),
      waitRow('approval answered to mandate in hand', inHand, 250, plan.waiters),
    ]
  } finally {
    for (const connection of waiters) connection.close()
    await service.stop()
  }
}

function waitRow(name: string, times: Histogram, most: number, waiters: number): Row {
  const p95 = times.quantile(0.95)
  return row({
    name,
    p50Ms: times.quantile(0.5),
    p99Ms: times.quantile(0.99),
    p999Ms: times.quantile(0.999),
    targets: [{ wanted: `p95 ≤ ${most} ms`, kept: p95 <= most }],
    note: `p95 ${p95.toFixed(2)} ms, with ${waiters} clients waiting and ${times.total} of them approved one after another`,
  })
}

function waitBytes(zone: BenchZone, { challengeId, secret }: PausedRequest): Buffer {
  const path = `/zones/${zone.zoneId}/oauth/2/challenges/${challengeId}?wait=60`
  return requestBytes('GET', path, { authorization: `Bearer ${secret}` })
}

function approvalBytes(zone: BenchZone, { challengeId }: PausedRequest): Buffer {
  const path = `/v1/zones/${zone.zoneId}/step-up-challenges/${challengeId}/satisfy`
  return postBytes(path, 'application/json', '{}', { authorization: `Bearer ${zone.approverToken}` })
}
