/** Answers that no server is needed for. */

/**
 * The memcached that clients take the proxy for: the first with all the commands it knows. Not our own version, as libmemcached
 * refuses to work with a server that says 0.
 */
export const SPOKEN_VERSION = '1.6.0'

export const ownAnswers = {
  version: Buffer.from(`VERSION ${SPOKEN_VERSION}\r\n`),
  mn: Buffer.from('MN\r\n'),
  error: Buffer.from('ERROR\r\n'),
  flushDisabled: Buffer.from('SERVER_ERROR flush_all is disabled\r\n'),
  ok: Buffer.from('OK\r\n'),
} as const
