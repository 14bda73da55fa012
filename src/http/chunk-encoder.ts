/** Writing the chunked transfer coding (RFC 9112 §7.1). */

/** What goes before `length` (> 0) payload bytes; CR LF goes behind them. */
export function chunkPrefix(length: number): string {
  return `${length.toString(16)}\r\n`
}

/** What goes behind the payload of each chunk. */
export const chunkSuffix = '\r\n'

/**
 * The last chunk. `trailers` are complete lines ("Name: value" CR LF), as `BodyReader.trailers` gives them.
 * Only ever written behind a complete body: an aborted one must not look complete.
 */
export function lastChunk(trailers?: string): string {
  return trailers === undefined ? '0\r\n\r\n' : `0\r\n${trailers}\r\n`
}
