/**
 * Lines to a file, stdout or stderr, without ever blocking or throwing into the caller.
 *
 * Lines gather in memory and go out in appending writes (O_APPEND, so several workers share one file). The hard part is a
 * disk that fails: what a failed write held is dropped and counted, the next flush tries again, and one report a minute
 * names the file. Memory stays under `maxBytes` whatever the disk does.
 */
import { close as closeFile, open as openFile, write as writeFile, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import type { LogTarget } from '../plan/plan.ts'
import { describeError, errorCode } from './errno.ts'

const open = promisify(openFile)
const close = promisify(closeFile)
const write = promisify(writeFile)

/** One write per 64 KiB: about 300 lines, so the system call disappears beside the formatting. */
const FLUSH_BYTES = 64 * 1024
/** No line waits longer than this in memory. */
const FLUSH_MS = 1000
/** What a stalled disk may cost per worker. */
const MAX_BYTES = 4 * 1024 * 1024
/** Linux writes to a pipe are whole up to PIPE_BUF, so lines of several workers do not mix there (pipe(7)). */
const PIPE_BYTES = 4096
const REPORT_EVERY_MS = 60_000
/** A full pipe is tried again after this. */
const BUSY_RETRY_MS = 50
/** Readable by the group, as log collectors expect; never by the world: lines hold addresses and URLs. */
const FILE_MODE = 0o640

/** Told at most once a minute while lines are lost, and once when they no longer are. */
export type LogProblem = (
  level: 'error' | 'info',
  message: string,
  fields: { readonly file: string; readonly dropped: number },
) => void

export class LogFile {
  /** Lines lost since the start. */
  dropped = 0
  readonly name: string
  readonly #target: LogTarget
  readonly #problem: LogProblem
  readonly #now: () => number
  readonly #timer: NodeJS.Timeout
  /** -1: not open. */
  #fd: number
  /** Whole lines of ASCII: its length is its size in bytes. */
  #pending = ''
  /** The part of a batch that is on its way out. */
  #writingBytes = 0
  #running: Promise<void> | undefined
  #reopenWanted = true
  /** The last write ended inside a line: the next one begins with a line end of its own. */
  #torn = false
  #failing = false
  #lastReportMs = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(target: LogTarget, problem: LogProblem, now: () => number = Date.now) {
    this.#target = target
    this.name = target.kind === 'file' ? target.path : target.kind
    this.#problem = problem
    this.#now = now
    this.#fd = target.kind === 'file' ? -1 : target.kind === 'stdout' ? 1 : 2
    this.#timer = setInterval(() => this.#start(), FLUSH_MS)
    this.#timer.unref()
    this.#start()
  }

  /** `line` is ASCII and ends with a line feed. Dropped and counted when memory for waiting lines is used up. */
  write(line: string): void {
    if (this.#pending.length + this.#writingBytes + line.length > MAX_BYTES) {
      this.dropped++
      return
    }
    this.#pending += line
    if (this.#pending.length >= FLUSH_BYTES) this.#start()
  }

  /** Opens the file by its name again, which makes a new one after a rotation. */
  reopen(): void {
    this.#reopenWanted = true
    this.#start()
  }

  /** Resolves when what was written so far is in the file or dropped; never rejects. */
  async flush(): Promise<void> {
    this.#start()
    await this.#running
  }

  /** For the last moment of a thread, when no callback will run any more. */
  flushSync(): void {
    if (this.#pending === '' || this.#fd === -1) return
    const bytes = Buffer.from(this.#pending, 'latin1')
    this.#pending = ''
    try {
      writeSync(this.#fd, bytes)
    } catch {
      this.dropped += countLines(bytes, 0)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    await this.#running
    if (this.#pending !== '') {
      this.#running = this.#run()
      await this.#running
    }
    await this.#closeFile()
  }

  #start(): void {
    if (this.#running !== undefined || this.#closed) return
    if (this.#pending === '' && !this.#reopenWanted) return
    this.#running = this.#run()
  }

  /** Always true: one run at a time, and it never rejects. */
  async #run(): Promise<void> {
    if (this.#reopenWanted) await this.#open()
    // One batch per run: after a failure the next try waits for the timer.
    if (this.#pending !== '') {
      const bytes = Buffer.from(this.#torn ? `\n${this.#pending}` : this.#pending, 'latin1')
      this.#pending = ''
      this.#writingBytes = bytes.length
      await this.#writeBatch(bytes)
      this.#writingBytes = 0
    }
    this.#running = undefined
    if (this.#pending.length >= FLUSH_BYTES || this.#reopenWanted) this.#start()
  }

  async #writeBatch(bytes: Buffer): Promise<void> {
    let at = 0
    try {
      if (this.#fd === -1) await this.#openOrThrow()
      while (at < bytes.length) at += await this.#writeSome(bytes, at)
      this.#torn = false
      this.#recovered()
    } catch (error) {
      this.dropped += countLines(bytes, at)
      this.#torn = at > 0 ? bytes[at - 1] !== LINE_FEED : this.#torn
      await this.#closeFile()
      this.#report(error)
    }
  }

  async #writeSome(bytes: Buffer, at: number): Promise<number> {
    const end = this.#target.kind === 'file' ? bytes.length : pipeEnd(bytes, at)
    for (;;) {
      try {
        return (await write(this.#fd, bytes, at, end - at)).bytesWritten
      } catch (error) {
        // A pipe whose reader is slow: the lines wait, and `write` drops when too many do.
        if (errorCode(error) !== 'EAGAIN' || this.#closed) throw error
        await new Promise((resolve) => setTimeout(resolve, BUSY_RETRY_MS).unref())
      }
    }
  }

  async #open(): Promise<void> {
    this.#reopenWanted = false
    await this.#closeFile()
    try {
      await this.#openOrThrow()
    } catch (error) {
      this.#report(error)
    }
  }

  async #openOrThrow(): Promise<void> {
    if (this.#target.kind === 'file') this.#fd = await open(this.#target.path, 'a', FILE_MODE)
  }

  /** Only a file is ever closed: stdout and stderr belong to the process. */
  async #closeFile(): Promise<void> {
    if (this.#target.kind !== 'file' || this.#fd === -1) return
    const fd = this.#fd
    this.#fd = -1
    try {
      await close(fd)
    } catch {
      // The kernel has released the descriptor; a late write error of a network file system is lost lines at worst.
    }
  }

  #report(error: unknown): void {
    this.#failing = true
    const nowMs = this.#now()
    if (nowMs - this.#lastReportMs < REPORT_EVERY_MS) return
    this.#lastReportMs = nowMs
    const message = `cannot write the access log "${this.name}": ${describeError(error)}; lines are dropped until it can be written`
    this.#problem('error', message, { file: this.name, dropped: this.dropped })
  }

  #recovered(): void {
    if (!this.#failing) return
    this.#failing = false
    this.#lastReportMs = Number.NEGATIVE_INFINITY
    this.#problem('info', `the access log "${this.name}" is written again`, { file: this.name, dropped: this.dropped })
  }
}

const LINE_FEED = 0x0a

function countLines(bytes: Buffer, from: number): number {
  let lines = 0
  for (let at = bytes.indexOf(LINE_FEED, from); at !== -1; at = bytes.indexOf(LINE_FEED, at + 1)) lines++
  return lines
}

/** The end of the last whole line within PIPE_BUF bytes, or of the first line when that alone is longer. */
function pipeEnd(bytes: Buffer, at: number): number {
  if (bytes.length - at <= PIPE_BYTES) return bytes.length
  const last = bytes.lastIndexOf(LINE_FEED, at + PIPE_BYTES - 1)
  if (last >= at) return last + 1
  const next = bytes.indexOf(LINE_FEED, at)
  return next === -1 ? bytes.length : next + 1
}
