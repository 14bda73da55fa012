/** Answers that no server is needed for. */

export const ownAnswers = {
  mn: Buffer.from('MN\r\n'),
  error: Buffer.from('ERROR\r\n'),
  flushDisabled: Buffer.from('SERVER_ERROR flush_all is disabled\r\n'),
  ok: Buffer.from('OK\r\n'),
} as const
