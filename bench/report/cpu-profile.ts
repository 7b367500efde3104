/** A profile as V8 writes it. Times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** What share of the busy time was spent in a place itself, from 0 to 1. */
export interface PlaceShare {
  readonly place: string
  readonly share: number
}

const IDLE: ReadonlySet<string> = new Set(['(idle)', '(root)'])

/** The end of a profile, `us` microseconds of it. */
export function lastOf(profile: CpuProfile, us: number): CpuProfile {
  let from = profile.samples.length
  for (let left = us; from > 0 && left > 0; from--) left -= profile.timeDeltas[from - 1] ?? 0
  return { ...profile, samples: profile.samples.slice(from), timeDeltas: profile.timeDeltas.slice(from) }
}

/** Self time by package and folder, the most first; only of the time in which the thread was not idle. */
export function shareByPlace(profile: CpuProfile): readonly PlaceShare[] {
  const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
  const byPlace = new Map<string, number>()
  let busy = 0
  profile.samples.forEach((id, n) => {
    const place = places.get(id) ?? ''
    if (IDLE.has(place)) return
    const time = profile.timeDeltas[n] ?? 0
    busy += time
    byPlace.set(place, (byPlace.get(place) ?? 0) + time)
  })
  return [...byPlace].map(([place, time]) => ({ place, share: time / busy })).sort((a, b) => b.share - a.share)
}

function placeOf({ functionName, url }: { readonly functionName: string; readonly url: string }): string {
  if (url === '') return functionName.startsWith('(') ? functionName : 'V8 and native code'
  const own = /\/packages\/([^/]+)\/dist\/(?:([^/]+)\/)?/.exec(url)
  if (own !== null) return own[2] === undefined ? `${own[1]}` : `${own[1]}/${own[2]}`
  const packages = [...url.matchAll(/\/node_modules\/((?:@[^/]+\/)?[^/]+)/g)]
  const last = packages.at(-1)?.[1]
  if (last !== undefined) return `package ${last}`
  const builtin = /^node:(?:internal\/)?([^/]+)/.exec(url)?.[1]
  return builtin === undefined ? 'compiled policy' : `node:${builtin}`
}
