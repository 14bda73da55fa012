/** Plain servers of Node that resume each other's sessions through the library, and what they do when there is no service. */
import assert from 'node:assert/strict'
import { constants } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { Agent } from '../../src/distcache/agent.ts'
import { attachSessionCache } from '../../src/distcache/attach-session-cache.ts'
import { Operation } from '../../src/distcache/message.ts'
import type { AttachedAnswer, AttachedOptions } from '../support/attached-server.ts'
import { type Issued, makeAuthority } from '../support/certificates.ts'
import { onTestEnd } from '../support/cleanup.ts'
import { nodeHello } from '../support/client-hello.ts'
import { startDistcacheServer } from '../support/distcache.ts'
import { Background } from '../support/process.ts'
import { scriptedSessions } from '../support/scripted-sessions.ts'
import { tempDir } from '../support/temp.ts'
import { NodeClient, OpensslClient, type Version } from '../support/tls-resumption.ts'
import { waitFor } from '../support/wait.ts'

const script = fileURLToPath(new URL('../support/attached-server.ts', import.meta.url))
const NO_TICKET = constants.SSL_OP_NO_TICKET
const versions: readonly Version[] = ['TLSv1.2', 'TLSv1.3']
/** A wait that a loaded machine does not use up. */
const PATIENT_MS = 10_000

let issued: Issued
before(() => {
  issued = makeAuthority().issue({ names: ['localhost'] })
})

interface Running {
  readonly port: number
  readonly process: Background
}

/** A server in a process of its own. */
async function start(connectTo: string, options: Partial<AttachedOptions> = {}): Promise<Running> {
  const { certificate, key } = issued
  const all: AttachedOptions = { certificate, key, connect: connectTo, waitMs: PATIENT_MS, ...options }
  const process_ = new Background(process.execPath, [script, JSON.stringify(all)])
  const line = await process_.waitFor('its port', () => process_.lines.find((one) => one.startsWith('port ')))
  return { port: Number(line.slice('port '.length)), process: process_ }
}

/** A session server; its address. */
async function startService(): Promise<string> {
  const { server } = await startDistcacheServer()
  return `IP:127.0.0.1:${server.port}`
}

const clients = [
  ['openssl', (version: Version) => new OpensslClient<AttachedAnswer>(version)],
  ['Node', (version: Version) => new NodeClient<AttachedAnswer>(version)],
] as const

describe('two processes of plain Node', () => {
  for (const version of versions) {
    for (const [name, make] of clients) {
      test(`resume each other's sessions: ${version}, ${name}`, async () => {
        const service = await startService()
        const [one, two] = [await start(service), await start(service)]
        const client = make(version)
        const first = await client.visit(one.port)
        assert.equal(first.protocol, version)
        assert.equal(first.isReused, false)
        for (const { port, process: other } of [two, one, two]) {
          const again = await client.visit(port)
          assert.equal(again.isReused, true)
          assert.equal(again.answer?.isReused, true)
          assert.equal(again.answer?.pid, other.pid)
        }
      })
    }
  }

  for (const version of versions) {
    test(`resume through two agents, and after a restart: ${version}`, async () => {
      const service = await startService()
      const agents = [1, 2].map((n) => `UNIX:${join(tempDir(), `agent-${n}`)}`)
      for (const listen of agents) {
        const agent = await Agent.open({ listen, connect: service })
        onTestEnd(() => agent.close())
      }
      const one = await start(agents[0]!)
      const client = new NodeClient<AttachedAnswer>(version)
      await client.visit(one.port)
      await one.process.stop()
      const two = await start(agents[1]!)
      const again = await client.visit(two.port)
      assert.equal(again.isReused, true)
      assert.equal(again.answer?.counters.found, 1)
    })
  }

  test('speak HTTP/2 and resume', async () => {
    const service = await startService()
    const [one, two] = [await start(service, { isHttp2: true }), await start(service, { isHttp2: true })]
    for (const version of versions) {
      const client = new OpensslClient<AttachedAnswer>(version)
      const args = ['-alpn', 'h2,http/1.1']
      assert.equal((await client.visit(one.port, { args: ['-alpn', 'http/1.1'] })).isReused, false)
      assert.equal((await client.visit(two.port, { args: ['-alpn', 'http/1.1'] })).isReused, true)
      assert.equal((await client.visit(two.port, { args })).protocol, version)
    }
  })

  test('forget a session after its time', async () => {
    const service = await startService()
    const one = await start(service, { timeoutSeconds: 0.001 })
    const client = new NodeClient<AttachedAnswer>('TLSv1.2')
    await client.visit(one.port)
    const again = await client.visit(one.port)
    assert.equal(again.isReused, false)
    assert.equal(again.answer?.counters.missed, 1)
  })
})

describe('a client of TLS 1.3', () => {
  test('without a legacy session id has a full handshake, and its session stays for another time', async () => {
    const one = await start(await startService())
    const client = new OpensslClient<AttachedAnswer>('TLSv1.3')
    await client.visit(one.port)
    const without = await client.visit(one.port, { keep: false, args: ['-no_middlebox'] })
    assert.equal(without.isReused, false)
    assert.ok(without.answer !== undefined)
    assert.equal((await client.visit(one.port)).isReused, true)
  })

  test('that has to say hello again is served', async () => {
    const one = await start(await startService(), { groups: 'P-256' })
    const client = new OpensslClient<AttachedAnswer>('TLSv1.3')
    const args = ['-groups', 'X25519:P-256']
    for (let i = 0; i < 3; i++) assert.ok((await client.visit(one.port, { args })).answer !== undefined)
    assert.equal((await client.visit(one.port, { args: ['-groups', 'P-256'] })).isReused, true)
  })

  test('that comes with a ticket of another server has a full handshake, and the ticket is nobody’s id', async () => {
    const { certificate, key } = issued
    const tickets = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (_, response) =>
      response.end(),
    )
    onTestEnd(() => {
      tickets.closeAllConnections()
      tickets.close()
    })
    await once(tickets.listen(0, '127.0.0.1'), 'listening')
    const service = await scriptedSessions()
    service.onRequest = (heard) => heard.reply(heard.operation === Operation.add ? 0 : 1)
    const one = await start(service.address)
    const client = new NodeClient<AttachedAnswer>('TLSv1.3')
    await client.visit((tickets.address() as { port: number }).port)
    const visit = await client.visit(one.port)
    assert.equal(visit.isReused, false)
    assert.ok(visit.answer !== undefined)
    assert.deepEqual(
      service.heard.filter(({ operation }) => operation !== Operation.add).map(({ payload }) => payload.length),
      [32],
    )
  })

  test('is resumed among many that come at a time', async () => {
    const service = await startService()
    const [one, two] = [await start(service), await start(service)]
    const clients_ = Array.from({ length: 60 }, () => new NodeClient<AttachedAnswer>('TLSv1.3'))
    await Promise.all(clients_.map((client) => client.visit(one.port)))
    const visits = await Promise.all(clients_.map((client) => client.visit(two.port)))
    assert.deepEqual(new Set(visits.map(({ isReused }) => isReused)), new Set([true]))
  })
})

describe('a session', () => {
  test('of TLS 1.3 is resumed once, wherever', async () => {
    const service = await startService()
    const [one, two] = [await start(service), await start(service)]
    const client = new OpensslClient<AttachedAnswer>('TLSv1.3')
    await client.visit(one.port)
    const uses = await Promise.all([one, two, one, two].map(({ port }) => client.visit(port, { keep: false })))
    assert.equal(uses.filter(({ isReused }) => isReused).length, 1)
    // The others were full handshakes, and served.
    assert.ok(uses.every(({ answer }) => answer !== undefined))
  })

  test('of TLS 1.2 is resumed as often as it lives', async () => {
    const one = await start(await startService())
    const client = new OpensslClient<AttachedAnswer>('TLSv1.2')
    await client.visit(one.port)
    for (let i = 0; i < 3; i++) assert.equal((await client.visit(one.port, { keep: false })).isReused, true)
  })

  test('of TLS 1.3 is asked for under the first identity, and removed', async () => {
    const service = await scriptedSessions()
    service.onRequest = (heard) => heard.reply(heard.operation === Operation.add ? 0 : 1)
    const one = await start(service.address)
    const client = new NodeClient<AttachedAnswer>('TLSv1.3')
    await client.visit(one.port)
    const ids = service.heard
      .filter(({ operation }) => operation === Operation.add)
      .map(({ payload }) => payload.toString('hex', 8, 8 + payload.readUInt32BE(4)))
    const before_ = service.heard.length
    await client.visit(one.port)
    const [get, remove] = service.heard.slice(before_)
    assert.deepEqual([get?.operation, remove?.operation], [Operation.get, Operation.remove])
    assert.ok(ids.includes(get?.payload.toString('hex') ?? ''))
    assert.deepEqual(remove?.payload, get?.payload)
  })
})

describe('without the session service', () => {
  for (const version of versions) {
    test(`handshakes are full, and none fails: ${version}`, async () => {
      const service = await scriptedSessions({ isStarted: false })
      const one = await start(service.address)
      const client = new NodeClient<AttachedAnswer>(version)
      for (let i = 0; i < 5; i++) {
        const visit = await client.visit(one.port)
        assert.equal(visit.isReused, false)
        assert.ok(visit.answer !== undefined)
      }
    })

    test(`that says nothing, handshakes wait no longer than told: ${version}`, async () => {
      const service = await scriptedSessions()
      const one = await start(service.address, { waitMs: 20 })
      const client = new NodeClient<AttachedAnswer>(version)
      for (let i = 0; i < 3; i++) assert.equal((await client.visit(one.port)).isReused, false)
      const last = await client.visit(one.port)
      assert.ok((last.answer?.counters.failed ?? 0) >= 4)
      assert.ok(service.heard.length > 0)
    })

    test(`that answers nonsense, handshakes are full: ${version}`, async () => {
      const service = await scriptedSessions()
      const nonsense = Buffer.from('no session')
      service.onRequest = (heard) => heard.reply(heard.operation === Operation.get ? nonsense : 0)
      const one = await start(service.address)
      const client = new NodeClient<AttachedAnswer>(version)
      await client.visit(one.port)
      const again = await client.visit(one.port)
      assert.equal(again.isReused, false)
      assert.ok(again.answer !== undefined)
    })

    test(`that gives another session than was asked for, handshakes are full: ${version}`, async () => {
      const service = await scriptedSessions()
      let last: Buffer = Buffer.alloc(0)
      service.onRequest = (heard) => {
        const { operation, payload } = heard
        if (operation === Operation.add) last = payload.subarray(8 + payload.readUInt32BE(4))
        heard.reply(operation === Operation.get ? last : 0)
      }
      const one = await start(service.address)
      const [client, other] = [new NodeClient<AttachedAnswer>(version), new NodeClient<AttachedAnswer>(version)]
      await client.visit(one.port)
      await other.visit(one.port)
      const again = await client.visit(one.port)
      assert.equal(again.isReused, false)
      assert.ok(again.answer !== undefined)
    })

    test(`that dies and comes back, sessions are resumed again: ${version}`, async () => {
      const service = await scriptedSessions()
      const stored = new Map<string, Buffer>()
      service.onRequest = (heard) => {
        const isAdd = heard.operation === Operation.add
        const idBytes = isAdd ? heard.payload.readUInt32BE(4) : 0
        const id = (isAdd ? heard.payload.subarray(8, 8 + idBytes) : heard.payload).toString('hex')
        const found = stored.get(id)
        if (isAdd) stored.set(id, heard.payload.subarray(8 + idBytes))
        if (heard.operation === Operation.remove) stored.delete(id)
        if (heard.operation === Operation.get) heard.reply(found ?? 1)
        else heard.reply(isAdd || found !== undefined ? 0 : 1)
      }
      const one = await start(service.address)
      const client = new NodeClient<AttachedAnswer>(version)
      await client.visit(one.port)
      assert.equal((await client.visit(one.port)).isReused, true)
      await service.stop()
      assert.equal((await client.visit(one.port)).isReused, false)
      await service.start()
      await waitFor('a resumption', async () => (await client.visit(one.port)).isReused)
    })
  }
})

describe('in this process', () => {
  async function attached() {
    const { certificate, key } = issued
    const pems = { cert: readFileSync(certificate), key: readFileSync(key) }
    const options = { ...pems, secureOptions: NO_TICKET, sessionIdContext: 'here' }
    const server = createServer(options, (_, response) => response.end('hello'))
    const cache = attachSessionCache(server, { connect: await startService(), waitMs: PATIENT_MS })
    onTestEnd(() => {
      server.closeAllConnections()
      server.close()
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return { server, cache, port: (server.address() as { port: number }).port }
  }

  test('a hello that comes byte by byte is served', async () => {
    const { port } = await attached()
    const hello = await nodeHello({})
    const socket = connect(port, '127.0.0.1')
    onTestEnd(() => {
      socket.destroy()
    })
    socket.setNoDelay(true)
    let got = Buffer.alloc(0)
    socket.on('data', (bytes: Buffer) => {
      got = Buffer.concat([got, bytes])
    })
    for (const byte of hello) {
      socket.write(Buffer.from([byte]))
      await new Promise(setImmediate)
    }
    await waitFor('the answer of TLS', () => got.length > 5)
    assert.equal(got[0], 22)
  })

  test('what is no hello is TLS’s to refuse, and clients that leave early are forgotten', async () => {
    const { server, port } = await attached()
    const errors: string[] = []
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''))
    const plain = connect(port, '127.0.0.1')
    plain.on('error', () => {})
    plain.end('GET / HTTP/1.1\r\n\r\n')
    await waitFor('the refusal', () => errors.includes('ERR_SSL_HTTP_REQUEST'))
    for (const bytes of ['', '\x16\x03']) {
      const early = connect(port, '127.0.0.1')
      early.end(Buffer.from(bytes, 'latin1'))
      early.resume()
      await once(early, 'close')
    }
    const reset = connect(port, '127.0.0.1')
    await once(reset, 'connect')
    reset.write(Buffer.from('\x16\x03\x01', 'latin1'))
    reset.resetAndDestroy()
    assert.ok((await new NodeClient(versions[1]!).visit(port)).protocol === 'TLSv1.3')
  })

  test('detached, the server goes on without sessions', async () => {
    const { cache, port } = await attached()
    const client = new NodeClient('TLSv1.3')
    await client.visit(port)
    assert.equal((await client.visit(port)).isReused, true)
    cache.detach()
    assert.equal((await client.visit(port)).isReused, false)
  })

  test('a server with tickets, and an address that is none, are refused', () => {
    const connect_ = 'UNIX:/nowhere'
    assert.throws(() => attachSessionCache(createTlsServer({}), { connect: connect_ }), /SSL_OP_NO_TICKET/)
    const server = createTlsServer({ secureOptions: NO_TICKET, sessionIdContext: 'x' })
    assert.throws(() => attachSessionCache(server, { connect: 'localhost' }), TypeError)
  })

  test('a context that only this command line has is warned of', async () => {
    const warned = once(process, 'warning')
    const server = createTlsServer({ secureOptions: NO_TICKET })
    attachSessionCache(server, { connect: 'UNIX:/nowhere' }).detach()
    const [warning] = await warned
    assert.match(String(warning), /sessionIdContext/)
  })
})
