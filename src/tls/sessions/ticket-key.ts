/**
 * A ticket key as OpenSSL wants it, and as `ticketKeys` of a plain Node server has it: a name that is sent with each ticket,
 * the key that authenticates it (HMAC-SHA256), and the one that encrypts it (AES-128-CBC).
 *
 *     name 16 | hmac 16 | aes 16
 */

export const TICKET_KEY_BYTES = 48
export const TICKET_NAME_BYTES = 16

/** The secrets of a key, as views of its 48 bytes. */
export interface TicketKeyParts {
  readonly name: Buffer
  readonly hmac: Buffer
  readonly aes: Buffer
}

export function ticketKeyParts(key: Buffer): TicketKeyParts {
  return { name: key.subarray(0, 16), hmac: key.subarray(16, 32), aes: key.subarray(32, 48) }
}
