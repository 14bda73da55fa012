/**
 * Whatever a server does to its connections, every request is told exactly once, and never another's reply: values carry
 * their key.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { Failure, type FailureCode } from '../../src/memcached/failure.ts'
import type { Pool } from '../../src/memcached/pool.ts'
import { Code, type Reply } from '../../src/memcached/reply.ts'
import { Expect, ServerRequest } from '../../src/memcached/server-request.ts'
import { onTestEnd } from '../support/cleanup.ts'
import { startMemcached } from '../support/memcached.ts'
import { poolPlan, testPool } from '../support/memcached-pool.ts'
import { freePort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'

const TIMEOUT_MS = 40

/** What the server does to one connection: it answers so many requests, in pieces of such lengths, and then does this. */
interface Behaviour {
  readonly answers: number
  readonly pieces: readonly number[]
  readonly end: 'close' | 'reset' | 'half a reply' | 'garbage' | 'surplus' | 'silence' | 'nothing'
}
const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  answers: fc.integer({ min: 0, max: 30 }),
  pieces: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 4 }),
  end: fc.constantFrom('close', 'reset', 'half a reply', 'garbage', 'surplus', 'silence', 'nothing'),
})

/** So many requests in one turn, and then so many turns of the event loop. */
interface Burst {
  readonly requests: readonly { readonly isSet: boolean; readonly size: number; readonly mayRepeat: boolean }[]
  readonly turns: number
}
const burst: fc.Arbitrary<Burst> = fc.record({
  requests: fc.array(
    fc.record({
      isSet: fc.boolean(),
      size: fc.oneof(fc.nat({ max: 60 }), fc.constantFrom(4096, 20_000)),
      mayRepeat: fc.boolean(),
    }),
    { minLength: 1, maxLength: 30 },
  ),
  turns: fc.nat({ max: 5 }),
})

const told = { replies: 0, failures: 0 }

class KeyRequest extends ServerRequest {
  readonly key: string
  readonly isSet: boolean
  times = 0
  problem: string | undefined = undefined
  failure: FailureCode | undefined = undefined
  isBegun = false

  constructor(key: string, isSet: boolean) {
    super(Expect.meta)
    this.key = key
    this.isSet = isSet
  }

  override onReply(reply: Reply): void {
    told.replies++
    this.#note()
    const text = reply.bytes.toString('latin1', reply.start, reply.end)
    const expected = this.isSet ? `HD O${this.key}\r\n` : `VA ${this.key.length} O${this.key}\r\n${this.key}\r\n`
    const isMiss = !this.isSet && reply.code === Code.en && text === `EN O${this.key}\r\n`
    if (text !== expected && !isMiss) this.problem = `${this.key} was answered with ${text.slice(0, 100)}`
  }

  override onFailure(failure: FailureCode): void {
    told.failures++
    this.#note()
    this.failure = failure
  }

  #note(): void {
    this.times++
    if (this.isBegun) this.problem = `${this.key} was told before begin had returned`
  }
}

let sequence = 0

/** Begins one request with a key of its own, in the pool if it takes it. */
function begin(pool: Pool, server: number, isSet: boolean, size: number, mayRepeat: boolean): KeyRequest | undefined {
  const request = new KeyRequest(`k${sequence++}`, isSet)
  request.mayRepeat = mayRepeat && !isSet
  request.isBegun = true
  const out = pool.begin(server, request)
  request.isBegun = false
  if (out === undefined) return undefined
  const { key } = request
  if (isSet) {
    out.text(`ms ${key} ${size} O${key}\r\n`)
    out.attach(Buffer.alloc(size, 'x'))
    out.text('\r\n')
  } else {
    out.text(`mg ${key} v O${key}\r\n`)
  }
  return request
}

/** Answers as memcached would if every key held itself. */
function serve(socket: Socket, { answers, pieces, end }: Behaviour): void {
  let input = ''
  let answered = 0
  let out = ''
  let piece = 0
  let isOver = false
  socket.setEncoding('latin1')
  socket.on('error', () => {})
  const write = () => {
    while (out !== '' && !socket.destroyed) {
      const length = pieces[piece++ % pieces.length]!
      socket.write(out.slice(0, length), 'latin1')
      out = out.slice(length)
    }
  }
  socket.on('data', (text: string) => {
    if (isOver) return
    input += text
    for (;;) {
      const line = /^(.*?)\r\n/.exec(input)
      if (line === null) break
      const [, command, key, size] = /^(\S+) ?(\S*) ?(\d*)/.exec(line[1]!)!
      const length = line[0].length + (command === 'ms' ? Number(size) + 2 : 0)
      if (input.length < length) break
      input = input.slice(length)
      if (command === 'version') out += 'VERSION 1.6.18\r\n'
      else if (command === 'get') out += 'END\r\n'
      else {
        const reply = command === 'ms' ? `HD O${key}\r\n` : `VA ${key!.length} O${key}\r\n${key}\r\n`
        if (answered++ < answers || end === 'nothing') {
          out += reply
          continue
        }
        if (end === 'half a reply') out += 'VA 100 Ox\r\nabc'
        if (end === 'garbage') out += 'WHAT\r\n'
        if (end === 'surplus') out += `${reply}WHAT\r\n` // a well-formed one nobody could tell from the next reply
        write()
        if (end === 'close' || end === 'half a reply') socket.end()
        else if (end === 'reset') socket.resetAndDestroy()
        isOver = true
        return
      }
    }
    write()
  })
}

test('every request to a server that does what it likes is told once, with its own reply', async () => {
  const port = await freePort()
  let next: () => Behaviour = () => assert.fail('no plan')
  const server = createServer((socket) => serve(socket, next()))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  onTestEnd(() => {
    server.close()
  })
  const behaviours = fc.array(behaviour, { minLength: 1, maxLength: 10 })
  const run = async (plan: readonly Behaviour[], bursts: readonly Burst[], connections: number) => {
    let connection = 0
    next = () => plan[connection++ % plan.length]!
    const address = { kind: 'tcp' as const, host: '127.0.0.1', port }
    const { pool, faults } = testPool(poolPlan([address], { timeoutMs: TIMEOUT_MS, connections }))
    const requests: KeyRequest[] = []
    for (const { requests: wanted, turns } of bursts) {
      for (const { isSet, size, mayRepeat } of wanted) requests.push(begin(pool, 0, isSet, size, mayRepeat)!)
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    await waitFor('the end', () => pool.isIdle)
    for (const request of requests) {
      assert.equal(request.problem, undefined)
      assert.equal(request.times, 1, `${request.key} was told ${request.times} times`)
    }
    assert.deepEqual(faults, [])
    const use = pool.state.use(0)
    assert.deepEqual([use.inQueue, use.inQueueBytes, use.outQueue, use.outQueueBytes], [0, 0, 0, 0])
    assert.equal(use.requests, requests.length)
    pool.destroy()
    assert.equal(pool.state.use(0).serverConnections, 0)
  }
  await fc.assert(
    fc.asyncProperty(behaviours, fc.array(burst, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 3 }), run),
    { numRuns: 60 },
  )
  assert.ok(told.replies > 100 && told.failures > 100, 'both ends were met')
})

/** What may happen to a request whose server is killed or stopped. */
const expectedFailures: readonly (FailureCode | undefined)[] = [
  undefined,
  Failure.refused,
  Failure.reset,
  Failure.brokenPipe,
  Failure.timedOut,
]
/** Replies between two acts. */
const REPLIES = 3000

test('under kill -9, stop and restart of real servers every request is told once, with its own reply', async () => {
  const servers = [await startMemcached(), await startMemcached()]
  const plan = poolPlan(
    servers.map(({ address }) => address),
    { timeoutMs: 200, connections: 2 },
  )
  const { pool, faults } = testPool(plan)
  const requests: KeyRequest[] = []
  let isOver = false
  const load = async () => {
    while (!isOver) {
      for (let i = 0; i < 40; i++) {
        for (const server of [0, 1]) {
          const request = begin(pool, server, i % 4 === 0, i === 0 ? 50_000 : 100, i % 2 === 1)
          if (request !== undefined) requests.push(request)
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  const running = load()
  const moreReplies = async () => {
    const wanted = told.replies + REPLIES
    await waitFor('more replies', () => told.replies >= wanted)
  }
  for (const [turn, act] of ['kill', 'pause', 'kill', 'restart', 'pause'].entries()) {
    const server = servers[turn % 2]!
    await moreReplies()
    if (act === 'kill') {
      await server.kill()
      await server.start()
    } else if (act === 'restart') {
      await server.restart()
    } else {
      const { serverTimedOut } = pool.state.use(turn % 2)
      await server.pause()
      await waitFor('timeouts', () => pool.state.use(turn % 2).serverTimedOut > serverTimedOut)
      server.resume()
    }
  }
  await moreReplies()
  isOver = true
  await running
  await waitFor('the end', () => pool.isIdle)
  for (const request of requests) {
    assert.equal(request.problem, undefined)
    assert.equal(request.times, 1)
    assert.ok(expectedFailures.includes(request.failure), `failure ${request.failure}`)
  }
  assert.deepEqual(faults, [])
  for (const server of [0, 1]) {
    const { inQueue, inQueueBytes, outQueue, outQueueBytes } = pool.state.use(server)
    assert.deepEqual([inQueue, inQueueBytes, outQueue, outQueueBytes], [0, 0, 0, 0])
  }
})
