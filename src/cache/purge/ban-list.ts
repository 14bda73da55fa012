/**
 * Prefix and glob purges that have not been applied to every object yet. They are compared with the URL of an object when
 * it is looked up, and by the sweep, which retires them; so the list holds those of the last seconds.
 *
 *     cell 8i       version: odd while the entry is being written        cell 8i + 2   bytes of the pattern
 *     cell 8i + 1   kind: bit 0 glob, bit 1 hard                         cell 8i + 4, 5   number of the purge, 0 = free
 *     patterns + 1024 i   the pattern, latin1
 *
 * The same pattern in the same mode again raises the number of its entry. Without a free entry the oldest makes room, and
 * what it purged becomes everything as old (as in label-table.ts, whose notes on readers hold here too). A writer that
 * dies leaves an odd version: an entry that nobody reads, and that the next writer takes.
 */
import { BAN_CELLS, MAX_PATTERN_BYTES } from './layout.ts'
import { Numbers } from './numbers.ts'
import { compileUrlPattern, type PatternKind, type UrlTest } from './url-pattern.ts'

const GLOB = 1
const HARD = 2

export interface Ban {
  readonly kind: PatternKind
  /** See url-pattern.ts; latin1, at most MAX_PATTERN_BYTES. */
  readonly pattern: string
  readonly isHard: boolean
}

/** What this thread has made of an entry. */
interface Compiled {
  readonly version: number
  readonly isHard: boolean
  readonly test: UrlTest
}

export class BanList {
  readonly #cells: Int32Array
  readonly #patterns: Buffer
  readonly #numbers: Numbers
  readonly #entries: number
  readonly #compiled: (Compiled | undefined)[]

  constructor(buffer: SharedArrayBuffer, atCell: number, patternsAt: number, entries: number) {
    this.#cells = new Int32Array(buffer, atCell * 4, entries * BAN_CELLS)
    this.#patterns = Buffer.from(buffer, patternsAt, entries * MAX_PATTERN_BYTES)
    this.#numbers = new Numbers(buffer, atCell, (entries * BAN_CELLS) / 2)
    this.#entries = entries
    this.#compiled = new Array(entries).fill(undefined)
  }

  /** Whether a ban after the purge `since` covers the URL: hard (2), only soft ones (1), none (0). */
  verdict(url: string, since: number): number {
    let verdict = 0
    for (let entry = 0; entry < this.#entries; entry++) {
      if (this.#numberOf(entry) <= since) continue
      const ban = this.#compile(entry)
      if (ban === undefined || (verdict === 1 && !ban.isHard) || !ban.test(url)) continue
      if (ban.isHard) return 2
      verdict = 1
    }
    return verdict
  }

  /** Notes a ban; `onTaken` as in LabelTable.note. Whether a free entry was taken. Lock held. */
  note(
    ban: Ban,
    number: number,
    swept: number,
    onTaken: (old: { readonly number: number; readonly isHard: boolean }, wasFree: boolean) => void,
  ): boolean {
    const kind = (ban.kind === 'glob' ? GLOB : 0) | (ban.isHard ? HARD : 0)
    const entry = this.#choose(ban.pattern, kind)
    const old = this.#numberOf(entry)
    const at = entry * BAN_CELLS
    const isFree = old <= swept
    if (!this.#holds(entry, ban.pattern, kind)) {
      if (old > 0) onTaken({ number: old, isHard: (this.#cells[at + 1]! & HARD) !== 0 }, isFree)
      const version = this.#cells[at]! | 1
      Atomics.exchange(this.#cells, at, version) // no write below may be done before it, which a mere store would allow
      this.#cells[at + 1] = kind
      this.#cells[at + 2] = this.#patterns.write(ban.pattern, entry * MAX_PATTERN_BYTES, 'latin1')
      this.#numbers.raise((at + 4) / 2, number)
      Atomics.store(this.#cells, at, version + 1)
    }
    this.#numbers.raise((at + 4) / 2, number)
    return isFree
  }

  #numberOf(entry: number): number {
    return this.#numbers.get((entry * BAN_CELLS + 4) / 2)
  }

  #holds(entry: number, pattern: string, kind: number): boolean {
    const at = entry * BAN_CELLS
    if ((this.#cells[at]! & 1) !== 0 || this.#cells[at + 1] !== kind || this.#cells[at + 2] !== pattern.length)
      return false
    return this.#patternOf(entry) === pattern
  }

  #patternOf(entry: number): string {
    const start = entry * MAX_PATTERN_BYTES
    return this.#patterns.toString('latin1', start, start + this.#cells[entry * BAN_CELLS + 2]!)
  }

  /** The entry with the same ban, else the oldest. */
  #choose(pattern: string, kind: number): number {
    let oldest = 0
    for (let entry = 0; entry < this.#entries; entry++) {
      if (this.#holds(entry, pattern, kind)) return entry
      if (this.#numberOf(entry) < this.#numberOf(oldest)) oldest = entry
    }
    return oldest
  }

  /**
   * Once per ban and thread. undefined: the entry is being written, so what it was counts by the floors, and what it will be
   * does not yet. Reads without the lock, between two looks at the version: the main thread judges too, and would wait for
   * ever for a lock whose owner has died, since it is the one that gives such locks back.
   */
  #compile(entry: number): Compiled | undefined {
    const at = entry * BAN_CELLS
    const version = Atomics.load(this.#cells, at)
    const known = this.#compiled[entry]
    if (known?.version === version) return known
    if ((version & 1) !== 0) return undefined
    const kind = this.#cells[at + 1]!
    const pattern = this.#patternOf(entry)
    // Exchanges a value for itself, since no read above may be done behind it, which a mere load would allow.
    if (Atomics.compareExchange(this.#cells, at, version, version) !== version) return undefined
    const test = compileUrlPattern((kind & GLOB) === 0 ? 'prefix' : 'glob', pattern)
    const compiled = { version, isHard: (kind & HARD) !== 0, test }
    this.#compiled[entry] = compiled
    return compiled
  }
}
