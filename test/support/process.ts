/** Running programs: to their end, or in the background with what they printed kept as lines. */
import { type ChildProcess, spawn } from 'node:child_process'
import { guardChild, onTestEnd, onTestFailure, stopChild } from './cleanup.ts'
import { DEADLINE_MS, waitFor } from './wait.ts'

export interface Finished {
  /** Exit code, or the signal it died of. */
  readonly code: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Killed after it; the result then says SIGKILL. */
  readonly deadlineMs?: number
}

/** Run a program to its end. A program that cannot be started rejects. */
export function runProgram(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: 'pipe' })
    guardChild(child)
    const timer = setTimeout(() => child.kill('SIGKILL'), options.deadlineMs ?? 2 * DEADLINE_MS)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code: code ?? signal ?? 'SIGKILL', stdout, stderr })
    })
    child.stdin.on('error', () => {}) // a program that does not read its input is not our matter
    child.stdin.end(options.input)
  })
}

/** Longest wait for the output of a program that has ended. */
const LAST_WORDS_MS = 500

/** A program in the background. */
export class Background {
  readonly child: ChildProcess
  /** stdout and stderr by lines, in order of arrival. */
  readonly lines: string[] = []
  /** Exit code or signal, once it has ended. */
  ended: number | string | undefined

  constructor(command: string, args: readonly string[], options: RunOptions = {}) {
    this.child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    guardChild(this.child)
    this.child.once('error', (error) => {
      this.ended = error.message
    })
    this.child.once('exit', (code, signal) => {
      const end = () => {
        this.ended ??= code ?? signal ?? 'unknown'
      }
      // What it printed last comes after the exit; a child of its own that lives on may keep the pipes open for ever.
      this.child.once('close', end)
      setTimeout(end, LAST_WORDS_MS).unref()
    })
    this.#collect(this.child.stdout)
    this.#collect(this.child.stderr)
    onTestEnd(() => this.stop())
    onTestFailure(() => console.error(`--- ${command} ${args.join(' ')}\n${this.lines.join('\n')}\n---`))
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`not running: ${this.ended}`)
    return this.child.pid
  }

  /** Wait for `probe`; an error with its output when the program ends before. */
  waitFor<T>(what: string, probe: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
    return waitFor(what, () => {
      if (this.ended !== undefined)
        throw new Error(`ended (${this.ended}) before ${what}:\n${this.lines.slice(-30).join('\n')}`)
      return probe()
    })
  }

  waitForExit(deadlineMs = DEADLINE_MS): Promise<number | string> {
    return waitFor('the end of the process', () => this.ended, deadlineMs)
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  stop(): Promise<void> {
    return stopChild(this.child)
  }

  #collect(stream: NodeJS.ReadableStream | null): void {
    let rest = ''
    stream?.setEncoding('utf8').on('data', (text) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      this.lines.push(...parts)
    })
    stream?.once('end', () => {
      if (rest !== '') this.lines.push(rest)
    })
  }
}
