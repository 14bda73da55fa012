import assert from 'node:assert/strict'
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { SecureOutput, SecureScratch } from '../../../src/net/secure-output.ts'
import { makeAuthority } from '../../support/certificates.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { waitFor } from '../../support/wait.ts'

describe('SecureOutput', () => {
  it('sends what it is given in order, whoever owns it and however long it is', async () => {
    const { client, output } = await pair()
    const expected: Buffer[] = []
    const received = collect(client)
    const reused = Buffer.alloc(100_000)
    for (let i = 0; i < 300; i++) {
      const body = randomBytes(i % 10 === 0 ? randomInt(100_000) : randomInt(2000))
      switch (i % 4) {
        case 0:
          output.write(`head ${i}`, body)
          expected.push(Buffer.from(`head ${i}`), body)
          break
        case 1:
          body.copy(reused)
          output.writeCopy('', reused, 0, body.length)
          reused.fill(0)
          expected.push(body)
          break
        case 2:
          output.writePieces(`pieces ${i}`, [body, body.subarray(0, 7), Buffer.alloc(0)])
          expected.push(Buffer.from(`pieces ${i}`), body, body.subarray(0, 7))
          break
        default:
          output.writeChunk(`${i}\r\n`, body)
          expected.push(Buffer.from(`${i}\r\n`), body, Buffer.from('\r\n'))
      }
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    output.end()
    assert.equal(digest(await received), digest(Buffer.concat(expected)))
  })

  it('lets many sockets share one scratch buffer', async () => {
    const scratch = new SecureScratch()
    const pairs = await Promise.all(Array.from({ length: 5 }, () => pair(scratch)))
    const received = pairs.map(({ client }) => collect(client))
    const sent = pairs.map(() => '')
    for (let i = 0; i < 200; i++)
      for (const [index, { output }] of pairs.entries()) {
        const text = `${index}`.repeat(randomInt(1, 3000))
        sent[index] += text
        output.writeText(text)
      }
    for (const { output } of pairs) output.end()
    for (const [index, bytes] of received.entries()) assert.equal((await bytes).toString(), sent[index])
  })

  it('borrows large bodies until they are with OpenSSL, a part at a time', async () => {
    const { client, output } = await pair()
    client.pause()
    const body = Buffer.alloc(20_000_000, 'shellac ')
    output.write('head', body)
    assert.ok(output.borrowedBytes > 0 && output.borrowedBytes <= body.length)
    let isFlushed: boolean | undefined
    output.whenFlushed((value) => {
      isFlushed = value
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.ok(output.borrowedBytes > 0, 'all of it was taken although nobody read')
    assert.equal(isFlushed, undefined)
    const received = collect(client)
    await waitFor('the flush', () => isFlushed)
    assert.deepEqual([output.borrowedBytes, output.queuedBytes], [0, 0])
    output.end()
    assert.equal(digest(await received), digest(Buffer.concat([Buffer.from('head'), body])))
  })

  it('tells those who wait that it will never be, when the client goes', async () => {
    const { client, output, server } = await pair()
    client.pause()
    output.write('', Buffer.alloc(20_000_000))
    const told: boolean[] = []
    output.whenFlushed((isFlushed) => told.push(isFlushed))
    client.destroy()
    await waitFor('the end', () => server.destroyed && told.length > 0)
    output.whenFlushed((isFlushed) => told.push(isFlushed))
    await waitFor('the second answer', () => told.length === 2)
    assert.deepEqual(told, [false, false])
  })

  it('closes behind what is written', async () => {
    const { client, output, server } = await pair()
    const received = collect(client)
    const body = Buffer.alloc(5_000_000, 'x')
    output.write('', body)
    output.destroySoon()
    output.writeText('too late')
    assert.equal((await received).length, body.length)
    await waitFor('the end', () => server.destroyed)
  })

  it('closes the socket whose callback throws, and says so', async () => {
    const faults: unknown[] = []
    const { output, server } = await pair(new SecureScratch(), (error) => faults.push(error))
    output.writeText('x')
    output.whenFlushed(() => assert.fail('a fault of ours'))
    await waitFor('the end', () => server.destroyed)
    assert.match(String(faults[0]), /a fault of ours/)
  })
})

interface Pair {
  readonly client: TLSSocket
  readonly server: TLSSocket
  readonly output: SecureOutput
}

async function pair(scratch = new SecureScratch(), onFault: (error: unknown) => void = assert.ifError): Promise<Pair> {
  const { certificate, key } = makeAuthority().issue({ names: ['a'] })
  const listener = createServer({ key: readFileSync(key), cert: readFileSync(certificate) })
  onTestEnd(() => void listener.close())
  const accepted = new Promise<TLSSocket>((resolve) => listener.once('secureConnection', resolve))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const client = connect({ port: (listener.address() as { port: number }).port, rejectUnauthorized: false })
  client.on('error', () => {})
  onTestEnd(() => void client.destroy())
  const server = await accepted
  server.on('error', () => {})
  onTestEnd(() => void server.destroy())
  return { client, server, output: new SecureOutput(server, scratch, onFault) }
}

function collect(client: TLSSocket): Promise<Buffer> {
  const parts: Buffer[] = []
  client.on('data', (bytes: Buffer) => parts.push(bytes))
  client.resume()
  return new Promise((resolve) => client.once('end', () => resolve(Buffer.concat(parts))))
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
