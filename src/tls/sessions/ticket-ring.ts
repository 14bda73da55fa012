/**
 * The ticket keys that a fleet shares, as a set that any node may add to: two of them that went separate ways are one again by
 * taking what is in either, in whatever order and however often. Sealed, it is one item in a pool (doc/tls-sessions.md):
 *
 *     version 1 | count | key | key | ...
 *     key:  kind | fromMs (6) | name 16 | hmac 16 | aes 16
 *
 * Numbers are big-endian. A later version, or anything but whole keys, is no ring.
 */
import { hash } from 'node:crypto'
import { SEAL_BYTES, SealedBox } from '../../distcache/sealed.ts'
import { assert } from '../../util/assert.ts'
import { MAX_TICKET_KEYS } from './ticket-board.ts'
import { TICKET_KEY_BYTES, TICKET_NAME_BYTES } from './ticket-key.ts'

export interface RingKey {
  /**
   * `fleet`: all nodes issue under it from `fromMs` until the next begins. `lone`: one node issued under it until `fromMs`, while
   * it had no other; the rest only accepts it.
   */
  readonly kind: 'fleet' | 'lone'
  /** Wall clock, whole milliseconds. */
  readonly fromMs: number
  /** As ticket-key.ts draws it. */
  readonly key: Buffer
}

/** Sorted by `fromMs`, then by name; no name twice; at most MAX_RING_KEYS. */
export type Ring = readonly RingKey[]

export const emptyRing: Ring = []

/** A node's own key has room on the board besides. */
export const MAX_RING_KEYS = MAX_TICKET_KEYS - 1
/** As many as are needed when ten periods are accepted and clocks differ, and some. */
const MAX_FLEET_KEYS = 19
/** Apart from the others, as a machine that starts again and again makes one each time. */
const MAX_LONE_KEYS = MAX_RING_KEYS - MAX_FLEET_KEYS

const VERSION = 1
const HEAD_BYTES = 2
const TIME_BYTES = 6
const ENTRY_BYTES = 1 + TIME_BYTES + TICKET_KEY_BYTES
const KINDS = ['fleet', 'lone'] as const
/** The last moment of 9999, in milliseconds; more is no time. */
const MAX_TIME_MS = 253_402_300_799_999

/** No ring has more bytes, sealed. */
export const MAX_RING_BYTES = SEAL_BYTES + HEAD_BYTES + MAX_RING_KEYS * ENTRY_BYTES

export function nameOf({ key }: RingKey): string {
  return key.toString('latin1', 0, TICKET_NAME_BYTES)
}

/** What is in any of them. Past the most keys of a kind the earliest are left out, whoever merges what in which order. */
export function mergeRings(...rings: readonly Ring[]): Ring {
  const byName = new Map<string, RingKey>()
  for (const key of rings.flat()) {
    const name = nameOf(key)
    const other = byName.get(name)
    if (other === undefined || isNewer(key, other)) byName.set(name, key)
  }
  const keys = [...byName.values()].sort(compareKeys)
  const fleet = keys.filter(({ kind }) => kind === 'fleet').slice(-MAX_FLEET_KEYS)
  const lone = keys.filter(({ kind }) => kind === 'lone').slice(-MAX_LONE_KEYS)
  return lone.length === 0 ? fleet : [...fleet, ...lone].sort(compareKeys)
}

/** Of two entries with one name. */
function isNewer(a: RingKey, b: RingKey): boolean {
  return a.fromMs > b.fromMs || (a.fromMs === b.fromMs && a.kind === 'fleet')
}

function compareKeys(a: RingKey, b: RingKey): number {
  return a.fromMs - b.fromMs || Buffer.compare(a.key, b.key)
}

/** Whether every key of `part` is in `whole`. */
export function includesRing(whole: Ring, part: Ring): boolean {
  const names = new Set(whole.map(nameOf))
  return part.every((key) => names.has(nameOf(key)))
}

export function encodeRing(ring: Ring): Buffer {
  assert(ring.length <= MAX_RING_KEYS, 'a ring has a bound')
  const bytes = Buffer.alloc(HEAD_BYTES + ring.length * ENTRY_BYTES)
  bytes[0] = VERSION
  bytes[1] = ring.length
  for (const [index, { kind, fromMs, key }] of ring.entries()) {
    const at = HEAD_BYTES + index * ENTRY_BYTES
    bytes[at] = KINDS.indexOf(kind)
    bytes.writeUIntBE(fromMs, at + 1, TIME_BYTES)
    key.copy(bytes, at + 1 + TIME_BYTES)
  }
  return bytes
}

/** undefined: it is no ring of this version. */
export function decodeRing(bytes: Buffer): Ring | undefined {
  const count = bytes[1]
  if (bytes[0] !== VERSION || count === undefined || count > MAX_RING_KEYS) return undefined
  if (bytes.length !== HEAD_BYTES + count * ENTRY_BYTES) return undefined
  const keys: RingKey[] = []
  for (let at = HEAD_BYTES; at < bytes.length; at += ENTRY_BYTES) {
    const kind = KINDS[bytes[at]!]
    const fromMs = bytes.readUIntBE(at + 1, TIME_BYTES)
    if (kind === undefined || fromMs > MAX_TIME_MS) return undefined
    keys.push({ kind, fromMs, key: Buffer.from(bytes.subarray(at + 1 + TIME_BYTES, at + ENTRY_BYTES)) })
  }
  return mergeRings(keys)
}

/** The key of the item with the ring of a `tls-sessions` block. Blocks of one name, on whatever node, have one ring. */
export function ticketRingKey(name: string): string {
  return `sh:${hash('sha1', name, 'base64url').slice(0, 22)}/tickets`
}

/** Seals rings for one place, and opens what was sealed for it under any of the fleet's secrets. */
export class RingSeal {
  readonly #boxes: readonly SealedBox[]
  readonly #place: Buffer

  /** `secrets`: the first seals; at least one. `place`: the key of the item, so that no other item can stand for it. */
  constructor(secrets: readonly Buffer[], place: string) {
    assert(secrets.length > 0, 'a shared ring has a seal')
    this.#boxes = secrets.map((secret) => new SealedBox(secret, 'tls ticket keys'))
    this.#place = Buffer.from(place, 'latin1')
  }

  seal(ring: Ring): Buffer {
    const plain = encodeRing(ring)
    const sealed = this.#boxes[0]!.seal(this.#place, plain)
    plain.fill(0)
    return sealed
  }

  /** undefined: another fleet's, a later version's, or no ring at all. */
  open(sealed: Buffer): Ring | undefined {
    if (sealed.length > MAX_RING_BYTES) return undefined
    for (const box of this.#boxes) {
      const plain = box.open(this.#place, sealed)
      if (plain === undefined) continue
      const ring = decodeRing(plain)
      plain.fill(0)
      return ring
    }
    return undefined
  }
}
