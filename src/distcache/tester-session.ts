/** The sessions of a tester: made at random, and what the server should know of each. */
import { randomFillSync, randomInt } from 'node:crypto'
import { MIN_DATA_BYTES } from './limits.ts'
import { Operation } from './message.ts'
import type { Answer } from './outcome.ts'

export interface TestSession {
  readonly id: Buffer
  readonly data: Buffer
  /** What it is when all operations so far have been executed. */
  isPresent: boolean
}

const MIN_ID_BYTES = 10
/** Exclusive, as in the original. */
const MAX_ID_BYTES = 64

/** A session with an id of 10 to 63 bytes and data of `min` up to `max` (exclusive, unless they are the same). */
export function makeTestSession(min: number, max: number): TestSession {
  const data = randomFillSync(Buffer.alloc(between(min, max)))
  return { id: randomFillSync(Buffer.alloc(between(MIN_ID_BYTES, MAX_ID_BYTES))), data, isPresent: false }
}

function between(min: number, max: number): number {
  return min < max ? randomInt(min, max) : min
}

/**
 * What the server must answer to `operation`, when it has executed what was asked before; the session is then as it will be
 * after it.
 */
export function expectAnswer(session: TestSession, operation: number): Answer {
  const { isPresent } = session
  switch (operation) {
    case Operation.add:
      session.isPresent = true
      return isPresent ? 'present' : 'ok'
    case Operation.remove:
      session.isPresent = false
      return isPresent ? 'ok' : 'absent'
    case Operation.get:
      // So short a session is stored, and every client takes it for the code of a miss.
      return isPresent && session.data.length >= MIN_DATA_BYTES ? 'ok' : 'absent'
    default:
      return isPresent ? 'ok' : 'absent'
  }
}

/** A stream of random numbers that costs nanoseconds; tests of a server need no better. */
export class QuickRandom {
  #state = randomInt(1, 2 ** 31)

  /** A whole number from 0 to `end` (exclusive; at most 2^32). */
  below(end: number): number {
    // xorshift32 (Marsaglia 2003)
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state
    return Math.floor(((state >>> 0) / 2 ** 32) * end)
  }
}
