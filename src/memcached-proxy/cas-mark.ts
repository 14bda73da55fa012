/**
 * Cas ids of pools that stand in. An id says which value a client has seen in one pool; in another one the same number, which is
 * small and counted up everywhere, belongs to another value, and a `cas` with it would overwrite what nobody has looked at. So
 * an id that a replica or failover pool tells leaves with a mark, in bits that no server's counter reaches: the pool itself
 * finds it to be the id of nothing, and only who gave it is ever asked with the number behind the mark.
 *
 *     bit 63  62  61 ... 0
 *         0    0  id            of the pool: not touched
 *         1    0  id            of the replica
 *         1    1  id            of the failover pool, which is never written to
 */
import { Code, Reply } from '../memcached/reply.ts'
import { isUint64 } from './numbers.ts'

export const Mark = {
  replica: 2n,
  failover: 3n,
} as const

const MARK_BITS = 62n
/** Word of `VALUE <key> <flags> <bytes> <casid>`. */
const CLASSIC_ID_WORD = 4
const LETTER_C = 'c'

/** `id`, decimal, with the mark. */
export function marked(id: string, mark: bigint): string {
  return ((mark << MARK_BITS) | BigInt.asUintN(Number(MARK_BITS), BigInt(id))).toString()
}

/** The id behind `mark`; undefined: `id` is none, or does not bear it. */
export function unmarked(id: string, mark: bigint): string | undefined {
  const bytes = Buffer.from(id, 'latin1')
  if (!isUint64(bytes, 0, bytes.length)) return undefined
  const value = BigInt(id)
  return value >> MARK_BITS === mark ? BigInt.asUintN(Number(MARK_BITS), value).toString() : undefined
}

/** `reply` with its cas id marked, a copy; `reply` itself if it tells none. */
export function withMarkedId(reply: Reply, mark: bigint): Reply {
  if (reply.code === Code.error) return reply
  const words = reply.bytes.toString('latin1', reply.start, reply.lineEnd).split(' ')
  const isClassic = reply.code === Code.values
  const at = isClassic ? CLASSIC_ID_WORD : words.findIndex((word) => /^c\d+$/.test(word))
  const word = words[at]
  if (word === undefined) return reply
  words[at] = isClassic ? marked(word, mark) : LETTER_C + marked(word.slice(1), mark)

  const line = Buffer.from(words.join(' '), 'latin1')
  const copy = new Reply(Buffer.concat([line, reply.bytes.subarray(reply.lineEnd, reply.end)]))
  const shift = line.length - reply.lineEnd
  copy.code = reply.code
  copy.end = copy.bytes.length
  copy.lineEnd = line.length
  copy.dataStart = reply.dataStart + shift
  copy.dataEnd = reply.dataEnd + shift
  copy.isOwned = true
  return copy
}
