/** How the length of a message body is told (RFC 9112 §6.3). */
export const B = {
  /** No body follows the head. */
  none: 0,
  /** Content-Length bytes. */
  sized: 1,
  /** Transfer-Encoding: chunked. */
  chunked: 2,
  /** Up to the end of the connection; responses only. */
  untilClose: 3,
} as const
