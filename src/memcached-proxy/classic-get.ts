/**
 * A multi-get for servers that do not know `mg`: one `get`, `gets`, `gat` or `gats` per server with all of its keys, whose VALUE blocks are
 * then given to the slots of the keys.
 *
 * Blocks come in the order asked, and none for a key that is not there. So each key in turn is compared with the block that
 * is next: the same, and it is this key's; another, and this key was missed.
 */
import type { FailureCode } from '../memcached/failure.ts'
import type { Pool } from '../memcached/pool.ts'
import { Code, type Reply } from '../memcached/reply.ts'
import { Expect, ServerRequest } from '../memcached/server-request.ts'
import type { ClientConnection } from './client-connection.ts'
import { Command, commandNames } from './commands.ts'
import type { RequestParser } from './request-parser.ts'
import type { Slot } from './slot.ts'
import { endOfValues, valueHead } from './value-line.ts'

const SPACE = 0x20
const LF = 0x0a

/** memcached closes a connection on which 2,048 bytes hold no line end, unless they begin with `get`. */
const MAX_GAT_BYTES = 1800

/** The keys of one multi-get that such servers own. */
export class ClassicGet {
  /** What comes before the keys. */
  readonly #head: string
  readonly #maxBytes: number
  readonly #mayRepeat: boolean
  readonly #client: ClientConnection
  readonly #parts: ClassicPart[] = []

  /** `bytes`: where `request` lies. */
  constructor(request: RequestParser, bytes: Buffer, client: ClientConnection) {
    const { command } = request
    const isGat = command >= Command.gat
    const exptime = isGat ? ` ${bytes.toString('latin1', request.words[2], request.words[3])}` : ''
    this.#head = `${commandNames[command]}${exptime}`
    this.#maxBytes = isGat ? MAX_GAT_BYTES : Number.POSITIVE_INFINITY
    this.#mayRepeat = !isGat
    this.#client = client
  }

  /** `slot` is to be filled with what server `server` of `pool` has under the key bytes[start, end). */
  add(pool: Pool, server: number, slot: Slot, bytes: Buffer, start: number, end: number): void {
    let part = this.#parts.findLast((known) => known.pool === pool && known.owner === server)
    if (part === undefined || part.keyBytes + end - start > this.#maxBytes) {
      part = new ClassicPart(pool, server)
      part.mayRepeat = this.#mayRepeat
      this.#parts.push(part)
    }
    part.slots.push(slot)
    part.keys.push(Buffer.from(bytes.subarray(start, end)))
    part.keyBytes += end - start + 1
  }

  /** All keys are there: asks. */
  send(): void {
    for (const part of this.#parts) {
      const out = part.pool.begin(part.owner, part, this.#client.number)
      if (out === undefined) {
        part.onFailure(part.pool.refusal)
        continue
      }
      out.text(this.#head)
      for (const key of part.keys) {
        out.text(' ')
        out.bytes(key, 0, key.length)
      }
      out.text('\r\n')
    }
  }
}

class ClassicPart extends ServerRequest {
  readonly pool: Pool
  readonly owner: number
  readonly slots: Slot[] = []
  readonly keys: Buffer[] = []
  /** With a space before each key. */
  keyBytes = 0

  constructor(pool: Pool, owner: number) {
    super(Expect.values)
    this.pool = pool
    this.owner = owner
  }

  override onReply(reply: Reply): void {
    if (reply.code !== Code.values) {
      for (const slot of this.slots) slot.onReply(reply)
      return
    }
    const end = reply.end - endOfValues.length
    let at = reply.start
    for (const [index, slot] of this.slots.entries()) {
      const blockEnd = endOfBlock(reply.bytes, at, end, this.keys[index]!)
      slot.onBlock(reply.bytes, at, blockEnd)
      at = blockEnd
    }
  }

  override onFailure(failure: FailureCode): void {
    for (const slot of this.slots) slot.onFailure(failure)
  }
}

/** Where the VALUE block at `at` ends if it is that of `key`; else `at`. The parser has seen that the blocks are well formed. */
function endOfBlock(bytes: Buffer, at: number, end: number, key: Buffer): number {
  const keyStart = at + valueHead.length
  const keyEnd = keyStart + key.length
  if (keyEnd >= end || bytes[keyEnd] !== SPACE || bytes.compare(key, 0, key.length, keyStart, keyEnd) !== 0) return at
  const lineFeed = bytes.indexOf(LF, keyEnd)
  const words = bytes.toString('latin1', keyEnd + 1, lineFeed - 1).split(' ')
  return lineFeed + 1 + Number(words[1]) + 2
}
