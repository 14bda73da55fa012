/**
 * The access log of one worker. The Plan may change under it: `configure` follows, so the engine keeps one object for life.
 *
 * `when` of the Plan is a matcher, which only the engine can ask: it does so before it calls `write`.
 */
import type { AccessLogPlan } from '../plan/plan.ts'
import { type AccessRecord, combinedTime, formatCombined, formatJson } from './access-record.ts'
import { LogFile, type LogProblem } from './log-file.ts'

/** `new Date().toISOString()` costs 0.3 µs a line; within a millisecond all lines share one. */
class TimeText {
  #ms = -1
  #text = ''
  readonly #format: (timeMs: number) => string

  constructor(format: (timeMs: number) => string) {
    this.#format = format
  }

  /** `timeMs` in steps of whole milliseconds or seconds, as the format shows. */
  of(timeMs: number): string {
    if (timeMs !== this.#ms) {
      this.#ms = timeMs
      this.#text = this.#format(timeMs)
    }
    return this.#text
  }
}

export interface AccessLogOptions {
  /** Told when the file cannot be written, at most once a minute. */
  readonly problem: LogProblem
  /** 0 to 1, for `sample`; a test passes its own. */
  readonly random?: () => number
  /** Told the number of lines lost since the last call. */
  readonly dropped?: (lines: number) => void
}

export class AccessLog {
  /** False: `write` does nothing, and the engine need not gather a record. */
  enabled = false
  #plan: AccessLogPlan | undefined
  #file: LogFile | undefined
  #sample = 1
  #combined = false
  #droppedSeen = 0
  readonly #problem: LogProblem
  readonly #random: () => number
  readonly #dropped: (lines: number) => void
  readonly #iso = new TimeText((ms) => new Date(ms).toISOString())
  readonly #clf = new TimeText(combinedTime)

  constructor(plan: AccessLogPlan | undefined, options: AccessLogOptions) {
    this.#problem = options.problem
    this.#random = options.random ?? Math.random
    this.#dropped = options.dropped ?? (() => {})
    this.configure(plan)
  }

  /** Follows a new Plan. The file stays open where its name stays. */
  configure(plan: AccessLogPlan | undefined): void {
    const before = this.#file
    const same = plan !== undefined && this.#plan !== undefined && targetName(plan) === targetName(this.#plan)
    this.#plan = plan
    this.enabled = plan !== undefined
    this.#sample = plan?.sample ?? 1
    this.#combined = plan?.format === 'combined'
    if (same) return
    this.#droppedSeen = 0
    this.#file = plan === undefined ? undefined : new LogFile(plan.to, this.#problem)
    void before?.close()
  }

  /** Never throws, never blocks; the record is not kept. */
  write(record: AccessRecord): void {
    const file = this.#file
    if (file === undefined) return
    if (this.#sample < 1 && this.#random() >= this.#sample) return
    const timeMs = Number.isFinite(record.timeMs) ? Math.trunc(record.timeMs) : 0
    file.write(
      this.#combined
        ? formatCombined(record, this.#clf.of(timeMs - (timeMs % 1000)))
        : formatJson(record, this.#iso.of(timeMs)),
    )
    if (file.dropped !== this.#droppedSeen) {
      this.#dropped(file.dropped - this.#droppedSeen)
      this.#droppedSeen = file.dropped
    }
  }

  /** After the files have been rotated. */
  reopen(): void {
    this.#file?.reopen()
  }

  /** Resolves when every line so far is in the file or dropped. */
  async flush(): Promise<void> {
    await this.#file?.flush()
  }

  /** For a thread about to end. */
  flushSync(): void {
    this.#file?.flushSync()
  }

  async close(): Promise<void> {
    this.enabled = false
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}

function targetName(plan: AccessLogPlan): string {
  return plan.to.kind === 'file' ? `file:${plan.to.path}` : plan.to.kind
}
