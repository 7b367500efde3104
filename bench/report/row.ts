/** One line of the table. What does not apply, or was not measured, is null. Times in milliseconds. */
export interface Row {
  readonly name: string
  readonly rps: number | null
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly p999Ms: number | null
  /** CPU time of the measured processes for one request, in microseconds. */
  readonly cpuUs: number | null
  /** The same of the database. */
  readonly databaseCpuUs: number | null
  /** Resident memory of the largest measured process. */
  readonly rssMb: number | null
  /** What the floor did in the same run. */
  readonly floorRps: number | null
  readonly floorP99Ms: number | null
  readonly floorCpuUs: number | null
  /** The median of the pairs' ratios, so not exactly `rps / floorRps`. */
  readonly ratio: number | null
  /** What the floor is: `the floor`, `plain exchange`. */
  readonly against: string | null
  readonly targets: readonly Target[]
  /** What else there is to say of it. */
  readonly note: string | null
}

/** What is wanted of a row, and whether it is so; `kept` is null when this run cannot tell. */
export interface Target {
  readonly wanted: string
  readonly kept: boolean | null
}

const NOTHING: Row = {
  name: '',
  rps: null,
  p50Ms: null,
  p99Ms: null,
  p999Ms: null,
  cpuUs: null,
  databaseCpuUs: null,
  rssMb: null,
  floorRps: null,
  floorP99Ms: null,
  floorCpuUs: null,
  ratio: null,
  against: null,
  targets: [],
  note: null,
}

/** A row of what is known, with null for the rest. */
export function row(known: Partial<Row> & Pick<Row, 'name'>): Row {
  return { ...NOTHING, ...known }
}

/** The rows as one line of JSON: times in milliseconds and microseconds, memory in MB, requests a second. */
export function toJson(rows: readonly Row[]): string {
  return JSON.stringify({
    rows: rows.map((it) => ({
      name: it.name,
      rps: rounded(it.rps, 1),
      p50_ms: rounded(it.p50Ms, 3),
      p99_ms: rounded(it.p99Ms, 3),
      p999_ms: rounded(it.p999Ms, 3),
      cpu_us: rounded(it.cpuUs, 1),
      rss_mb: rounded(it.rssMb, 1),
      floor_rps: rounded(it.floorRps, 1),
      ratio: rounded(it.ratio, 3),
    })),
  })
}

function rounded(value: number | null, digits: number): number | null {
  return value === null || !Number.isFinite(value) ? null : Number(value.toFixed(digits))
}
