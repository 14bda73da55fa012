/** The lines that dc-server prints of its work, as the original prints them. */
import type { OperationCount } from '../distcache/operation-count.ts'

const REPORT_EVERY_MS = 1000

export interface ProgressSources {
  readonly count: OperationCount
  /** Sessions that are stored now. */
  readonly sessions: () => number
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
  readonly print: (line: string) => void
}

export class DcProgress {
  readonly #sources: ProgressSources
  readonly #every: number
  #reportedMs: number
  #operations = 0
  #sessions = 0

  /** `every`: operations; 0: they alone are no reason for a line. */
  constructor(every: number, sources: ProgressSources) {
    this.#every = every
    this.#sources = sources
    this.#reportedMs = sources.now()
  }

  /** Called a few times a second: prints what has changed, once a second at most. */
  tick(): void {
    const { count, sessions, now } = this.#sources
    const stored = sessions()
    if (now() - this.#reportedMs < REPORT_EVERY_MS) return
    if (stored !== this.#sessions || this.#hasCrossed(count.total)) this.report()
  }

  /** Prints a line: operations since the start and since the last line, sessions and how they have changed. */
  report(): void {
    const { count, sessions, now, print } = this.#sources
    const total = count.total
    const stored = sessions()
    const change = stored - this.#sessions
    const sign = change > 0 ? '+' : change < 0 ? '-' : '='
    const operations = `${`${total}`.padStart(7)}  (+ ${`${total - this.#operations}`.padStart(5)})`
    const kept = `${`${stored}`.padStart(5)}  (${sign}${`${Math.abs(change)}`.padStart(3)})`
    print(`Info, total operations = ${operations}, total sessions = ${kept}\n`)
    this.#reportedMs = now()
    this.#operations = total
    this.#sessions = stored
  }

  #hasCrossed(total: number): boolean {
    return this.#every > 0 && Math.floor(total / this.#every) > Math.floor(this.#operations / this.#every)
  }
}
