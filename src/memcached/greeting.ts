/**
 * What the pool itself asks a server: its version, and the note of its last return.
 *
 * The note is an ordinary item, `shellac:returned`, on the very server it speaks of, wherever the ring would put the key. It
 * holds the wall-clock milliseconds, in decimal, at which some node took the server back after an ejection: while it was
 * out, what it should have been told went to other servers, so that what it held from before is perhaps changed or purged
 * elsewhere. Every node reads the note when it connects, and the HTTP cache takes nothing from the server that is older; the
 * memcached proxy gives its clients what the server has. If the item is evicted, nodes that have read it still know.
 *
 * Classic commands do for both, so that servers of all ages answer.
 */

import type { OutBuffer } from './out-buffer.ts'
import { Age } from './pool-state.ts'
import { Code, type Reply } from './reply.ts'
import { Expect, ServerRequest } from './server-request.ts'

export const NOTE_KEY = 'shellac:returned'
/** As far as the clocks of two nodes may be apart, more than clocks that somebody keeps are. */
const MAX_AHEAD_MS = 60_000
/** First version with `HD` and the flags of today. */
const MODERN_VERSION: readonly number[] = [1, 6, 10]

/** Who wants to know. */
export interface GreetingHost {
  onAge(age: number): void
  /** Wall clock, milliseconds. */
  onReturnNote(atMs: number): void
}

export class VersionRequest extends ServerRequest {
  readonly #host: GreetingHost

  constructor(host: GreetingHost) {
    super(Expect.line)
    this.#host = host
  }

  write(out: OutBuffer): void {
    out.text('version\r\n')
  }

  override onReply(reply: Reply): void {
    const line = reply.bytes.toString('latin1', reply.start, reply.lineEnd)
    this.#host.onAge(reply.code === Code.version && isModernVersion(line) ? Age.modern : Age.old)
  }

  override onFailure(): void {}
}

export class ReadNoteRequest extends ServerRequest {
  readonly #host: GreetingHost

  constructor(host: GreetingHost) {
    super(Expect.values)
    this.#host = host
  }

  write(out: OutBuffer): void {
    out.text(`get ${NOTE_KEY}\r\n`)
  }

  override onReply(reply: Reply): void {
    if (reply.code !== Code.values) return
    const atMs = parseNote(reply.bytes.toString('latin1', reply.start, reply.end))
    if (atMs !== undefined) this.#host.onReturnNote(atMs)
  }

  override onFailure(): void {}
}

/** Writes the note. `onDone` is told whether the server answered, whatever it said: it lives. */
export class WriteNoteRequest extends ServerRequest {
  readonly #atMs: number
  readonly #onDone: (hasAnswered: boolean) => void

  constructor(atMs: number, onDone: (hasAnswered: boolean) => void) {
    super(Expect.line)
    this.#atMs = atMs
    this.#onDone = onDone
  }

  write(out: OutBuffer): void {
    const text = `${this.#atMs}`
    out.text(`set ${NOTE_KEY} 0 0 ${text.length}\r\n${text}\r\n`)
  }

  override onReply(): void {
    this.#onDone(true)
  }

  override onFailure(): void {
    this.#onDone(false)
  }
}

/** Whether the reply to `version` names one that speaks the meta protocol of today. */
export function isModernVersion(line: string): boolean {
  const found = /^VERSION (\d{1,6})\.(\d{1,6})\.(\d{1,6})/.exec(line)
  if (found === null) return false
  for (const [i, least] of MODERN_VERSION.entries()) {
    const part = Number(found[i + 1])
    if (part !== least) return part > least
  }
  return true
}

/** The time in the reply to a `get` of the note; undefined: no note, or none of ours. */
export function parseNote(reply: string): number | undefined {
  const found = /^VALUE \S+ \d+ \d+(?: \d+)?\r\n(\d{1,15})\r\nEND\r\n$/.exec(reply)
  return found === null ? undefined : Number(found[1])
}

/**
 * Whether a note may be true: whoever may write to the server may write that it returned tomorrow, and by that keep the cache
 * from using it until then. A little ahead may be another node's clock.
 */
export function isCredibleNote(atMs: number, nowMs: number): boolean {
  return atMs <= nowMs + MAX_AHEAD_MS
}
