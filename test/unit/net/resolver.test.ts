import assert from 'node:assert/strict'
import type { LookupAddress, LookupOptions } from 'node:dns'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { describe, it } from 'node:test'
import { type Query, Resolver, type ResolverOptions } from '../../../src/net/resolver.ts'

const a1: LookupAddress = { address: '192.0.2.1', family: 4 }
const a2: LookupAddress = { address: '192.0.2.2', family: 4 }
const b1: LookupAddress = { address: '2001:db8::1', family: 6 }

/** A resolver whose clock and queries the test works by hand. */
class Bench {
  nowMs = 0
  readonly asked: { name: string; answer: Parameters<Query>[1] }[] = []
  readonly resolver: Resolver

  constructor(options: Partial<ResolverOptions> = {}) {
    const query: Query = (name, answer) => this.asked.push({ name, answer })
    this.resolver = new Resolver({ query, now: () => this.nowMs, ...options })
  }

  lookup(name: string, options: LookupOptions = { all: true }): Promise<string> {
    return new Promise((resolve) => {
      this.resolver.lookup(name, options, (error, address) => {
        if (error !== null) resolve((error as NodeJS.ErrnoException).code ?? error.message)
        else resolve(typeof address === 'string' ? address : address.map((one) => one.address).join(' '))
      })
    })
  }

  /** Answers the oldest open query. */
  answer(...addresses: LookupAddress[]): void {
    this.asked.shift()!.answer(null, addresses)
  }

  fail(code: string): void {
    this.asked.shift()!.answer(Object.assign(new Error(code), { code }), [])
  }

  async resolved(name: string, ...addresses: LookupAddress[]): Promise<void> {
    const answered = this.lookup(name)
    this.answer(...addresses)
    await answered
  }
}

describe('resolver', () => {
  it('asks once for all who wait', async () => {
    const bench = new Bench()
    const both = [bench.lookup('x.test'), bench.lookup('x.test')]
    assert.equal(bench.asked.length, 1)
    bench.answer(a1)
    assert.deepEqual(await Promise.all(both), ['192.0.2.1', '192.0.2.1'])
  })

  it('remembers the answer for 10 seconds, then asks behind the back of the caller', async () => {
    const bench = new Bench()
    await bench.resolved('x.test', a1)
    bench.nowMs = 10_000
    assert.equal(await bench.lookup('x.test'), '192.0.2.1')
    assert.equal(bench.asked.length, 0)
    bench.nowMs = 10_001
    assert.equal(await bench.lookup('x.test'), '192.0.2.1')
    assert.equal(await bench.lookup('x.test'), '192.0.2.1')
    assert.equal(bench.asked.length, 1)
    bench.answer(a2)
    assert.equal(await bench.lookup('x.test'), '192.0.2.2')
  })

  it('waits for the new answer when the last one is older than that', async () => {
    const bench = new Bench()
    await bench.resolved('x.test', a1)
    bench.nowMs = 20_001
    const waiting = bench.lookup('x.test')
    bench.answer(a2)
    assert.equal(await waiting, '192.0.2.2')
  })

  it('falls back on the last good answer for ten minutes', async () => {
    const bench = new Bench()
    await bench.resolved('x.test', a1)
    bench.nowMs = 599_000
    const waiting = bench.lookup('x.test')
    bench.fail('EAI_AGAIN')
    assert.equal(await waiting, '192.0.2.1')
    bench.nowMs = 600_001
    const tooLate = bench.lookup('x.test')
    bench.fail('EAI_AGAIN')
    assert.equal(await tooLate, 'EAI_AGAIN')
  })

  it('keeps a failure for a second', async () => {
    const bench = new Bench()
    const first = bench.lookup('x.test')
    bench.fail('ENOTFOUND')
    assert.equal(await first, 'ENOTFOUND')
    bench.nowMs = 999
    assert.equal(await bench.lookup('x.test'), 'ENOTFOUND')
    assert.equal(bench.asked.length, 0)
    bench.nowMs = 1000
    const again = bench.lookup('x.test')
    bench.answer(a1)
    assert.equal(await again, '192.0.2.1')
  })

  it('begins with another address each time', async () => {
    const bench = new Bench()
    await bench.resolved('x.test', a1, b1, a2)
    assert.equal(await bench.lookup('x.test'), '2001:db8::1 192.0.2.2 192.0.2.1')
    assert.equal(await bench.lookup('x.test'), '192.0.2.2 192.0.2.1 2001:db8::1')
  })

  it('gives one address, and the wanted family only', async () => {
    const bench = new Bench()
    await bench.resolved('x.test', b1, a1)
    assert.equal(await bench.lookup('x.test', { family: 4 }), '192.0.2.1')
    assert.equal(await bench.lookup('x.test', { family: 'IPv6' }), '2001:db8::1')
    await bench.resolved('y.test', a1)
    assert.equal(await bench.lookup('y.test', { family: 6, all: true }), 'ENOTFOUND')
  })

  it('forgets the name resolved longest ago when it knows too many', async () => {
    const bench = new Bench({ names: 2 })
    await bench.resolved('a.test', a1)
    await bench.resolved('b.test', a1)
    bench.nowMs = 30_000
    await bench.resolved('a.test', a2)
    await bench.resolved('c.test', a1)
    assert.equal(bench.resolver.size, 2)
    assert.equal(await bench.lookup('a.test'), '192.0.2.2')
    assert.equal(bench.asked.length, 0)
    const forgotten = bench.lookup('b.test')
    bench.answer(a2)
    assert.equal(await forgotten, '192.0.2.2')
  })

  it('answers those who wait for a name that is forgotten meanwhile', async () => {
    const bench = new Bench({ names: 1 })
    const waiting = bench.lookup('a.test')
    const other = bench.lookup('b.test')
    bench.answer(a1)
    bench.answer(a2)
    assert.deepEqual(await Promise.all([waiting, other]), ['192.0.2.1', '192.0.2.2'])
    assert.equal(bench.resolver.size, 1)
  })
})

describe('resolver and net.connect', () => {
  for (const autoSelectFamily of [true, false]) {
    it(`open a connection to localhost ${autoSelectFamily ? 'by all addresses' : 'by one address'}`, async () => {
      const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const { lookup } = new Resolver({ query: (_, answer) => answer(null, [{ address: '127.0.0.1', family: 4 }]) })
      for (let i = 0; i < 2; i++) {
        const socket = connect({ host: 'origin.test', port, lookup, autoSelectFamily })
        await once(socket, 'connect')
        socket.resume()
        await once(socket, 'close')
      }
      server.close()
    })
  }

  it('report a name that cannot be resolved as an error of the socket', async () => {
    const query: Query = (_, answer) => answer(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), [])
    const { lookup } = new Resolver({ query })
    for (let i = 0; i < 2; i++) {
      const socket = connect({ host: 'origin.test', port: 1, lookup, autoSelectFamily: true })
      const [error] = await once(socket, 'error')
      assert.equal(error.code, 'ENOTFOUND')
    }
  })

  it('ask the system, which knows /etc/hosts', async () => {
    const { lookup } = new Resolver()
    const address = await new Promise((resolve, reject) => {
      lookup('localhost', {}, (error, found) => (error === null ? resolve(found) : reject(error)))
    })
    assert.match(String(address), /^(127\.|::1$)/)
  })
})
