/**
 * A place in the order in which one client is answered: made when its request has been read, filled when the answer is known,
 * emptied when all before it are. It is at the same time what waits in the queue of a server, so that a request of one key
 * is one object; and it is used again when it is done.
 *
 *     waiting --reply, failure, own text--> filled --all before it delivered--> free
 *
 * A multi-get is one slot for each of its keys, side by side, bound together by a Group: they are delivered when all of them
 * are filled, which is what puts values into the order of the request, whichever servers and in which order they came.
 *
 * Always true: a slot that waits in the queue of a server is not free, also when its client is gone.
 */
import type { FailureCode } from '../memcached/failure.ts'
import { failureTexts } from '../memcached/failure.ts'
import type { Pool } from '../memcached/pool.ts'
import { Code, type Reply } from '../memcached/reply.ts'
import { Expect, ServerRequest } from '../memcached/server-request.ts'
import { decodedKey, decodeKey } from './base64-key.ts'
import type { ClientConnection } from './client-connection.ts'
import { Command } from './commands.ts'
import { CHUNK_BYTES, type Chunk, put } from './reply-arena.ts'
import { endOfValues, type ValueLine, valueHead } from './value-line.ts'

/** What becomes of a reply. */
export const Turn = {
  /** Handed on as it came. */
  pass: 0,
  /** `noreply`: nobody is told. */
  swallow: 1,
  /** Of get and its kin: the meta reply becomes a VALUE block. */
  value: 2,
  /** Meta commands with `q`, by what it suppresses. */
  quietGet: 3,
  quietSet: 4,
  quietDelete: 5,
  quietArithmetic: 6,
} as const

/** The keys of one multi-get. */
export class Group {
  /** Keys without an answer. */
  pending: number
  /** A line that is the answer to the whole: of the first key that failed. */
  error: Buffer | undefined = undefined

  constructor(keys: number) {
    this.pending = keys
  }
}

/** What of one multi-get goes to one server. Each Target has one for each of its servers, which is used again and again. */
export class Part {
  readonly pool: Pool
  readonly server: number
  first: Slot | undefined = undefined
  last: Slot | undefined = undefined
  keys = 0

  constructor(pool: Pool, server: number) {
    this.pool = pool
    this.server = server
  }

  add(slot: Slot): void {
    if (this.last === undefined) this.first = slot
    else this.last.nextInPart = slot
    this.last = slot
    this.keys++
  }

  /** Ready for the next multi-get. */
  clear(): void {
    this.first = undefined
    this.last = undefined
    this.keys = 0
  }
}

/** From here on the data of a reply is a piece of its own rather than a copy in the arena. */
const LARGE_BYTES = 16 * 1024
const LINE_END = Buffer.from('\r\n')

/** `SERVER_ERROR ...` by FailureCode. */
export const failureLines: readonly Buffer[] = failureTexts.map((text) => Buffer.from(`SERVER_ERROR ${text}\r\n`))
const INVALID_ARGUMENT = Buffer.from('SERVER_ERROR Invalid argument\r\n')

export class Slot extends ServerRequest {
  client: ClientConnection | undefined = undefined
  /** Behind this one in the client's order; while free, in the list of free ones. */
  nextSlot: Slot | undefined = undefined
  /** A value of Turn. */
  turn: number = Turn.pass
  /** A value of Command. */
  command: number = Command.unknown
  /** Monotonic, when the request was read. */
  startedMs = 0
  group: Group | undefined = undefined
  /**
   * Keys of a multi-get that one server owns are one request, whose replies they get one after the other. The last of them
   * is the one that waits at the server, so that what is filled before it need wait no longer; `part` is the one whose
   * reply is next. undefined: the request is for this key alone.
   */
  part: Slot | undefined = undefined
  nextInPart: Slot | undefined = undefined
  /** The last key of its group, or the only one: END belongs behind it. */
  endsValues = false
  isFilled = false
  /** Data that the request has given to a server (the client's). */
  sentBytes = 0
  /** The answer is chunk[start, end), then body[bodyStart, bodyEnd), then END where `hasEnd`; nothing of it need be there. */
  chunk: Chunk | undefined = undefined
  start = 0
  end = 0
  body: Buffer | undefined = undefined
  bodyStart = 0
  bodyEnd = 0
  hasEnd = false

  constructor() {
    super(Expect.line)
  }

  /** Bytes of the answer. */
  get length(): number {
    return this.end - this.start + this.bodyEnd - this.bodyStart
  }

  override onReply(reply: Reply): void {
    const slot = this.part
    if (slot === undefined) {
      this.#fill(reply)
    } else {
      this.part = slot.nextInPart
      slot.#fill(reply)
    }
  }

  /** One key's part of the values bytes[start, end) of a classic get: its VALUE block, or nothing. */
  onBlock(bytes: Buffer, start: number, end: number): void {
    if (!this.client!.isGone) {
      if (end > start) this.#copy(bytes, start, end)
      this.hasEnd = this.endsValues
    }
    this.client!.onAnswered(this)
  }

  override onFailure(failure: FailureCode): void {
    const line = failureLines[failure] ?? INVALID_ARGUMENT
    this.client!.countFailure()
    if (this.part === undefined) this.answer(line)
    for (let slot = this.part; slot !== undefined; ) {
      const next: Slot | undefined = slot.nextInPart
      slot.answer(line)
      slot = next
    }
  }

  /** Fills the slot with an answer of our own; `line` with its line end, which is copied. */
  answer(line: Buffer): void {
    if (!this.client!.isGone && this.turn !== Turn.swallow) this.#answerLine(line, 0, line.length)
    this.client!.onAnswered(this)
  }

  #fill(reply: Reply): void {
    if (!this.client!.isGone) this.#render(reply)
    this.client!.onAnswered(this)
  }

  #render(reply: Reply): void {
    switch (this.turn) {
      case Turn.swallow:
        return
      case Turn.value:
        this.#renderValue(reply)
        return
      case Turn.pass:
        this.#pass(reply, reply.end)
        return
      default:
        if (!isSuppressed(this.turn, reply.code)) this.#pass(reply, reply.end)
    }
  }

  #renderValue(reply: Reply): void {
    switch (reply.code) {
      case Code.va:
        this.#translate(reply)
        return
      case Code.en:
        if (this.endsValues) this.#copy(endOfValues, 0, endOfValues.length)
        return
      case Code.values:
        // What a server said that does not know the meta commands. Of a multi-get, END comes once.
        this.#pass(reply, this.endsValues ? reply.end : reply.end - endOfValues.length)
        return
      case Code.error:
        this.#answerLine(reply.bytes, reply.start, reply.end)
        return
      default:
        this.#answerLine(INVALID_ARGUMENT, 0, INVALID_ARGUMENT.length)
    }
  }

  /** An error is the answer to the whole of a multi-get. */
  #answerLine(bytes: Buffer, start: number, end: number): void {
    if (this.group === undefined) this.#copy(bytes, start, end)
    else this.group.error ??= Buffer.from(bytes.subarray(start, end))
  }

  /** `VA <size> k<key> f<flags>[ c<cas>]` becomes `VALUE <key> <flags> <size>[ <cas>]`. */
  #translate(reply: Reply): void {
    const { arena, valueLine } = this.client!.worker
    const { bytes } = reply
    if (!valueLine.parse(bytes, reply.start, reply.lineEnd)) {
      this.#answerLine(INVALID_ARGUMENT, 0, INVALID_ARGUMENT.length)
      return
    }
    const isLarge = reply.end - reply.dataStart > LARGE_BYTES
    const head = valueLine.length
    const chunk = arena.withRoom(head + (isLarge ? 0 : reply.end - reply.dataStart + endOfValues.length))
    const to = chunk.bytes
    let at = putHead(to, chunk.end, valueLine, bytes)
    if (isLarge) {
      this.#holdBody(reply, reply.dataStart, reply.end)
      this.hasEnd = this.endsValues
    } else {
      at = put(to, at, bytes, reply.dataStart, reply.end)
      if (this.endsValues) at = put(to, at, endOfValues, 0, endOfValues.length)
    }
    this.#hold(chunk, at)
  }

  #pass(reply: Reply, end: number): void {
    if (end - reply.start > LARGE_BYTES) this.#holdBody(reply, reply.start, end)
    else this.#copy(reply.bytes, reply.start, end)
  }

  #copy(bytes: Buffer, start: number, end: number): void {
    if (start === end) return
    if (end - start > CHUNK_BYTES) {
      this.body = Buffer.from(bytes.subarray(start, end))
      this.bodyEnd = this.body.length
      return
    }
    const chunk = this.client!.worker.arena.withRoom(end - start)
    this.#hold(chunk, put(chunk.bytes, chunk.end, bytes, start, end))
  }

  #hold(chunk: Chunk, end: number): void {
    this.chunk = chunk
    this.start = chunk.end
    this.end = end
    chunk.end = end
    chunk.held++
  }

  #holdBody(reply: Reply, start: number, end: number): void {
    if (reply.isOwned) {
      this.body = reply.bytes
      this.bodyStart = start
      this.bodyEnd = end
      return
    }
    const body = Buffer.allocUnsafeSlow(end - start)
    reply.bytes.copy(body, 0, start, end)
    this.body = body
    this.bodyStart = 0
    this.bodyEnd = end - start
  }
}

function putHead(to: Buffer, start: number, line: ValueLine, bytes: Buffer): number {
  let at = put(to, start, valueHead, 0, valueHead.length)
  const decoded = line.isBase64 ? decodeKey(bytes, line.keyStart, line.keyEnd) : 0
  at = decoded > 0 ? put(to, at, decodedKey, 0, decoded) : put(to, at, bytes, line.keyStart, line.keyEnd)
  to[at++] = 0x20
  at = put(to, at, bytes, line.flagsStart, line.flagsEnd)
  to[at++] = 0x20
  at = put(to, at, bytes, line.sizeStart, line.sizeEnd)
  if (line.casStart !== line.casEnd) {
    to[at++] = 0x20
    at = put(to, at, bytes, line.casStart, line.casEnd)
  }
  return put(to, at, LINE_END, 0, LINE_END.length)
}

/** What a client that said `q` does not want to hear. Errors it hears. */
function isSuppressed(turn: number, code: number): boolean {
  switch (turn) {
    case Turn.quietGet:
      return code === Code.en
    case Turn.quietArithmetic:
      return code === Code.hd || code === Code.va
    default:
      return code === Code.hd
  }
}
