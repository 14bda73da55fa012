/**
 * Operations on a session server as a load, a process of its own: `node session-load.ts OPTIONS PIDS`, OPTIONS as JSON, PIDS
 * with commas. ADD, GET, HAVE and REMOVE come evenly, and every answer is checked to the byte. Prints what was counted, and the
 * CPU time that the processes took from when all connections were warm.
 *
 * A session belongs to one connection, and a connection is answered in order; so what an operation has to bring is known when
 * it is begun, however many are on their way.
 */
import { randomBytes } from 'node:crypto'
import { SessionClient, type SessionRequest } from '../../src/distcache/client.ts'
import { Operation } from '../../src/distcache/message.ts'
import type { Outcome } from '../../src/distcache/outcome.ts'
import { cpuMicros } from '../process.ts'

export interface SessionLoadOptions {
  readonly port: number
  readonly connections: number
  /** Operations of a connection that have no answer at a time. */
  readonly pipeline: number
  readonly sessions: number
  /** Bytes of sessions, from and to, both included. */
  readonly dataBytes: readonly [number, number]
  readonly seconds: number
  /** Instead: leave so many sessions on the server, and be done. */
  readonly store: number
}

export interface SessionLoadReport {
  readonly operations: number
  readonly elapsedMs: number
  readonly wrong: number
  /** The first wrong answer, for the message. */
  readonly firstWrong: string | undefined
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuMicros: number
}

/** Longer than any run. */
const LIFE_MS = 3_600_000
const ID_BYTES = 32
const TIMEOUT_MS = 10_000
/** Of latencies, the rest is not kept. */
const MAX_LATENCIES = 2_000_000
/** How often all operations are begun before anything counts: for compiled code and open windows. */
const WARM_UP_MS = 300

const [given, pids] = process.argv.slice(2)
const options: SessionLoadOptions = JSON.parse(given!)

interface Session {
  readonly id: Buffer
  readonly data: Buffer
  isStored: boolean
}

let operations = 0
let wrong = 0
let firstWrong: string | undefined
let latencies = 0
const latencyMs = new Float32Array(MAX_LATENCIES)
let isOver = false

function makeSession(): Session {
  const [least, most] = options.dataBytes
  const data = randomBytes(least + Math.floor(Math.random() * (most - least + 1)))
  return { id: randomBytes(ID_BYTES), data, isStored: false }
}

function complain(what: string): void {
  wrong++
  firstWrong ??= what
}

/** One of the operations that a connection has on their way; when it is answered it begins the next. */
class Slot implements SessionRequest {
  readonly #client: SessionClient
  readonly #sessions: readonly Session[]
  readonly #onIdle: () => void
  #expected: Outcome = 'ok'
  #data: Buffer | undefined = undefined
  #operation = 0
  #beganMs = 0

  constructor(client: SessionClient, sessions: readonly Session[], onIdle: () => void) {
    this.#client = client
    this.#sessions = sessions
    this.#onIdle = onIdle
  }

  next(): void {
    if (isOver) {
      this.#onIdle()
      return
    }
    const session = this.#sessions[Math.floor(Math.random() * this.#sessions.length)]!
    this.#operation = Math.floor(Math.random() * 4)
    this.#beganMs = performance.now()
    this.#data = undefined
    if (this.#begin(session)) return
    complain('the server cannot be reached')
    this.#onIdle()
  }

  #begin(session: Session): boolean {
    if (this.#operation === Operation.add) {
      this.#expected = session.isStored ? 'present' : 'ok'
      session.isStored = true
      return this.#client.beginAdd(this, session.id, session.data, LIFE_MS)
    }
    this.#expected = session.isStored ? 'ok' : 'absent'
    if (this.#operation === Operation.get && session.isStored) this.#data = session.data
    if (this.#operation === Operation.remove) session.isStored = false
    return this.#client.begin(this, this.#operation, session.id)
  }

  onDone(outcome: Outcome, bytes: Buffer, start: number, end: number): void {
    operations++
    if (latencies < MAX_LATENCIES) latencyMs[latencies++] = performance.now() - this.#beganMs
    if (outcome !== this.#expected) complain(`${outcome} instead of ${this.#expected} to operation ${this.#operation}`)
    const data = this.#data
    if (data !== undefined && data.compare(bytes, start, end) !== 0) complain('a session with other data')
    this.next()
  }
}

/** The sessions of a connection and the operations that go on over it, until time is up. */
function load(client: SessionClient): Promise<void> {
  const sessions = Array.from({ length: Math.ceil(options.sessions / options.connections) }, makeSession)
  return new Promise((resolve) => {
    let busy = options.pipeline
    const onIdle = () => {
      busy--
      if (busy === 0) resolve(removeAll(client, sessions))
    }
    for (let i = 0; i < options.pipeline; i++) new Slot(client, sessions, onIdle).next()
  })
}

/** So that no run finds what the one before has left. */
async function removeAll(client: SessionClient, sessions: readonly Session[]): Promise<void> {
  for (const { id, isStored } of sessions)
    if (isStored && !(await client.remove(id))) complain('a session that was lost')
}

async function store(): Promise<void> {
  const client = connectClient()
  const all = Array.from({ length: options.store }, makeSession)
  // Fewer at a time than the client has room for.
  for (let i = 0; i < all.length; i += 1000) {
    const added = all.slice(i, i + 1000).map(({ id, data }) => client.add(id, data, LIFE_MS))
    for (const outcome of await Promise.all(added)) if (outcome !== 'ok') complain(`${outcome} to an ADD`)
  }
}

function connectClient(): SessionClient {
  return new SessionClient({ connect: `IP:127.0.0.1:${options.port}`, timeoutMs: TIMEOUT_MS })
}

const cpuNow = () => pids!.split(',').reduce((sum, pid) => sum + cpuMicros(Number(pid)), 0)

async function run(): Promise<SessionLoadReport> {
  if (options.store > 0) {
    await store()
    return { operations, elapsedMs: 0, wrong, firstWrong, p50Ms: Number.NaN, p99Ms: Number.NaN, cpuMicros: 0 }
  }
  const loads = Array.from({ length: options.connections }, connectClient).map(load)
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS))
  const [operationsBefore, cpuBefore, startedMs] = [operations, cpuNow(), performance.now()]
  latencies = 0
  await new Promise((resolve) => setTimeout(resolve, options.seconds * 1000))
  const [counted, cpu, elapsedMs] = [operations - operationsBefore, cpuNow() - cpuBefore, performance.now() - startedMs]
  isOver = true
  await Promise.all(loads)
  const sorted = latencyMs.subarray(0, latencies).toSorted()
  const percentile = (part: number) => sorted[Math.floor(sorted.length * part)] ?? Number.NaN
  const [p50Ms, p99Ms] = [percentile(0.5), percentile(0.99)]
  return { operations: counted, elapsedMs, wrong, firstWrong, p50Ms, p99Ms, cpuMicros: cpu }
}

process.stdout.write(JSON.stringify(await run()))
process.exit(0)
