/**
 * A load from its first connection to its report:
 *
 *     preload    every key is set once, and nothing counts but what is wrong
 *     run        operations by the mix, until there were enough or the time is up
 *     drain      what is unanswered may still be answered, for a while
 */
import { Ledger } from './ledger.ts'
import { LoadConnection, type LoadLeader } from './load-connection.ts'
import { type McBenchOptions, type OperationKind, operationKinds } from './options.ts'
import type { Shared } from './reply-checker.ts'
import { type McBenchReport, reportOf } from './report.ts'
import { Tally } from './tally.ts'
import { Values } from './values.ts'

const INPUT_BYTES = 64 * 1024
const PROGRESS_MS = 1000
const DRAIN_MS = 5000

export interface McBenchProgress {
  readonly phase: 'preload' | 'run'
  readonly seconds: number
  readonly operations: number
  readonly perSec: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errors: number
  readonly wrong: number
}

/** Who wants to know of a load while it goes on. */
export interface McBenchWatcher {
  /** Once a second. */
  readonly onProgress: (progress: McBenchProgress) => void
  /** Every key is set; from now on it counts. */
  readonly onRun?: () => void
}

/** Resolves with what was counted, also when nothing answers: `stalled` says so. */
export function runMcBench(options: McBenchOptions, watcher: McBenchWatcher): Promise<McBenchReport> {
  return new Promise((resolve) => new McBench(options, watcher, resolve).start())
}

class McBench implements LoadLeader {
  readonly #options: McBenchOptions
  readonly #watcher: McBenchWatcher
  readonly #onEnd: (report: McBenchReport) => void
  readonly #shared: Shared
  readonly #connections: readonly LoadConnection[]
  /** Kinds by their share: a random byte picks one. */
  readonly #wheel: readonly OperationKind[]
  #phase: 'preload' | 'run' | 'drain' | 'ended' = 'preload'
  #random = 0x2545f491
  #sent = 0
  #startedMs = 0
  #progressMs = 0
  #operationsBefore = 0
  #answeredMs = 0
  #timer: NodeJS.Timeout | undefined
  #endTimer: NodeJS.Timeout | undefined

  constructor(options: McBenchOptions, watcher: McBenchWatcher, onEnd: (report: McBenchReport) => void) {
    this.#options = options
    this.#watcher = watcher
    this.#onEnd = onEnd
    const values = new Values(options.keys, options.keyPrefix, options.valueBytes)
    this.#shared = { values, ledger: new Ledger(options.keys), tally: new Tally() }
    const input = Buffer.allocUnsafeSlow(INPUT_BYTES)
    this.#connections = Array.from(
      { length: options.connections },
      (_, number) => new LoadConnection(number, options, this.#shared, this, input),
    )
    this.#wheel = wheelOf(options.mix)
  }

  start(): void {
    this.#startedMs = this.#progressMs = this.#answeredMs = performance.now()
    this.#timer = setInterval(() => this.#tick(), PROGRESS_MS)
    if (!this.#options.preload) this.#run()
    for (const connection of this.#connections) connection.open()
  }

  next(connection: LoadConnection): OperationKind | undefined {
    if (this.#phase === 'preload') return connection.preloaded < this.#ownKeys(connection) ? 'set' : undefined
    if (this.#phase !== 'run') return undefined
    if (this.#sent >= this.#options.operations) {
      this.#drain()
      return undefined
    }
    this.#sent++
    return this.#wheel[this.#draw() % this.#wheel.length]
  }

  nextKey(connection: LoadConnection): number {
    const place = this.#phase === 'preload' ? connection.preloaded++ : this.#draw() % this.#ownKeys(connection)
    return place * this.#options.connections + connection.number
  }

  onIdle(): void {
    if (this.#phase === 'run' || this.#phase === 'ended') return
    if (this.#connections.some(({ unanswered }) => unanswered > 0)) return
    if (this.#phase === 'drain') this.#end()
    else if (this.#connections.every((one) => one.preloaded === this.#ownKeys(one))) this.#run()
  }

  /** Key k belongs to the connection k modulo connections. */
  #ownKeys({ number }: LoadConnection): number {
    return Math.ceil((this.#options.keys - number) / this.#options.connections)
  }

  /** xorshift32: the same load each time. */
  #draw(): number {
    let drawn = this.#random
    drawn ^= drawn << 13
    drawn ^= drawn >>> 17
    drawn ^= drawn << 5
    this.#random = drawn
    return drawn >>> 0
  }

  #run(): void {
    const { wrong, wrongs } = this.#shared.tally
    const tally = new Tally()
    tally.wrong = wrong
    tally.wrongs.push(...wrongs)
    this.#shared.tally = tally
    this.#phase = 'run'
    this.#watcher.onRun?.()
    this.#operationsBefore = 0
    this.#startedMs = this.#progressMs = performance.now()
    if (Number.isFinite(this.#options.durationMs)) {
      this.#endTimer = setTimeout(() => this.#drain(), this.#options.durationMs)
    }
    for (const connection of this.#connections) connection.fill()
  }

  #drain(): void {
    if (this.#phase !== 'run') return
    this.#phase = 'drain'
    clearTimeout(this.#endTimer)
    this.#endTimer = setTimeout(() => this.#end(), DRAIN_MS)
    this.onIdle()
  }

  #end(stalled = false): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    clearInterval(this.#timer)
    clearTimeout(this.#endTimer)
    // What is still unanswered is lost, and closing counts it.
    for (const connection of this.#connections) connection.close()
    this.#onEnd(reportOf(this.#shared.tally, (performance.now() - this.#startedMs) / 1000, stalled))
  }

  #tick(): void {
    const nowMs = performance.now()
    const { tally } = this.#shared
    const done = tally.operations - this.#operationsBefore
    if (done > 0) this.#answeredMs = nowMs
    if (this.#phase === 'preload' || this.#phase === 'run') {
      this.#watcher.onProgress({
        phase: this.#phase,
        seconds: (nowMs - this.#startedMs) / 1000,
        operations: tally.operations,
        perSec: (done * 1000) / (nowMs - this.#progressMs),
        p50Ms: tally.recent.microsAt(0.5) / 1000,
        p99Ms: tally.recent.microsAt(0.99) / 1000,
        errors: tally.errors + tally.lost + tally.broken,
        wrong: tally.wrong,
      })
    }
    tally.recent.clear()
    this.#operationsBefore = tally.operations
    this.#progressMs = nowMs
    if (nowMs - this.#answeredMs > this.#options.stallMs) this.#end(true)
  }
}

/** As many slots for a kind as its part says, at least one if it has any. */
function wheelOf(mix: McBenchOptions['mix']): OperationKind[] {
  const total = operationKinds.reduce((sum, kind) => sum + mix[kind], 0)
  return operationKinds.flatMap((kind) => {
    const slots = mix[kind] === 0 ? 0 : Math.max(1, Math.round((mix[kind] / total) * 1000))
    return new Array<OperationKind>(slots).fill(kind)
  })
}
