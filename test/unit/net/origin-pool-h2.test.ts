/** Pools whose servers speak HTTP/2, or may: who shares a connection, who waits, what a failure costs. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { OriginPool } from '../../../src/net/origin-pool.ts'
import { OriginTls } from '../../../src/net/origin-tls.ts'
import type { OriginTlsPlan } from '../../../src/plan/origin-tls-plan.ts'
import type { BackendPlan } from '../../../src/plan/plan.ts'
import { makeAuthority } from '../../support/certificates.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { type H2Origin, startH2Origin } from '../../support/h2-origin.ts'
import { answerWith, startTlsOrigin } from '../../support/tls-origin.ts'
import { waitFor } from '../../support/wait.ts'
import { backendPlan, RecordingClaimant, RecordingSink, surroundings, wheelOfNow } from './recorders.ts'

const authority = makeAuthority()
const issued = authority.issue({ names: ['app.internal'] })
const tlsPlan: OriginTlsPlan = {
  verify: true,
  ca: undefined,
  serverName: 'app.internal',
  certificate: undefined,
  minVersion: '1.2',
  ciphers: [],
}

function poolFor(port: number, change: Partial<BackendPlan>): OriginPool {
  const plan = backendPlan(port, { connections: 4, queue: { length: 100, waitMs: 5000 }, ...change })
  const material = { ca: readFileSync(authority.certificate, 'utf8'), certificate: undefined, key: undefined }
  const tls = plan.protocol === 'h2c' ? undefined : new OriginTls(tlsPlan, material)
  const pool = new OriginPool(plan.servers[0]!, plan, surroundings(wheelOfNow(), { tls }))
  onTestEnd(() => pool.close())
  return pool
}

function origin(streams = 100, tls = false): Promise<H2Origin> {
  const script: Parameters<typeof startH2Origin>[1] = (stream) => {
    stream.respond({ ':status': 200 })
    stream.end('x')
  }
  return startH2Origin(tls ? issued : undefined, script, { settings: { maxConcurrentStreams: streams } })
}

function claimAll(pool: OriginPool, count: number, upgrades = false): RecordingClaimant[] {
  const claimants = Array.from({ length: count }, () => new RecordingClaimant())
  for (const claimant of claimants) pool.acquire(claimant, false, upgrades)
  return claimants
}

async function allTaken(claimants: readonly RecordingClaimant[]): Promise<void> {
  await Promise.all(claimants.map((claimant) => claimant.taken()))
}

/** One request and its answer on a link. */
async function use(claimant: RecordingClaimant): Promise<RecordingSink> {
  const sink = new RecordingSink()
  const head = {
    method: 'GET',
    upgrade: undefined,
    hasBody: false,
    isUnsized: false,
    text: () => 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    fieldList: () => [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/'],
  }
  claimant.link!.send(head, sink)
  await sink.until('end')
  return sink
}

describe('a pool of HTTP/2', () => {
  it('opens one connection for all who come while it is being opened', async () => {
    const { port, sessions } = await origin()
    const pool = poolFor(port, { protocol: 'h2c' })
    const claimants = claimAll(pool, 50)
    await allTaken(claimants)
    assert.deepEqual([pool.size, sessions.length], [1, 1])
    for (const sink of await Promise.all(claimants.map(use))) assert.equal(sink.body, 'x')
  })

  it('opens another one when all places are taken, up to its limit, and then lets wait', async () => {
    const { port, sessions } = await origin(2)
    const pool = poolFor(port, { protocol: 'h2c', connections: 2 })
    const claimants = claimAll(pool, 6)
    await waitFor('four', () => claimants.filter((one) => one.link !== undefined).length === 4)
    assert.deepEqual([pool.size, sessions.length], [2, 2])
    await Promise.all(claimants.filter((one) => one.link !== undefined).map(use))
    await allTaken(claimants)
    assert.equal(sessions.length, 2)
  })

  it('gives the place of a request that was given up to another', async () => {
    const { port } = await origin(1)
    const pool = poolFor(port, { protocol: 'h2c', connections: 1 })
    const [first, second] = claimAll(pool, 2)
    await first!.taken()
    first!.link!.destroy()
    await second!.taken()
  })

  it('tells all who wait that it could not be opened', async () => {
    const server = createServer((socket: Socket) => socket.destroy())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestEnd(() => void server.close())
    const pool = poolFor((server.address() as { port: number }).port, { protocol: 'h2c' })
    const claimants = claimAll(pool, 5)
    await waitFor('the failures', () => claimants.every((one) => one.outcome === 'no-protocol'))
    assert.equal(pool.size, 0)
  })

  it('closes what is idle when it is closed, and the rest when it is done', async () => {
    const { port, sessions } = await origin()
    const pool = poolFor(port, { protocol: 'h2c' })
    const [claimant] = claimAll(pool, 1)
    await claimant!.taken()
    pool.close()
    assert.equal((await use(claimant!)).body, 'x')
    await waitFor('the end', () => sessions[0]!.closed)
    assert.equal(pool.size, 0)
  })
})

describe('a pool that may speak either', () => {
  it('shares a connection where the server chose HTTP/2', async () => {
    const { port, sessions } = await origin(100, true)
    const pool = poolFor(port, { protocol: 'auto' })
    const claimants = claimAll(pool, 20)
    await allTaken(claimants)
    assert.equal(sessions.length, 1)
    assert.equal((await use(claimants[0]!)).body, 'x')
  })

  it('opens one for each where it chose HTTP/1.1', async () => {
    const { port, sockets } = await startTlsOrigin(issued, answerWith('x'), { ALPNProtocols: ['http/1.1'] })
    const pool = poolFor(port, { protocol: 'auto', connections: 3 })
    const claimants = claimAll(pool, 3)
    await allTaken(claimants)
    // The origin may hear of the last handshake behind the pool.
    await waitFor('the sockets of the origin', () => sockets.length >= 3)
    assert.deepEqual([pool.size, sockets.length], [3, 3])
    await Promise.all(claimants.map(use))
    const [again] = claimAll(pool, 1)
    await again!.taken()
    assert.equal(sockets.length, 3)
  })

  it('opens a connection of HTTP/1.1 for a change of protocol, and makes room for it', async () => {
    const protocols: unknown[] = []
    const { port, server } = await startH2Origin(issued, () => {}, { allowHTTP1: true })
    server.on('secureConnection', (socket: { alpnProtocol: unknown }) => protocols.push(socket.alpnProtocol))
    const pool = poolFor(port, { protocol: 'auto', connections: 1 })
    const [first] = claimAll(pool, 1)
    await first!.taken()
    first!.link!.destroy()
    const [second] = claimAll(pool, 1, true)
    await second!.taken()
    await waitFor('both handshakes', () => protocols.length >= 2)
    assert.deepEqual(protocols, ['h2', 'http/1.1'])
  })
})
