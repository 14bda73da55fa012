/** How an operation of a client ended. */
import { MIN_DATA_BYTES } from './limits.ts'
import { Code, Operation } from './message.ts'
import type { LinkEnd } from './server-link.ts'

/**
 * What the server said: done, a hit, present (`ok`); nothing under that id (`absent`); an ADD that it did not take, since
 * the id is stored already (`present`) or for another code (`refused`).
 */
export type Answer = 'ok' | 'absent' | 'present' | 'refused'

/**
 * Why there is no answer: the agent has no server, or lost it (`disconnected`); no answer within the time (`timed-out`); or
 * the connection ended.
 */
export type Failure = 'disconnected' | 'timed-out' | LinkEnd

export type Outcome = Answer | Failure

export function isFailure(outcome: Outcome): outcome is Failure {
  return outcome !== 'ok' && outcome !== 'absent' && outcome !== 'present' && outcome !== 'refused'
}

/** What the response bytes[start, end) to `operation` means. */
export function outcomeOf(operation: number, bytes: Buffer, start: number, end: number): Outcome {
  const length = end - start
  const code = bytes[start]
  // An original agent without a server answers with nothing at all, ours with the code.
  if (length === 0 || (length === 1 && code === Code.disconnected)) return 'disconnected'
  // A hit and a code are told apart by length only, so data of fewer bytes can be stored and never fetched.
  if (operation === Operation.get) return length >= MIN_DATA_BYTES ? 'ok' : 'absent'
  if (length !== 1) return 'bad-response'
  if (code === Code.ok) return 'ok'
  if (operation === Operation.add) return code === Code.addPresent ? 'present' : 'refused'
  return code === Code.absent ? 'absent' : 'bad-response'
}

const failureTexts: Record<Failure, string> = {
  disconnected: 'the agent has no server',
  'timed-out': 'no answer in time',
  unreachable: 'the session server cannot be reached',
  lost: 'the connection to the session server was lost',
  'bad-response': 'the session server answered something else',
  closed: 'the client was closed',
}

/** An operation that got no answer. */
export class SessionServiceError extends Error {
  override readonly name = 'SessionServiceError'
  /** Why; promised, the message is not. */
  readonly code: Failure

  constructor(code: Failure, cause?: unknown) {
    super(failureTexts[code], { cause })
    this.code = code
  }
}
