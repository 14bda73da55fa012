/**
 * The daemon's own log: pino, in the main thread only; workers post their messages to it. Written synchronously, so that
 * order holds and the last words of a dying process arrive; no request ever waits for the main thread.
 */
import { writeSync } from 'node:fs'
import { type Logger, pino } from 'pino'
import type { LogsPlan, LogTarget } from '../plan/plan.ts'
import { describeError } from './errno.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type DaemonLogPlan = LogsPlan['daemon']
type Destination = ReturnType<typeof pino.destination>

/** Kept while the disk is full; the oldest words of a trouble matter most, so what comes later is dropped. */
const MAX_WAITING_BYTES = 1024 * 1024
const REPORT_EVERY_MS = 60_000

export class DaemonLog {
  #plan: DaemonLogPlan
  #destination: Destination
  #logger: Logger
  #lastReportMs = Number.NEGATIVE_INFINITY

  constructor(plan: DaemonLogPlan) {
    this.#plan = plan
    this.#destination = this.#openOrStderr(plan.to)
    this.#logger = createLogger(plan.level, this.#destination)
  }

  log(level: LogLevel, message: string, fields: object = {}): void {
    this.#logger[level](fields, message)
  }

  /** Follows a new Plan; a file that cannot be opened is reported and the log goes on to stderr. */
  configure(plan: DaemonLogPlan): void {
    if (targetName(plan.to) !== targetName(this.#plan.to)) {
      const before = this.#destination
      this.#destination = this.#openOrStderr(plan.to)
      this.#logger = createLogger(plan.level, this.#destination)
      closeDestination(before)
    } else {
      this.#logger.level = plan.level
    }
    this.#plan = plan
  }

  /** After the files have been rotated. */
  reopen(): void {
    if (this.#plan.to.kind !== 'file') return
    const before = this.#destination
    this.#destination = this.#openOrStderr(this.#plan.to)
    this.#logger = createLogger(this.#plan.level, this.#destination)
    closeDestination(before)
  }

  close(): void {
    closeDestination(this.#destination)
  }

  #openOrStderr(target: LogTarget): Destination {
    try {
      const destination = open(target)
      destination.on('error', (error) => this.#report(target, error))
      return destination
    } catch (error) {
      this.#report(target, error)
      return open({ kind: 'stderr' })
    }
  }

  #report(target: LogTarget, error: unknown): void {
    const nowMs = Date.now()
    if (target.kind !== 'file' || nowMs - this.#lastReportMs < REPORT_EVERY_MS) return
    this.#lastReportMs = nowMs
    const message = `cannot write the daemon log "${target.path}": ${describeError(error)}`
    try {
      writeSync(2, `${JSON.stringify({ level: 'error', time: new Date(nowMs).toISOString(), msg: message })}\n`)
    } catch {
      // stderr is gone as well: nobody is left to tell.
    }
  }
}

function open(target: LogTarget): Destination {
  const dest = target.kind === 'file' ? target.path : target.kind === 'stdout' ? 1 : 2
  // Without retryEAGAIN a full pipe would put the main thread to sleep until its reader wakes up.
  return pino.destination({ dest, sync: true, append: true, maxLength: MAX_WAITING_BYTES, retryEAGAIN: () => false })
}

function closeDestination(destination: Destination): void {
  try {
    destination.flushSync()
    destination.end()
  } catch {
    // A full disk: what could not be written was reported when it failed.
  }
}

function createLogger(level: LogLevel, destination: Destination): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  )
}

function targetName(target: LogTarget): string {
  return target.kind === 'file' ? `file:${target.path}` : target.kind
}
