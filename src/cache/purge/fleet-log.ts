/**
 * The purges of a whole fleet, as one item of a memcached pool: what was purged last, in the order that all nodes agree on.
 * Whoever purges reads the item, adds its orders, and writes it back under the CAS value it has read; so the server decides
 * the order, no number is given twice, and none is left out.
 *
 *     0   magic "SHPL"     8   base, float64                 20   CRC-32 of all other bytes
 *     4   version          16  how many orders, uint32       24   the orders
 *     5   zeros
 *
 *     order    uint32 bytes behind this   8 bytes node   uint32 id   float64 number   float64 when, ms
 *              uint8 scope   uint8 mode   uint16 targets, then each: uint16 length, latin1
 *
 * All little-endian. Of the orders with numbers above the base none is missing but those that a later one repeats; so a
 * reader that knows the orders up to k, and k is not below the base, finds here everything it lacks. That repeated ones go
 * makes the log reach far back: it holds what differs, however often it was purged. When it is full the oldest go and the
 * base rises.
 *
 * A new log begins about with the time in microseconds: above all numbers of one that was lost, as no fleet purges a
 * million times a second; and so far from those of any other, whatever the clocks say, that a number tells which log it
 * is of.
 */
import { crc32 } from 'node:zlib'
import type { PurgeOrder, PurgeScope } from './order.ts'

/** An order in the log. */
export interface FleetOrder {
  /** 16 hexadecimal digits, drawn by each run of a daemon. */
  readonly node: string
  /** Counts the orders of the node; uint32. */
  readonly id: number
  /** Wall clock of the node when the order was given. */
  readonly atMs: number
  readonly order: PurgeOrder
}

export interface NumberedOrder extends FleetOrder {
  readonly number: number
}

export interface FleetLog {
  /** 1 to MAX_NUMBER. Orders up to this number are not here. */
  readonly base: number
  /** By rising numbers, all of them above the base. */
  readonly orders: readonly NumberedOrder[]
}

const MAGIC = 0x4c504853 // "SHPL"
const VERSION = 1
const HEAD_BYTES = 24
const CRC_AT = 20
/** Node, id, number, time, scope, mode, targets. */
const ORDER_HEAD_BYTES = 32
const MAX_TARGET_BYTES = 0xffff
/** Leaves room for all orders of all times. */
const MAX_NUMBER = 2 ** 52
/** A new log begins so far above the known one, where the clock is behind. */
const LEAP = 1_000_000
/** And by chance up to so much higher: about 18 minutes of the clock, of which a log uses as many numbers as it has orders. */
const SCATTER = 2 ** 30

const scopes: readonly PurgeScope[] = ['url', 'prefix', 'glob', 'tag', 'all']
/** Key of the order that repeats all before it; see `withoutRepeated`. */
const EVERYTHING = JSON.stringify(['all', []])
const SOFT = 1
const HARD = 2

/** The number of the last order. */
export function lastOf({ base, orders }: FleetLog): number {
  return orders.at(-1)?.number ?? base
}

/** A log without orders whose numbers are above `known` and no other log's; `chance`: 0 to 1. */
export function emptyLog(nowMs: number, known: number, chance: number): FleetLog {
  return { base: Math.max(Math.floor(nowMs * 1000), known + LEAP) + Math.floor(chance * SCATTER), orders: [] }
}

/** Bytes of an order in the log, or undefined: it cannot be written there. */
export function orderBytes({ order: { targets } }: FleetOrder): number | undefined {
  if (targets.length > 0xffff || targets.some((target) => target.length > MAX_TARGET_BYTES)) return undefined
  return 4 + ORDER_HEAD_BYTES + targets.reduce((sum, target) => sum + 2 + target.length, 0)
}

/** The log with more orders behind; what they repeat goes, and the oldest make room so that it has at most `maxBytes`. */
export function appendOrders(log: FleetLog, more: readonly FleetOrder[], maxBytes: number): FleetLog {
  const last = lastOf(log)
  const orders = withoutRepeated([...log.orders, ...more.map((order, at) => ({ ...order, number: last + 1 + at }))])
  let bytes = HEAD_BYTES + orders.reduce((sum, order) => sum + orderBytes(order)!, 0)
  let dropped = 0
  while (bytes > maxBytes && dropped < orders.length) bytes -= orderBytes(orders[dropped++]!)!
  return { base: orders[dropped - 1]?.number ?? log.base, orders: orders.slice(dropped) }
}

/** An object that a repeated order concerns is older than the repetition, too, which purges it as hard or harder. */
function withoutRepeated(orders: readonly NumberedOrder[]): NumberedOrder[] {
  /** What later orders purge, and whether hard. */
  const later = new Map<string, boolean>()
  const isRepeated = (key: string, isHard: boolean): boolean => later.get(key) === true || (later.has(key) && !isHard)
  const kept = orders.toReversed().filter(({ order }) => {
    const key = JSON.stringify([order.scope, order.targets])
    if (isRepeated(key, order.isHard) || isRepeated(EVERYTHING, order.isHard)) return false
    later.set(key, order.isHard || later.get(key) === true)
    return true
  })
  return kept.reverse()
}

export function encodeLog({ base, orders }: FleetLog): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + orders.reduce((sum, order) => sum + orderBytes(order)!, 0))
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeUInt8(VERSION, 4)
  bytes.writeDoubleLE(base, 8)
  bytes.writeUInt32LE(orders.length, 16)
  let at = HEAD_BYTES
  for (const order of orders) at = encodeOrder(order, bytes, at)
  bytes.writeUInt32LE(checksum(bytes), CRC_AT)
  return bytes
}

function encodeOrder(given: NumberedOrder, bytes: Buffer, start: number): number {
  const { node, id, number, atMs, order } = given
  bytes.writeUInt32LE(orderBytes(given)! - 4, start)
  bytes.write(node, start + 4, 'hex')
  bytes.writeUInt32LE(id, start + 12)
  bytes.writeDoubleLE(number, start + 16)
  bytes.writeDoubleLE(atMs, start + 24)
  bytes.writeUInt8(scopes.indexOf(order.scope), start + 32)
  bytes.writeUInt8(order.isHard ? HARD : SOFT, start + 33)
  bytes.writeUInt16LE(order.targets.length, start + 34)
  let at = start + 4 + ORDER_HEAD_BYTES
  for (const target of order.targets) {
    bytes.writeUInt16LE(target.length, at)
    at += 2 + bytes.write(target, at + 2, 'latin1')
  }
  return at
}

/** undefined: these bytes are no whole log of this version. Any bytes may come. */
export function decodeLog(bytes: Buffer): FleetLog | undefined {
  if (bytes.length < HEAD_BYTES || bytes.readUInt32LE(0) !== MAGIC || bytes.readUInt8(4) !== VERSION) return undefined
  if (bytes.readUInt32LE(CRC_AT) !== checksum(bytes)) return undefined
  const base = bytes.readDoubleLE(8)
  if (!isNumberAbove(base, 0)) return undefined
  const count = bytes.readUInt32LE(16)
  const orders: NumberedOrder[] = []
  let at = HEAD_BYTES
  while (orders.length < count) {
    if (at + 4 + ORDER_HEAD_BYTES > bytes.length) return undefined
    const end = at + 4 + bytes.readUInt32LE(at)
    const order = end > bytes.length ? undefined : decodeOrder(bytes, at + 4, end)
    if (order === undefined || !isNumberAbove(order.number, orders.at(-1)?.number ?? base)) return undefined
    orders.push(order)
    at = end
  }
  return at === bytes.length ? { base, orders } : undefined
}

function isNumberAbove(number: number, least: number): boolean {
  return Number.isInteger(number) && number > least && number <= MAX_NUMBER
}

function decodeOrder(bytes: Buffer, start: number, end: number): NumberedOrder | undefined {
  let at = start + ORDER_HEAD_BYTES
  const scope = scopes[bytes.readUInt8(start + 28)]
  const mode = bytes.readUInt8(start + 29)
  if (at > end || scope === undefined || (mode !== SOFT && mode !== HARD)) return undefined
  const count = bytes.readUInt16LE(start + 30)
  const targets: string[] = []
  while (targets.length < count) {
    const textAt = at + 2
    if (textAt > end) return undefined
    at = textAt + bytes.readUInt16LE(at)
    if (at > end) return undefined
    targets.push(bytes.toString('latin1', textAt, at))
  }
  if (at !== end) return undefined
  return {
    node: bytes.toString('hex', start, start + 8),
    id: bytes.readUInt32LE(start + 8),
    number: bytes.readDoubleLE(start + 12),
    atMs: bytes.readDoubleLE(start + 20),
    order: { scope, isHard: mode === HARD, targets },
  }
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(CRC_AT + 4), crc32(bytes.subarray(0, CRC_AT)))
}
