/**
 * A multi-get for servers that do not know `mg`: one `get` or `gets` per server with all of its keys, whose VALUE blocks are
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
import { commandNames } from './commands.ts'
import type { Slot } from './slot.ts'
import { endOfValues, valueHead } from './value-line.ts'

const SPACE = 0x20
const LF = 0x0a

/** The keys of one multi-get that such servers own. */
export class ClassicGet {
  readonly #command: number
  readonly #client: ClientConnection
  readonly #parts: Part[] = []

  constructor(command: number, client: ClientConnection) {
    this.#command = command
    this.#client = client
  }

  /** `slot` is to be filled with what server `server` of `pool` has under the key bytes[start, end). */
  add(pool: Pool, server: number, slot: Slot, bytes: Buffer, start: number, end: number): void {
    let part = this.#parts.find((known) => known.pool === pool && known.owner === server)
    if (part === undefined) {
      part = new Part(pool, server)
      this.#parts.push(part)
    }
    part.slots.push(slot)
    part.keys.push(Buffer.from(bytes.subarray(start, end)))
  }

  /** All keys are there: asks. */
  send(): void {
    for (const part of this.#parts) {
      const out = part.pool.begin(part.owner, part, this.#client.number)
      if (out === undefined) {
        part.onFailure(part.pool.refusal)
        continue
      }
      out.text(commandNames[this.#command]!)
      for (const key of part.keys) {
        out.text(' ')
        out.bytes(key, 0, key.length)
      }
      out.text('\r\n')
    }
  }
}

class Part extends ServerRequest {
  readonly pool: Pool
  readonly owner: number
  readonly slots: Slot[] = []
  readonly keys: Buffer[] = []

  constructor(pool: Pool, owner: number) {
    super(Expect.values)
    this.pool = pool
    this.owner = owner
    this.mayRepeat = true
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
