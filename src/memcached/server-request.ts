/**
 * One request to one server, from the moment its bytes are queued until its reply has come. Owners extend this class, so
 * that a request is one object of one shape, without closure or promise.
 *
 * Always true: of `onReply` and `onFailure` exactly one is called, exactly once, never before the call that queued the
 * request has returned, and in the order in which the requests of one connection were queued. Only a request with several
 * `replies` hears `onReply` for each of them, until `onFailure` takes the place of those that are missing.
 */
import type { FailureCode } from './failure.ts'
import type { Reply } from './reply.ts'

/** What a well-formed reply looks like; decides how it is parsed. */
export const Expect = {
  /** One line of the meta protocol; `VA` carries data. */
  meta: 0,
  /** Any number of VALUE blocks, then END (get, gets, gat, gats). `start` to `end` is all of it. */
  values: 1,
  /** One classic line: STORED, DELETED, a number, TOUCHED, OK, VERSION ... */
  line: 2,
} as const

export abstract class ServerRequest {
  /** A value of Expect. */
  expect: number
  /** Replies that are to come: more than one where the bytes of the request are several commands of its kind. */
  replies = 1
  /** It may be sent once more when an idle connection turns out to be dead: only gets that change nothing. */
  mayRepeat = false
  /** It was: a connection was lost with it (the connection's). */
  isRepeated = false
  // Of the connection:
  next: ServerRequest | undefined = undefined
  queuedMs = 0
  server = -1
  bytes = 0

  constructor(expect: number) {
    this.expect = expect
  }

  /** `reply` and its bytes belong to the connection and are good during the call only, unless `reply.isOwned`. */
  abstract onReply(reply: Reply): void

  abstract onFailure(failure: FailureCode): void
}
