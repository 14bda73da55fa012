/**
 * The daemon's own log: pino, in the main thread only; workers post their messages to it. Written synchronously, so that
 * order holds and the last words of a dying process arrive; no request ever waits for the main thread.
 *
 * pino's own destination is not used: it keeps what a full disk did not take and tries again inside of every call.
 * Here a line that cannot be written is lost, and one message a minute on stderr says so.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { type Logger, pino } from 'pino'
import type { LogsPlan, LogTarget } from '../plan/plan.ts'
import { describeError } from './errno.ts'
import { readableLine } from './readable-line.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type DaemonLogPlan = LogsPlan['daemon']

const REPORT_EVERY_MS = 60_000
/** Readable by the group, as log collectors expect. */
const FILE_MODE = 0o640
const STDOUT = 1
const STDERR = 2

export class DaemonLog {
  readonly #sink: LineSink
  readonly #logger: Logger

  constructor(plan: DaemonLogPlan) {
    this.#sink = new LineSink(plan.to)
    this.#logger = pino(
      {
        level: plan.level,
        base: { pid: process.pid },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      this.#sink,
    )
  }

  log(level: LogLevel, message: string, fields: object = {}): void {
    this.#logger[level](fields, message)
  }

  /** Follows a new Plan; a file that cannot be opened is reported and the log goes on to stderr. */
  configure(plan: DaemonLogPlan): void {
    this.#logger.level = plan.level
    this.#sink.follow(plan.to)
  }

  /** After the files have been rotated. */
  reopen(): void {
    this.#sink.reopen()
  }

  close(): void {
    this.#sink.close()
  }
}

/** Where pino writes its lines: as they are, or readable when a terminal shows them. Never throws. */
class LineSink {
  #target: LogTarget
  #fd: number
  #lastReportMs = Number.NEGATIVE_INFINITY

  constructor(target: LogTarget) {
    this.#target = target
    this.#fd = this.#open()
  }

  write(line: string): void {
    try {
      const bytes = Buffer.from(isatty(this.#fd) ? readableLine(line) : line, 'utf8')
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at)
    } catch (error) {
      this.#report(error)
    }
  }

  follow(target: LogTarget): void {
    if (targetName(target) === targetName(this.#target)) return
    this.close()
    this.#target = target
    this.#fd = this.#open()
  }

  reopen(): void {
    this.close()
    this.#fd = this.#open()
  }

  close(): void {
    if (this.#fd <= STDERR) return
    try {
      closeSync(this.#fd)
    } catch {
      // The descriptor is gone all the same.
    }
    this.#fd = STDERR
  }

  #open(): number {
    if (this.#target.kind !== 'file') return this.#target.kind === 'stdout' ? STDOUT : STDERR
    try {
      return openSync(this.#target.path, 'a', FILE_MODE)
    } catch (error) {
      this.#report(error)
      return STDERR
    }
  }

  #report(error: unknown): void {
    const nowMs = Date.now()
    if (this.#target.kind !== 'file' || nowMs - this.#lastReportMs < REPORT_EVERY_MS) return
    this.#lastReportMs = nowMs
    const message = `cannot write the daemon log "${this.#target.path}": ${describeError(error)}`
    try {
      writeSync(STDERR, `${JSON.stringify({ level: 'error', time: new Date(nowMs).toISOString(), msg: message })}\n`)
    } catch {
      // stderr is gone as well: nobody is left to tell.
    }
  }
}

function targetName(target: LogTarget): string {
  return target.kind === 'file' ? `file:${target.path}` : target.kind
}
