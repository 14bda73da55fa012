/**
 * The commands a client may send, by number: the number decides how a request is read (request-parser.ts), where it goes
 * (dispatch.ts), and in which cell it is counted (proxy-state.ts). Nothing that is not in this table reaches a server.
 */
import { commandNames as countedNames } from '../memcached/pool-state.ts'

/** Append only: the numbers are cells of counters. */
export const Command = {
  get: 0,
  gets: 1,
  gat: 2,
  gats: 3,
  set: 4,
  add: 5,
  replace: 6,
  append: 7,
  prepend: 8,
  cas: 9,
  delete: 10,
  incr: 11,
  decr: 12,
  touch: 13,
  mg: 14,
  ms: 15,
  md: 16,
  ma: 17,
  me: 18,
  mn: 19,
  version: 20,
  stats: 21,
  flush: 22,
  quit: 23,
  /** What is none of these. */
  unknown: 24,
} as const

/** By number, as statistics write them. */
export const commandNames: readonly string[] = [...countedNames, 'unknown']

const numbers: ReadonlyMap<string, number> = new Map(
  commandNames.slice(0, Command.unknown).map((name, number) => [name, number]),
)

/**
 * The command whose word is bytes[start, end). The words that make up nearly all traffic are told apart by their bytes;
 * the look-up by a string costs ten times as much.
 */
export function commandOf(bytes: Buffer, start: number, end: number): number {
  if (end - start === 3) {
    const word = (bytes[start]! << 16) | (bytes[start + 1]! << 8) | bytes[start + 2]!
    if (word === GET) return Command.get
    if (word === SET) return Command.set
  } else if (end - start === 2 && bytes[start] === 0x6d) {
    const letter = bytes[start + 1]!
    if (letter === 0x67) return Command.mg
    if (letter === 0x73) return Command.ms
  }
  if (end - start > LONGEST_WORD) return Command.unknown
  return numbers.get(bytes.toString('latin1', start, end)) ?? Command.unknown
}

const GET = 0x676574
const SET = 0x736574
/** `flush_all` has 9 bytes; what is longer need not become a string. */
const LONGEST_WORD = 9
