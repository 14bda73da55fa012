import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { SessionStore } from '../../../src/distcache/session-store.ts'
import { makeAuthority } from '../../support/certificates.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import {
  assertSameBytes,
  connectWire,
  requestBytes,
  responseBytes,
  startDistcacheServer,
} from '../../support/distcache.ts'
import { id32, rampBytes } from '../../support/distcache-vectors.ts'
import { runProgram } from '../../support/process.ts'
import { waitFor } from '../../support/wait.ts'
import { Wire } from '../../support/wire.ts'

const ca = makeAuthority()
const own = ca.issue({ names: ['localhost'] })
const client = ca.issue({ names: ['agent'], usage: 'clientAuth' })
const read = (path: string) => readFileSync(path)
const absent = responseBytes(1, 3, Buffer.from([1]))

async function startWithTls(options = {}) {
  const sessions = new SessionStore(64)
  const bytes = Buffer.concat([id32, rampBytes(32_000)])
  sessions.add(0, 1_000_000, bytes, 0, 32, bytes.length)
  const tls = { cert: read(own.chain), key: read(own.key), ca: read(ca.certificate), requestCert: true, ...options }
  const started = await startDistcacheServer({ tls, maxConnections: 20, sessions, now: () => 1 })
  const port = started.server.port
  const open = (): Wire => {
    const material = { cert: read(client.chain), key: read(client.key), ca: read(ca.certificate) }
    // Half-open is an option of sockets that the type of TLS options leaves out.
    const where = { port, host: '127.0.0.1', servername: 'localhost', allowHalfOpen: true }
    const socket = connectTls({ ...where, ...material })
    onTestEnd(() => {
      socket.destroy()
    })
    return new Wire(socket)
  }
  return { ...started, open }
}

test('connections over TLS are counted, served, and gone when either side ends them', async () => {
  const { server, open } = await startWithTls()
  const wires = Array.from({ length: 5 }, open)
  for (const wire of wires) wire.send(requestBytes(1, 3, Buffer.from('none')))
  for (const wire of wires) assertSameBytes(await wire.read(15), absent)
  assert.equal(server.connections, 5)
  wires[0]!.end()
  wires[1]!.socket.destroy()
  await waitFor('three', () => server.connections === 3)
  server.close()
  for (const wire of wires.slice(2)) await wire.expectClose()
  await waitFor('none', () => server.connections === 0)
})

test('large answers over TLS are whole, and a client that does not read is not read', async () => {
  const { server, open } = await startWithTls()
  const wire = open()
  const response = responseBytes(1, 1, rampBytes(32_000))
  wire.send(requestBytes(1, 1, id32))
  assertSameBytes(await wire.read(response.length), response)
  wire.pause()
  const count = 5000
  wire.socket.write(Buffer.concat(Array.from({ length: count }, () => requestBytes(1, 1, id32))))
  let before = -1
  await waitFor('a server that has stopped', () => {
    const hasStopped = server.operations === before
    before = server.operations
    return hasStopped && before > 1
  })
  assert.ok(server.operations < 1000, `${server.operations} answered`)
  wire.resume()
  await wire.skip(count * response.length)
  assert.equal(server.operations, count + 1)
})

test('handshakes that stall are cut, and count until then', async () => {
  const { server, target, open } = await startWithTls({ handshakeTimeout: 200 })
  const stalled = await Promise.all(Array.from({ length: 20 }, () => connectWire(target)))
  await waitFor('all of them', () => server.connections === 20)
  await (await connectWire(target)).expectClose()
  for (const wire of stalled) await wire.expectClose()
  const wire = open()
  wire.send(requestBytes(1, 3, Buffer.from('none')))
  assertSameBytes(await wire.read(15), absent)
})

test('the files that the process may have open bound its connections', async () => {
  const program = `
    import { Acceptor } from './src/distcache/acceptor.ts'
    const acceptor = await Acceptor.open({ kind: 'tcp', host: '127.0.0.1', port: 0, family: 4 }, () => {}, { maxConnections: 5000 })
    console.log(acceptor.maxConnections)
    process.exit()`
  for (const [files, connections] of [
    [300, 236],
    [64, 32],
  ]) {
    const args = [`--nofile=${files}:${files}`, process.execPath, '--input-type=module-typescript', '-e', program]
    const { stdout, stderr } = await runProgram('prlimit', args)
    assert.equal(stdout, `${connections}\n`, stderr)
  }
})
