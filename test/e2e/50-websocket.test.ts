/** A WebSocket through the proxy: handshake, frames both ways, early bytes, half close, back-pressure, broken peers. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { statusOf } from '../support/admin.ts'
import { onTestEnd } from '../support/cleanup.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { peakGrowth } from '../support/peak.ts'
import { connectClient, type ScriptedClient } from '../support/scripted-client.ts'
import { waitFor } from '../support/wait.ts'

const MEBIBYTE = 1024 * 1024

test('a WebSocket echoes text, binary, ping and close frames', async () => {
  const shellac = await startBeside(echo)
  const client = await openSocket(shellac)
  client.send(frame(0x1, Buffer.from('hello')))
  assert.deepEqual(await readFrame(client), { opcode: 0x1, payload: Buffer.from('hello') })
  const large = randomBytes(300_000)
  client.send(frame(0x2, large))
  assert.deepEqual(await readFrame(client), { opcode: 0x2, payload: large })
  client.send(frame(0x9, Buffer.from('are you there')))
  assert.deepEqual(await readFrame(client), { opcode: 0x9, payload: Buffer.from('are you there') })
  client.send(frame(0x8, Buffer.from([0x03, 0xe8])))
  assert.equal((await readFrame(client)).opcode, 0x8)
  client.end()
  assert.equal(await client.expectClose(), 'end')
})

test('a frame that comes with the handshake is not lost, on either side', async () => {
  const shellac = await startBeside((socket, head) => {
    socket.write(frame(0x1, Buffer.from('welcome')))
    echo(socket, head)
  })
  const client = await connectClient(shellac.port)
  client.send(Buffer.concat([Buffer.from(handshake('/socket').text, 'latin1'), frame(0x1, Buffer.from('early'))]))
  assert.equal((await client.responseHead()).status, 101)
  assert.equal((await readFrame(client)).payload.toString(), 'welcome')
  assert.equal((await readFrame(client)).payload.toString(), 'early')
})

test('the end of one direction leaves the other open', async () => {
  const shellac = await startBeside((socket) => {
    const received: Buffer[] = []
    socket.on('data', (bytes: Buffer) => received.push(bytes))
    socket.on('end', () => socket.end(`${Buffer.concat(received)} and good night`))
  })
  const client = await openSocket(shellac)
  client.send('good day')
  client.end()
  await client.expect('good day and good night')
  assert.equal(await client.expectClose(), 'end')
})

test('a tunnel whose receiver does not read holds bounded memory, and loses nothing', async () => {
  // More than all sockets on the way can hold: some systems let each grow to 32 MiB.
  const bytes = 256 * MEBIBYTE
  const shellac = await startBeside(echo)
  const client = await openSocket(shellac)
  const growth = await peakGrowth(shellac.pid, async () => {
    client.pause()
    const sent = client.sendAll(Buffer.alloc(bytes, 'shellac '))
    const seen = await settledBytes(client)
    assert.ok(seen < bytes, 'the sender was never held back')
    client.resume()
    await client.skip(bytes)
    await sent
  })
  assert.ok(growth < 32 * MEBIBYTE, `RSS grew by ${growth} bytes`)
})

test('an origin that refuses to switch answers like any other', async () => {
  const server = createServer((_request, response) => response.writeHead(426, { Upgrade: 'websocket' }).end('no'))
  const shellac = await startBesideServer(server)
  const client = await connectClient(shellac.port)
  client.send(handshake('/socket').text)
  const answer = await client.response()
  assert.equal(answer.status, 426)
  assert.equal(answer.body.toString(), 'no')
  assert.equal((await client.get('/again')).status, 426)
})

test('an upgrade that no route allows goes on as a plain request', async () => {
  const shellac = await startBesideServer(createServer((request, response) => response.end(upgradeOf(request))))
  const client = await connectClient(shellac.port)
  client.send(handshake('/plain').text)
  assert.equal((await client.response()).body.toString(), 'none')
})

for (const end of ['resets', 'ends'] as const) {
  test(`a client that stays when the origin ${end} is let go, and nothing counts as in flight`, async () => {
    const sockets: Socket[] = []
    const shellac = await startBeside((socket) => sockets.push(socket))
    const client = await openSocket(shellac)
    await waitFor('the socket', () => sockets.length === 1)
    const [socket] = sockets
    if (end === 'resets') socket?.resetAndDestroy()
    else socket?.destroy()
    await client.until('the end', () => client.closed !== undefined)
    await waitFor('no connection', async () => (await statusOf(shellac)).connections === 0)
    assert.equal((await statusOf(shellac)).backends[0]?.servers[0]?.inFlight, 0)
  })
}

type Upgraded = (socket: Socket, head: Buffer) => void

function startBeside(upgraded: Upgraded): Promise<Daemon> {
  const server = createServer()
  server.on('upgrade', (request, socket: Socket, head) => {
    const key = String(request.headers['sec-websocket-key'])
    socket.on('error', () => {}) // 'close' follows
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept(key)}\r\n\r\n`,
    )
    onTestEnd(() => void socket.destroy())
    upgraded(socket, head)
  })
  return startBesideServer(server)
}

async function startBesideServer(server: ReturnType<typeof createServer>): Promise<Daemon> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return startShellac({
    config: `shellac 1;
      process { workers 1; drain 100ms; }
      admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; limits { idle-timeout 1s; } }
      backend app { server a 127.0.0.1:${(server.address() as AddressInfo).port}; }
      site * {
        proxy app;
        route socket { path /socket; upgrade websocket; }
        route rest { path /**; }
      }`,
  })
}

/** Frames go back as they came; a server would unmask them, which is not the proxy's business. */
function echo(socket: Socket, head: Buffer): void {
  if (head.length > 0) socket.write(head)
  socket.pipe(socket)
}

/** RFC 6455 §4.1. */
function handshake(path: string): { text: string; key: string } {
  const key = randomBytes(16).toString('base64')
  const text = `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`
  return { text, key }
}

/** RFC 6455 §4.2.2. */
function accept(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

async function openSocket(shellac: Daemon): Promise<ScriptedClient> {
  const client = await connectClient(shellac.port)
  const { text, key } = handshake('/socket')
  client.send(text)
  const head = await client.responseHead()
  assert.equal(head.status, 101)
  assert.equal(head.fields.get('upgrade'), 'websocket')
  assert.equal(head.fields.get('connection')?.toLowerCase(), 'upgrade')
  assert.equal(head.fields.get('sec-websocket-accept'), accept(key))
  return client
}

/** One unfragmented frame as a client sends it, masked with zeros (RFC 6455 §5.2). */
function frame(opcode: number, payload: Buffer): Buffer {
  const length = payload.length
  const head = Buffer.alloc(length < 126 ? 6 : length < 65_536 ? 8 : 14)
  head[0] = 0x80 | opcode
  head[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127)
  if (head.length === 8) head.writeUInt16BE(length, 2)
  if (head.length === 14) head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

async function readFrame(client: ScriptedClient): Promise<{ opcode: number; payload: Buffer }> {
  const start = Buffer.from(await client.read(2))
  const short = start.readUInt8(1) & 0x7f
  const length =
    short === 126
      ? (await client.read(2)).readUInt16BE(0)
      : short === 127
        ? Number((await client.read(8)).readBigUInt64BE(0))
        : short
  await client.read(4)
  return { opcode: start.readUInt8(0) & 0x0f, payload: Buffer.from(await client.read(length)) }
}

/** Bytes the kernel has taken from the client, once it takes no more. */
async function settledBytes(client: ScriptedClient): Promise<number> {
  let before = -1
  return waitFor('the sender to be held back', async () => {
    const now = client.socket.bytesWritten - client.socket.writableLength
    const isSettled = now === before
    before = now
    await new Promise((resolve) => setTimeout(resolve, 200))
    return isSettled && now
  })
}

function upgradeOf(request: IncomingMessage): string {
  return request.headers.upgrade ?? 'none'
}
