/**
 * The names that things have in a pool. A cache's own keys may be as long as a request line and hold any byte, where
 * memcached takes 250 bytes without blanks; so a key in the pool is a short prefix and a hash of the whole, and the whole
 * stands in the entry, where it is compared:
 *
 *     sh:ENTRY              an entry: 22 letters of base64url, 132 bits of SHA-1
 *     sh:ENTRY!             the lease of whoever fetches what is stored but stale
 *     sh:ID.7               segment 7 of a body, under the random id that its entry names
 *
 * SHA-1 because processors have it in hardware; that two texts of one hash can be made on purpose does not matter where
 * such a pair only displaces each other. Others who use the pool are kept away from by the prefix, other caches by their
 * name, which is hashed with the key: two Shellacs whose caches have the same name share them, which is the point.
 */
import { hash } from 'node:crypto'

const PREFIX = 'sh:'
/** Of 27: enough that no two keys of any cache meet by chance. */
const HASH_LETTERS = 22

/** What the key in the pool is the hash of, and what the entry holds. */
export function identityOf(cacheName: string, key: string): string {
  return `${cacheName}:${key}`
}

export function entryKey(identity: string): string {
  return PREFIX + hash('sha1', identity, 'base64url').slice(0, HASH_LETTERS)
}

/** `key`: from `entryKey`. */
export function leaseKey(key: string): string {
  return `${key}!`
}

/** `id`: as `Entry.segmentId` writes it. */
export function segmentKey(id: string, number: number): string {
  return `${PREFIX}${id}.${number}`
}
