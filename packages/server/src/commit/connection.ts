import pg from 'pg'
import { BinaryWriter } from '../store/binary-writer.js'
import { type Connection, clientConfig } from '../store/database.js'
import { PARAMETERS, writeBatch, zonesOf } from './encode.js'
import type { CommitItem, Verdict } from './item.js'

const STATEMENT = 'commit'
/** Where each zone's events begin; and a word for each item, unless all are recorded one after another from there. */
const PREPARE = `PREPARE ${STATEMENT} AS SELECT firsts, verdicts FROM commit_batch(${Array.from({ length: PARAMETERS }, (_, n) => `$${n + 1}`).join(',')})`

/** The connection of a commit queue: one batch at a time. */
export class CommitConnection {
  // The database answers when it has read all of a batch, so the next one can stand in its place.
  #writer = new BinaryWriter()

  private constructor(private readonly client: pg.Client) {}

  /** @param onLost told when the connection is of no more use */
  static async open(to: Connection, onLost: (lost: CommitConnection) => void): Promise<CommitConnection> {
    const client = new pg.Client(clientConfig(to))
    const connection = new CommitConnection(client)
    client.on('error', () => onLost(connection))
    try {
      await client.connect()
      await client.query(PREPARE)
    } catch (error) {
      void connection.close()
      throw error
    }
    return connection
  }

  /**
   * Records a batch in one round trip.
   *
   * @param resubmitted whether it may have been recorded already
   * @returns a verdict for each item
   */
  async record(items: readonly CommitItem[], resubmitted: boolean): Promise<readonly Verdict[]> {
    const zones = zonesOf(items)
    const [firsts, verdicts] = await this.#call((into) => writeBatch(into, items, zones, resubmitted))
    if (verdicts != null) return verdicts.split(' ').map(readVerdict)
    const leaves = firsts?.split(' ') ?? []
    return zones.places.map((place, n) => recordedAt(leafOf(leaves[place - 1]) + (zones.offsets[n] as number)))
  }

  close(): Promise<void> {
    return this.client.end().catch(() => {})
  }

  #call(write: (into: BinaryWriter) => void): Promise<readonly (string | null)[]> {
    writeCall(this.#writer, write)
    return new Promise((resolve, reject) => {
      const call = new Call(this.#writer.bytes, (error, fields) => {
        if (error == null) {
          resolve(fields ?? [])
          return
        }
        // What it refuses it may not have read to the end: the rest is still to be sent from where it stands.
        this.#writer = new BinaryWriter()
        reject(error)
      })
      this.client.query(call)
    })
  }
}

const [BIND, EXECUTE, SYNC] = ['B', 'E', 'S'].map((letter) => letter.charCodeAt(0)) as [number, number, number]

/**
 * Three messages in one piece: bind all arguments in their binary form, execute, and say that this is all. Given the same
 * arguments, each as a buffer of its own that it copies twice, `pg` takes 5 % of an exchange's main thread longer, and the
 * collector's threads twice as long.
 *
 * @see https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
function writeCall(into: BinaryWriter, write: (into: BinaryWriter) => void): void {
  const [allBinary, binary, unnamedPortal, noLimit] = [1, 1, '', 0]
  into.clear()
  message(into, BIND, () => {
    into.zeroEnded(unnamedPortal)
    into.zeroEnded(STATEMENT)
    into.int16(allBinary)
    into.int16(binary)
    into.int16(PARAMETERS)
    write(into)
    const resultsAsText = 0
    into.int16(resultsAsText)
  })
  message(into, EXECUTE, () => {
    into.zeroEnded(unnamedPortal)
    into.int32(noLimit)
  })
  message(into, SYNC, () => {})
}

function message(into: BinaryWriter, type: number, write: () => void): void {
  into.byte(type)
  const start = into.length
  into.int32(0)
  write()
  into.int32At(start, into.length - start)
}

type Done = (error: Error | null | undefined, fields?: readonly (string | null)[]) => void

/** A call that is already written, as `pg` takes it beside its own queries; it answers with the fields of one row. */
class Call implements pg.Submittable {
  #fields: readonly (string | null)[] | undefined

  constructor(
    private readonly bytes: Buffer,
    // By this name `pg` finds it, to tell of a time-out.
    public callback: Done,
  ) {}

  submit({ stream }: pg.Connection): void {
    stream.write(this.bytes)
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    this.#fields = fields
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.callback(null, this.#fields)
  }

  handleError(error: Error): void {
    this.callback(error)
  }
}

// A word for an item: where its event stands in the ledger, or what became of it.
function readVerdict(word: string): Verdict {
  if (word === 'stale' || word === 'replayed' || word === 'capped') return { status: word }
  return recordedAt(leafOf(word))
}

function leafOf(word: string | undefined): number {
  return Number(word || Number.NaN)
}

const STALE: Verdict = { status: 'stale' }

// Of an item that nothing is said of nothing is known to be recorded.
function recordedAt(leafIndex: number): Verdict {
  return Number.isSafeInteger(leafIndex) ? { status: 'recorded', leafIndex } : STALE
}
