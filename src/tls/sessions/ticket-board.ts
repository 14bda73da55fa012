/**
 * The ticket keys of one `tls-sessions` block in shared memory: the main thread writes, every worker reads.
 *
 *     int32:  0 sequence | 1 keys | 2 the one that issues, -1: none | 3 unused
 *     bytes:  16 key 0 (48) | 64 key 1 (48) | ...
 *
 * Always true: the sequence is odd while the keys are being written, and another even number after every change. Who reads
 * copies, and has read one state if the sequence was the same even number before and after.
 */
import { assert } from '../../util/assert.ts'
import { TICKET_KEY_BYTES } from './ticket-key.ts'

/** What a board has room for; the schedule keeps to it. */
export const MAX_TICKET_KEYS = 32

const HEAD_WORDS = 4
const HEAD_BYTES = 4 * HEAD_WORDS
const SEQUENCE = 0
const COUNT = 1
const ISSUING = 2
const NONE = -1
/** A write takes microseconds; a reader that is so unlucky goes on with what it has and looks at the next ticket. */
const READ_ATTEMPTS = 100

/** Keys as they hold now. */
export interface BoardKeys {
  /** As `TicketBoard.sequence` was. */
  readonly sequence: number
  /** 48 bytes each, the reader's own. */
  readonly keys: readonly Buffer[]
  /** Index of the key that issues; -1: no tickets are issued. */
  readonly issuing: number
}

export function createTicketBoard(): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(HEAD_BYTES + MAX_TICKET_KEYS * TICKET_KEY_BYTES)
  new Int32Array(shared, 0, HEAD_WORDS)[ISSUING] = NONE
  return shared
}

export class TicketBoard {
  readonly #head: Int32Array
  readonly #bytes: Buffer

  constructor(shared: SharedArrayBuffer) {
    this.#head = new Int32Array(shared, 0, HEAD_WORDS)
    this.#bytes = Buffer.from(shared, HEAD_BYTES)
  }

  /** Even, and another one after each change. */
  get sequence(): number {
    return Atomics.load(this.#head, SEQUENCE) & ~1
  }

  /** Only for the main thread. `keys`: 48 bytes each, at most MAX_TICKET_KEYS; what is no longer among them is wiped. */
  write(keys: readonly Uint8Array[], issuing: number): void {
    assert(keys.length <= MAX_TICKET_KEYS, 'the keys have room on the board')
    assert(issuing >= NONE && issuing < keys.length, 'the issuing key is one of the keys')
    Atomics.add(this.#head, SEQUENCE, 1)
    this.#bytes.fill(0)
    for (const [index, key] of keys.entries()) this.#bytes.set(key, index * TICKET_KEY_BYTES)
    Atomics.store(this.#head, COUNT, keys.length)
    Atomics.store(this.#head, ISSUING, issuing)
    Atomics.add(this.#head, SEQUENCE, 1)
  }

  /** undefined: they were being written all the time. */
  read(): BoardKeys | undefined {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const sequence = Atomics.load(this.#head, SEQUENCE)
      if (sequence % 2 !== 0) continue
      const count = Atomics.load(this.#head, COUNT)
      const issuing = Atomics.load(this.#head, ISSUING)
      const copy = Buffer.from(this.#bytes.subarray(0, count * TICKET_KEY_BYTES))
      if (Atomics.load(this.#head, SEQUENCE) !== sequence) continue
      const keys = Array.from({ length: count }, (_, index) =>
        copy.subarray(index * TICKET_KEY_BYTES, (index + 1) * TICKET_KEY_BYTES),
      )
      return { sequence, keys, issuing }
    }
    return undefined
  }
}
