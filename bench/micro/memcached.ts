/**
 * Microseconds of this thread's CPU for one operation on a pool, against real memcached servers on the other core:
 * `npx node bench/micro/memcached.ts`.
 *
 * Each requester begins its next requests when its last one is answered, as clients of the proxy do. Budget: 1 us for a `mg`
 * of 100 bytes that is one of many, of which the system calls, one write and one read for each turn, are the smaller part.
 */
import { spawn } from 'node:child_process'
import { Pool } from '../../src/memcached/pool.ts'
import { createPoolState, MAIN_THREAD } from '../../src/memcached/pool-state.ts'
import { Code, type Reply } from '../../src/memcached/reply.ts'
import { Expect, ServerRequest } from '../../src/memcached/server-request.ts'
import type { MemcachedPlan } from '../../src/plan/memcached-plan.ts'
import { freePort, listens } from '../../test/support/ports.ts'

const SERVERS = 3
const KEYS = 1000
const ROUND_MS = 1000
const ROUNDS = 3

interface Case {
  readonly name: string
  readonly requesters: number
  readonly depth: number
  readonly valueBytes: number
  readonly isSet: boolean
}
const cases: readonly Case[] = [
  { name: 'mg 100 B, 1 requester', requesters: 1, depth: 1, valueBytes: 100, isSet: false },
  { name: 'mg 100 B, 50 requesters', requesters: 50, depth: 1, valueBytes: 100, isSet: false },
  { name: 'mg 100 B, 50 requesters 16 deep', requesters: 50, depth: 16, valueBytes: 100, isSet: false },
  { name: 'mg 1 KB, 50 requesters 16 deep', requesters: 50, depth: 16, valueBytes: 1024, isSet: false },
  { name: 'mg 100 KB, 4 requesters 4 deep', requesters: 4, depth: 4, valueBytes: 102_400, isSet: false },
  { name: 'ms 1 KB, 50 requesters 16 deep', requesters: 50, depth: 16, valueBytes: 1024, isSet: true },
  { name: 'ms 100 KB, 4 requesters 4 deep', requesters: 4, depth: 4, valueBytes: 102_400, isSet: true },
]

const keys = Array.from({ length: KEYS }, (_, i) => Buffer.from(`shop:product:${i}`))
const mg = Buffer.from('mg ')
const flags = Buffer.from(' f v\r\n')
const ms = Buffer.from('ms ')
const lineEnd = Buffer.from('\r\n')

/** One client: `depth` requests, and when the last of them is answered the next. */
class Requester {
  readonly #pool: Pool
  readonly #load: Load
  #waiting = 0

  constructor(pool: Pool, load: Load) {
    this.#pool = pool
    this.#load = load
  }

  next(): void {
    if (this.#load.isOver) return
    const { depth, isSet } = this.#load
    this.#waiting = depth
    for (let i = 0; i < depth; i++) {
      const key = keys[Math.floor(Math.random() * KEYS)]!
      const request = new OneRequest(this)
      const out = this.#pool.begin(this.#pool.ownerOf(key, 0, key.length), request)!
      out.bytes(isSet ? ms : mg, 0, 3)
      out.bytes(key, 0, key.length)
      if (isSet) {
        out.text(this.#load.size)
        out.attach(this.#load.value)
        out.bytes(lineEnd, 0, 2)
      } else {
        out.bytes(flags, 0, flags.length)
      }
    }
  }

  onReply(code: number): void {
    if (code !== Code.va && code !== Code.hd) throw new Error(`reply with code ${code}`)
    this.#load.operations++
    this.#waiting--
    if (this.#waiting === 0) this.next()
  }
}

class OneRequest extends ServerRequest {
  readonly #requester: Requester

  constructor(requester: Requester) {
    super(Expect.meta)
    this.#requester = requester
  }

  override onReply(reply: Reply): void {
    this.#requester.onReply(reply.code)
  }

  override onFailure(failure: number): void {
    throw new Error(`failed with ${failure}`)
  }
}

class Load {
  readonly depth: number
  readonly isSet: boolean
  readonly value: Buffer
  readonly size: string
  operations = 0
  isOver = false

  constructor({ depth, isSet, valueBytes }: Case) {
    this.depth = depth
    this.isSet = isSet
    this.value = Buffer.alloc(valueBytes, 'x')
    this.size = ` ${valueBytes}\r\n`
  }
}

async function run(pool: Pool, benchCase: Case): Promise<void> {
  const results: { us: number; perSecond: number }[] = []
  await measure(pool, { ...benchCase, isSet: true, requesters: 4, depth: 16 }, ROUND_MS / 2) // fills, and warms up
  for (let round = 0; round < ROUNDS; round++) results.push(await measure(pool, benchCase, ROUND_MS))
  results.sort((a, b) => a.us - b.us)
  const { us, perSecond } = results[Math.floor(ROUNDS / 2)]!
  console.log(`${benchCase.name.padEnd(34)} ${us.toFixed(2).padStart(7)} us  ${Math.round(perSecond)} per second`)
}

async function measure(pool: Pool, benchCase: Case, ms: number): Promise<{ us: number; perSecond: number }> {
  const load = new Load(benchCase)
  const requesters = Array.from({ length: benchCase.requesters }, () => new Requester(pool, load))
  const before = process.cpuUsage()
  const start = performance.now()
  for (const requester of requesters) requester.next()
  await new Promise((resolve) => setTimeout(resolve, ms))
  const cpu = process.cpuUsage(before)
  const { operations } = load
  const elapsed = performance.now() - start
  load.isOver = true
  while (!pool.isIdle) await new Promise((resolve) => setTimeout(resolve, 1))
  return { us: (cpu.user + cpu.system) / operations, perSecond: (1000 * operations) / elapsed }
}

const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
const ports: number[] = []
while (ports.length < SERVERS) ports.push(await freePort())
const servers = ports.map((port) =>
  spawn('memcached', ['-l', '127.0.0.1', '-p', `${port}`, '-U', '0', '-t', '1', '-m', '512', ...user], {
    stdio: 'inherit',
  }),
)
process.on('exit', () => {
  for (const server of servers) server.kill('SIGKILL')
})
for (const port of ports) while (!(await listens(port))) await new Promise((resolve) => setTimeout(resolve, 20))

const place = { source: '', line: 1, column: 1 } as unknown as MemcachedPlan['place']
const plan: MemcachedPlan = {
  name: 'bench',
  hash: 'fnv1a_64',
  hashTag: undefined,
  distribution: 'ketama',
  servers: ports.map((port) => ({
    label: `127.0.0.1:${port}`,
    weight: 1,
    address: { kind: 'tcp', host: '127.0.0.1', port },
    place,
  })),
  timeoutMs: 5000,
  connections: 1,
  preconnect: false,
  keepAlive: false,
  eject: undefined,
  maxItemBytes: 1024 * 1024,
  maxBacklogBytes: 64 * 1024 * 1024,
  auth: undefined,
  place,
}
const pool = new Pool(plan, createPoolState(plan, 1), {
  worker: MAIN_THREAD,
  log: (_, message) => console.error(message),
  onFault: (error) => {
    throw error
  },
})
for (const benchCase of cases) await run(pool, benchCase)
pool.destroy()
process.exit(0)
