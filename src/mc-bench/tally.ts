/** What came of the operations so far. One for all connections. */
import { LatencyHistogram } from '../util/latency-histogram.ts'
import { type OperationKind, operationKinds } from './options.ts'

/** Different errors, and wrong replies, that are kept word for word. */
const MAX_KEPT = 10
const MAX_LETTERS = 200

export interface Wrong {
  readonly what: string
  readonly got: string
}

export class Tally {
  /** Operations answered, errors included. */
  operations = 0
  /** Keys that gets found, and that they did not. */
  hits = 0
  misses = 0
  /** Values of an earlier generation than the last one known to be stored. */
  stale = 0
  /** SERVER_ERROR in place of a reply. */
  errors = 0
  /** Operations whose connection was lost before their reply. */
  lost = 0
  /** Connections that were lost, or could not be made. */
  broken = 0
  wrong = 0
  readonly errorTexts = new Map<string, number>()
  readonly wrongs: Wrong[] = []
  readonly latencies: Readonly<Record<OperationKind, LatencyHistogram>>
  /** Of all kinds, since the last line of progress. */
  readonly recent = new LatencyHistogram()

  constructor() {
    const pairs = operationKinds.map((kind) => [kind, new LatencyHistogram()] as const)
    this.latencies = Object.fromEntries(pairs) as Record<OperationKind, LatencyHistogram>
  }

  answered(kind: OperationKind, micros: number): void {
    this.operations++
    this.latencies[kind].add(micros)
    this.recent.add(micros)
  }

  addError(text: string): void {
    this.errors++
    this.#keepError(text)
  }

  addBroken(text: string): void {
    this.broken++
    this.#keepError(text)
  }

  addWrong(what: string, bytes: Buffer, start: number, end: number): void {
    this.wrong++
    if (this.wrongs.length >= MAX_KEPT) return
    this.wrongs.push({ what, got: visible(bytes.toString('latin1', start, Math.min(end, start + MAX_LETTERS))) })
  }

  #keepError(text: string): void {
    const kept = visible(text.slice(0, MAX_LETTERS))
    const name = this.errorTexts.has(kept) || this.errorTexts.size < MAX_KEPT ? kept : 'others'
    this.errorTexts.set(name, (this.errorTexts.get(name) ?? 0) + 1)
  }
}

/** Text of a socket, in latin1, as one line of ASCII. */
function visible(text: string): string {
  return text.replaceAll(/[^ -~]/g, (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
