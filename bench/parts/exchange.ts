import { availableParallelism } from 'node:os'
import { pauseMany, pausingRequests, retryBytes, satisfyMany } from '../exchange/challenges.js'
import { ledgerSize } from '../exchange/ledger.js'
import { eachOnce, newTokens, repeatedTokens, roundRobin, TOKEN_ENDPOINT, tokenRequests } from '../exchange/requests.js'
import type { Node } from '../exchange/rig.js'
import { type BenchZone, createZone } from '../exchange/zone.js'
import { formBytes } from '../load/http-bytes.js'
import type { Bench } from '../measure/bench.js'
import { atLeast, p99Within, pairRow } from '../measure/pair-row.js'
import { type Contender, interleave } from '../measure/pairs.js'
import type { Row } from '../report/row.js'

/** The token endpoint: plain exchanges beside the floor, and pauses and retries beside plain exchanges. */
export async function exchangePart(bench: Bench): Promise<readonly Row[]> {
  const service = await bench.rig.service()
  try {
    const zone = await createZone(bench.rig, service)
    return [
      await plain(bench, zone, service),
      await everyTokenNew(bench, zone, service),
      await twoProcesses(bench, zone, service),
      await pause(bench, zone, service),
      await satisfiedRetry(bench, zone, service),
    ]
  } finally {
    await service.stop()
  }
}

/** A plain exchange with tokens that repeat. */
export function plainContender(
  bench: Bench,
  zone: BenchZone,
  nodes: readonly Node[],
  label = 'plain exchange',
): Contender {
  const { rig } = bench
  const requests = tokenRequests(rig, zone, repeatedTokens(rig)).service
  return { label, nodes, status: 200, requests: async () => roundRobin(requests), recorded: ledgerSize(rig, zone) }
}

/** The floor with its cache, given the same requests. */
export function floorContender(bench: Bench, zone: BenchZone, node: Node): Contender {
  const requests = tokenRequests(bench.rig, zone, repeatedTokens(bench.rig)).floor
  return { label: 'the floor', nodes: [node], status: 200, requests: async () => roundRobin(requests) }
}

async function plain(bench: Bench, zone: BenchZone, service: Node): Promise<Row> {
  const name = 'plain exchange'
  const floor = await bench.rig.floor({ cache: true })
  try {
    const ours = plainContender(bench, zone, [service])
    const pairs = await interleave(bench, name, ours, floorContender(bench, zone, floor))
    const targets = [atLeast(0.75, pairs.ratio), p99Within(1.5, pairs)]
    return pairRow(name, pairs, { against: 'the floor', targets })
  } finally {
    await floor.stop()
  }
}

async function everyTokenNew(bench: Bench, zone: BenchZone, service: Node): Promise<Row> {
  const name = 'plain exchange, every subject token new'
  const { rig } = bench
  const floor = await rig.floor({ cache: false })
  try {
    const pairs = await interleave(
      bench,
      name,
      {
        label: name,
        nodes: [service],
        status: 200,
        requests: async (atMost) => eachOnce(tokenRequests(rig, zone, newTokens(rig, atMost)).service),
        recorded: ledgerSize(rig, zone),
      },
      { ...floorContender(bench, zone, floor), label: 'the floor without its cache' },
    )
    return pairRow(name, pairs, { against: 'the floor without its cache', targets: [atLeast(0.75, pairs.ratio)] })
  } finally {
    await floor.stop()
  }
}

async function twoProcesses(bench: Bench, zone: BenchZone, service: Node): Promise<Row> {
  const name = 'plain exchange, 2 processes'
  const cores = availableParallelism()
  const second = await bench.rig.service()
  try {
    const both = plainContender(bench, zone, [service, second], name)
    const pairs = await interleave(bench, name, both, plainContender(bench, zone, [service], '1 process'))
    const least = cores >= 8 ? 1.6 : 0.95
    const targets = [
      atLeast(least, pairs.ratio),
      ...(cores >= 8 ? [] : [{ wanted: 'ratio ≥ 1.6 on 8 cores or more', kept: null }]),
    ]
    return pairRow(name, pairs, { against: '1 process', targets })
  } finally {
    await second.stop()
  }
}

async function pause(bench: Bench, zone: BenchZone, service: Node): Promise<Row> {
  const name = 'pause'
  const ours: Contender = {
    label: name,
    nodes: [service],
    status: 401,
    requests: async (atMost) => {
      const fields = await pausingRequests(bench, zone, service, atMost)
      return eachOnce(fields.map((it) => formBytes(TOKEN_ENDPOINT, it)))
    },
    recorded: challengeCount(bench, zone),
  }
  const pairs = await interleave(bench, name, ours, plainContender(bench, zone, [service]))
  const note = 'each creates a challenge of its own, with its secret'
  return pairRow(name, pairs, { against: 'plain exchange', targets: [atLeast(0.5, pairs.ratio)], note })
}

async function satisfiedRetry(bench: Bench, zone: BenchZone, service: Node): Promise<Row> {
  const name = 'satisfied retry'
  const ours: Contender = {
    label: name,
    nodes: [service],
    status: 200,
    requests: async (atMost) => {
      const paused = await pauseMany(bench, zone, service, atMost)
      await satisfyMany(bench, zone, paused)
      return eachOnce(paused.map(retryBytes))
    },
    recorded: ledgerSize(bench.rig, zone),
  }
  const pairs = await interleave(bench, name, ours, plainContender(bench, zone, [service]))
  const note = 'each consumes a challenge that was created and approved beforehand'
  return pairRow(name, pairs, { against: 'plain exchange', targets: [atLeast(0.5, pairs.ratio)], note })
}

// A 401 could be any refusal; as many new challenges as answers says that each was a pause.
function challengeCount({ rig }: Bench, zone: BenchZone): () => Promise<number> {
  return async () => {
    const { rows } = await rig.database.query<{ count: string }>(
      'SELECT count(*) FROM step_up_challenges WHERE zone_id = $1',
      [zone.zoneId],
    )
    return Number(rows[0]?.count)
  }
}
