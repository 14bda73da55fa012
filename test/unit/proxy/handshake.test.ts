import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type CounterName, Counters, createCounters, sumCounters } from '../../../src/log/counters.ts'
import type { Plan } from '../../../src/plan/plan.ts'
import type { TlsPlan } from '../../../src/plan/tls-plan.ts'
import { Engine } from '../../../src/proxy/engine.ts'
import { fingerprintOf } from '../../../src/tls/certificate.ts'
import type { CertificateMaterial } from '../../../src/tls/material.ts'
import { type ListenerSessions, ownSessions } from '../../../src/tls/tls-server.ts'
import { makeAuthority } from '../../support/certificates.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { freePort } from '../../support/ports.ts'
import { waitFor } from '../../support/wait.ts'
import { planOf, provisionsOf, workerOptions } from './parts.ts'

const LARGE = 'x'.repeat(300_000)

describe('Handshake', () => {
  it('serves HTTP/1.1 over TLS 1.2 and 1.3, with and without a look at the ClientHello', async () => {
    for (const wantsHello of [false, true])
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const { port } = await serving({ sessions: { ...ownSessions, wantsHello } })
        const client = await secureClient(port, { minVersion: version, maxVersion: version })
        assert.equal(client.getProtocol(), version)
        assert.match(await ask(client, '/small'), /^HTTP\/1.1 200 OK\r\n.*small$/s)
        assert.match(await ask(client, '/small'), /^HTTP\/1.1 200 OK\r\n.*small$/s)
      }
  })

  it('reads a hello that comes byte by byte', async () => {
    const heard: string[] = []
    const noteHello: ListenerSessions['noteHello'] = ({ serverName }) => void heard.push(serverName ?? '')
    const { port } = await serving({ sessions: { ...ownSessions, wantsHello: true, noteHello } })
    const client = await secureClient(port, { servername: 'Shop.example' }, slowly)
    assert.match(await ask(client, '/small'), /small$/)
    assert.deepEqual(heard, ['Shop.example'])
  })

  it('sends answers larger than a record whole, and pipelined ones in order', async () => {
    const { port } = await serving({})
    const client = await secureClient(port, {})
    const received = collect(client)
    client.write(request('/large') + request('/small') + request('/large') + request('/small', 'Connection: close'))
    const text = await received
    const bodies = text.split(/HTTP\/1\.1 200 OK\r\n.*?\r\n\r\n/s)
    assert.deepEqual(bodies, ['', LARGE, 'small', LARGE, 'small'])
  })

  it('ends a handshake that takes too long, and makes room by ending the one that began first', async () => {
    const { port, counted } = await serving({ plan: { handshakeTimeoutMs: 300, handshakes: 3 } })
    const stalled: Socket[] = []
    for (let i = 0; i < 5; i++) stalled.push(await tcpClient(port))
    await waitFor('the first two to be closed', () => stalled.slice(0, 2).every((one) => one.destroyed))
    assert.match(await ask(await secureClient(port, {}), '/small'), /small$/)
    await waitFor('all of them', () => stalled.every((one) => one.destroyed))
    assert.equal(counted('tlsCrowdedOut'), 3) // the client that was served took one more place
    assert.equal(counted('tlsTimeouts'), 2)
  })

  it('refuses an unknown name where that is wanted, and what is no TLS', async () => {
    const { port, counted } = await serving({ plan: { refusesUnknownNames: true } })
    await assert.rejects(secureClient(port, { servername: 'other.example' }), /unrecognized name/)
    assert.match(await ask(await secureClient(port, { servername: 'shop.example' }), '/small'), /small$/)
    const plain = await tcpClient(port)
    plain.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await waitFor('the end', () => plain.destroyed)
    assert.equal(counted('tlsUnknownNames'), 1)
  })

  it('goes on with other certificates for those that come after', async () => {
    const { port, engine } = await serving({})
    const before = await secureClient(port, {})
    const [old, fresh] = [materialOf('shop.example'), materialOf('shop.example')]
    assert.notEqual(old.fingerprint, fresh.fingerprint)
    const listeners = new Map([['web', { certificates: [fresh], clientCa: undefined }]])
    engine.renewCertificates({ listeners, origins: new Map() })
    const after = await secureClient(port, {})
    assert.equal(after.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase(), fresh.fingerprint)
    for (const client of [before, after]) assert.match(await ask(client, '/small'), /small$/)
  })

  it('holds no more of a large answer than a client takes', async () => {
    const { port } = await serving({})
    const client = await secureClient(port, {})
    client.pause()
    const before = process.memoryUsage().arrayBuffers
    client.write(request('/large').repeat(200)) // 60 MB of answers
    await new Promise((resolve) => setTimeout(resolve, 300))
    const held = process.memoryUsage().arrayBuffers - before
    assert.ok(held < 8_000_000, `${held} bytes`)
  })
})

interface Serving {
  readonly engine: Engine
  readonly port: number
  counted(counter: CounterName): number
}

async function serving(options: { plan?: Partial<TlsPlan>; sessions?: ListenerSessions }): Promise<Serving> {
  const port = await freePort()
  const counters = createCounters(1)
  const engine = new Engine({ ...workerOptions(), counters: new Counters(counters, 0) })
  onTestEnd(() => engine.destroy())
  const text = planOf(`shellac 1; listener web { address 127.0.0.1:${port}; }
    site * { route small { path /small; respond 200 "small"; } route large { path /large; respond 200 "${LARGE}"; } }`)
  const tls: TlsPlan = { ...policy, ...options.plan }
  const plan: Plan = { ...text, listeners: text.listeners.map((one) => ({ ...one, protocols: ['h1'] as const, tls })) }
  const listeners = new Map([['web', { certificates: [materialOf('shop.example')], clientCa: undefined }]])
  const materials = { listeners, origins: new Map() }
  await engine.prepare(plan, 1, provisionsOf(plan, { materials, sessionsOf: () => options.sessions ?? ownSessions }))
  engine.commit()
  return { engine, port, counted: (counter) => sumCounters(counters).counters[counter] }
}

const policy: TlsPlan = {
  certificates: [],
  refusesUnknownNames: false,
  minVersion: '1.2',
  maxVersion: '1.3',
  ciphers: ['ECDHE-ECDSA-AES128-GCM-SHA256'],
  suites: ['TLS_AES_128_GCM_SHA256'],
  groups: ['X25519', 'P-256'],
  cipherOrder: 'client',
  clientCertificate: undefined,
  handshakeTimeoutMs: 10_000,
  handshakes: 100,
  sessions: undefined,
}

/** A certificate of its own for `name`. */
function materialOf(name: string): CertificateMaterial {
  const { certificate, key } = makeAuthority().issue({ names: [name] })
  const text = readFileSync(certificate, 'utf8')
  const fingerprint = fingerprintOf(new X509Certificate(text))
  const notAfterMs = Date.now() + 86_400_000
  return {
    names: [name],
    keyType: 'ec',
    curve: 'prime256v1',
    certificate: text,
    key: readFileSync(key, 'utf8'),
    fingerprint,
    notAfterMs,
    ocsp: undefined,
  }
}

async function tcpClient(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1')
  onTestEnd(() => void socket.destroy())
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}

/** Delivers what is written to `socket` in single bytes. */
function slowly(socket: Socket): Socket {
  const write = socket.write.bind(socket)
  socket.setNoDelay(true)
  socket.write = ((bytes: Buffer, encoding: unknown, done?: () => void) => {
    for (let i = 0; i < bytes.length; i++) write(bytes.subarray(i, i + 1))
    const finished = typeof encoding === 'function' ? (encoding as () => void) : done
    if (finished !== undefined) setImmediate(finished)
    return true
  }) as typeof socket.write
  return socket
}

function secureClient(
  port: number,
  options: ConnectionOptions,
  through = (socket: Socket) => socket,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    void tcpClient(port).then((tcp) => {
      const socket = connect({ socket: through(tcp), rejectUnauthorized: false, ...options })
      onTestEnd(() => void socket.destroy())
      socket.once('secureConnect', () => resolve(socket))
      socket.once('error', reject)
    })
  })
}

function request(path: string, ...fields: string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: shop.example', ...fields, '', ''].join('\r\n')
}

/** The response to one request, which fits a read. */
async function ask(client: TLSSocket, path: string): Promise<string> {
  const answer = new Promise<string>((resolve) =>
    client.once('data', (bytes: Buffer) => resolve(bytes.toString('latin1'))),
  )
  client.write(request(path))
  return answer
}

/** All that comes until the end. */
function collect(client: TLSSocket): Promise<string> {
  const parts: Buffer[] = []
  client.on('data', (bytes: Buffer) => parts.push(bytes))
  return new Promise((resolve) => client.once('end', () => resolve(Buffer.concat(parts).toString('latin1'))))
}
