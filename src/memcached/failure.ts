/** Why a server did not answer, and how clients of the proxy are told (the texts twemproxy gives for the same cases). */

/** Index in `failureTexts`. */
export const Failure = {
  timedOut: 0,
  /** Also: every server of the pool is ejected. */
  refused: 1,
  reset: 2,
  brokenPipe: 3,
  /** A reply that cannot be parsed, or that nobody asked for. */
  badReply: 4,
  unresolved: 5,
  noRoute: 6,
  unreachable: 7,
  /** More waits for the server than may. */
  backlog: 8,
  /** The pool is closing. */
  closed: 9,
} as const

export type FailureCode = (typeof Failure)[keyof typeof Failure]

/** Behind `SERVER_ERROR `. */
export const failureTexts: readonly string[] = [
  'Connection timed out',
  'Connection refused',
  'Connection reset by peer',
  'Broken pipe',
  'Invalid argument',
  'Host is down',
  'No route to host',
  'Network is unreachable',
  'Out of memory',
  'Connection reset by peer',
]
