import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { ClientOutput } from '../../../src/memcached-proxy/client-output.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { connectSocket, Wire } from '../../support/wire.ts'

/** Both ends of a connection: a socket to write to, and what reads it. */
async function connected(): Promise<{ socket: Socket; peer: Wire }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const peer = new Wire(await connectSocket({ port: (server.address() as { port: number }).port, host: '127.0.0.1' }))
  const socket = await accepted
  onTestEnd(() => {
    socket.destroy()
    peer.socket.destroy()
    server.close()
  })
  return { socket, peer }
}

const bytesOf = (text: string) => Buffer.from(text)

test('what is appended leaves in one write, and then the output is empty', async (t) => {
  const { socket, peer } = await connected()
  const { mock } = t.mock.method(socket, 'write')
  const output = new ClientOutput()
  output.copy(bytesOf('..one..'), 2, 5)
  output.copy(bytesOf('two'), 0, 3)
  assert.equal(output.length, 6)
  output.write(socket)
  assert.equal(output.length, 0)
  output.write(socket)
  await peer.expect('onetwo')
  assert.equal(mock.callCount(), 1)
})

test('pieces by reference keep their place between copies', async () => {
  const { socket, peer } = await connected()
  const output = new ClientOutput()
  const large = Buffer.alloc(100_000, 'L')
  output.copy(bytesOf('<'), 0, 1)
  output.attach(large, 10, 99_990)
  output.copy(bytesOf('>'), 0, 1)
  output.attach(large, 0, 20_000)
  assert.equal(output.length, 119_982)
  output.write(socket)
  await peer.expect(`<${'L'.repeat(99_980)}>${'L'.repeat(20_000)}`)
})

test('more than the scratch buffer holds is written whole', async () => {
  const { socket, peer } = await connected()
  const output = new ClientOutput()
  const some = Buffer.from('0123456789'.repeat(3000))
  for (let i = 0; i < 10; i++) output.copy(some, 0, some.length)
  const huge = Buffer.alloc(200_000, 'H')
  output.copy(huge, 0, huge.length)
  output.copy(some, 0, 5)
  output.write(socket)
  await peer.expect(`${some.toString().repeat(10)}${'H'.repeat(200_000)}01234`)
})

test('bytes that the kernel has not taken yet are not overwritten by what is written to others', async () => {
  const [slow, quick] = [await connected(), await connected()]
  const output = new ClientOutput()
  slow.peer.pause()
  const expected: string[] = []
  // Until the kernel takes no more, and then some more while the socket is behind.
  for (let i = 0; slow.socket.writableLength === 0 || i % 50 !== 0; i++) {
    const text = `${i}:`.repeat(10_000)
    output.copy(bytesOf(text), 0, text.length)
    output.write(slow.socket)
    expected.push(text)
    output.copy(Buffer.alloc(60_000, 'q'), 0, 60_000)
    output.write(quick.socket)
  }
  slow.peer.resume()
  for (const text of expected) await slow.peer.expect(text)
})
