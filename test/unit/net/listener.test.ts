import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { addressText, Listener, openSocket } from '../../../src/net/listener.ts'
import type { ListenAddress } from '../../../src/plan/plan.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { connectClient } from '../../support/scripted-client.ts'
import { startOrigin } from '../../support/scripted-origin.ts'
import { tempDir } from '../../support/temp.ts'
import { waitFor } from '../../support/wait.ts'
import { tcp } from './recorders.ts'

/** A listener, its connections, and what they read. */
class Accepting {
  readonly buffer = Buffer.alloc(1024)
  readonly sockets: Socket[] = []
  readonly read: string[] = []
  readOn = true
  listener!: Listener

  static async open(address: ListenAddress): Promise<Accepting> {
    const accepting = new Accepting()
    const attach = (socket: Socket) => {
      accepting.sockets.push(socket)
      return { onBytes: (bytes: Buffer, length: number) => accepting.#onBytes(bytes, length) }
    }
    accepting.listener = await Listener.open(address, (handle) => openSocket(handle, accepting.buffer, attach))
    onTestEnd(() => {
      accepting.listener.close()
      for (const socket of accepting.sockets) socket.destroy()
    })
    return accepting
  }

  #onBytes(bytes: Buffer, length: number): boolean {
    assert.equal(bytes, this.buffer)
    this.read.push(bytes.toString('latin1', 0, length))
    return this.readOn
  }
}

describe('Listener', () => {
  it('reads all its connections into the one buffer it was given', async () => {
    const accepting = await Accepting.open(tcp(0))
    const first = await connectClient(accepting.listener.port)
    const second = await connectClient(accepting.listener.port)
    await waitFor('two connections', () => accepting.sockets.length === 2)
    first.send('one')
    await waitFor('the first bytes', () => accepting.read.length === 1)
    second.send('two')
    await waitFor('the second bytes', () => accepting.read.length === 2)
    assert.deepEqual(accepting.read, ['one', 'two'])
  })

  it('stops reading when the reader says so, until resume', async () => {
    const accepting = await Accepting.open(tcp(0))
    accepting.readOn = false
    const client = await connectClient(accepting.listener.port)
    client.send('one')
    await waitFor('the first bytes', () => accepting.read.length === 1)
    client.send('two')
    await client.expectQuiet(50)
    assert.deepEqual(accepting.read, ['one'])
    accepting.sockets[0]!.resume()
    await waitFor('the second bytes', () => accepting.read.length === 2)
  })

  it('still answers a client that has shut its sending side', async () => {
    const accepting = await Accepting.open(tcp(0))
    const client = await connectClient(accepting.listener.port)
    client.end()
    await waitFor('the connection', () => accepting.sockets.length === 1)
    accepting.sockets[0]!.write('answer')
    await client.expect('answer')
  })

  it('shares its port with the listeners of other workers', async () => {
    const accepting = await Accepting.open(tcp(0))
    const other = await Accepting.open(tcp(accepting.listener.port))
    assert.equal(other.listener.port, accepting.listener.port)
  })

  it('rejects with the code of the system: a port in use, an address of another machine', async () => {
    const origin = await startOrigin(() => '')
    await assert.rejects(Accepting.open(tcp(origin.port)), { code: 'EADDRINUSE' })
    await assert.rejects(Accepting.open({ kind: 'tcp', host: '192.0.2.1', port: 0 }), { code: 'EADDRNOTAVAIL' })
  })

  it('gives a unix socket its mode, and takes it away at the end', async () => {
    const path = join(tempDir(), 'web.sock')
    const accepting = await Accepting.open({ kind: 'unix', path, mode: 0o660 })
    assert.equal(statSync(path).mode & 0o777, 0o660)
    await connectClient({ path })
    await waitFor('the connection', () => accepting.sockets.length === 1)
    accepting.listener.close()
    assert.throws(() => statSync(path), { code: 'ENOENT' })
  })

  it('leaves open connections open when it closes', async () => {
    const accepting = await Accepting.open(tcp(0))
    const { port } = accepting.listener
    const client = await connectClient(port)
    await waitFor('the connection', () => accepting.sockets.length === 1)
    accepting.listener.close()
    await assert.rejects(connectClient(port), { code: 'ECONNREFUSED' })
    client.send('still here')
    await waitFor('the bytes', () => accepting.read.length === 1)
  })
})

describe('addressText', () => {
  const texts: readonly (readonly [ListenAddress, string])[] = [
    [{ kind: 'tcp', host: '127.0.0.1', port: 80 }, '127.0.0.1:80'],
    [{ kind: 'tcp', host: '::1', port: 80 }, '[::1]:80'],
    [{ kind: 'tcp', host: '*', port: 8080 }, '*:8080'],
    [{ kind: 'unix', path: '/run/x.sock', mode: 0o660 }, 'unix:/run/x.sock'],
  ]
  for (const [address, text] of texts) it(`writes ${text}`, () => assert.equal(addressText(address), text))
})
