import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { Output } from '../../../src/net/output.ts'
import { connectClient, type ScriptedClient } from '../../support/scripted-client.ts'
import { startConnectionOrigin } from '../../support/scripted-origin.ts'
import { waitFor } from '../../support/wait.ts'

const KIB = 1024
/** More than the buffers of a socket pair of this machine hold. */
const BACKLOG_BYTES = 32 * KIB * KIB

interface Pair {
  readonly output: Output
  readonly socket: Socket
  readonly reader: ScriptedClient
}

async function pair(output = new Output(assert.ifError)): Promise<Pair> {
  const accepted: Socket[] = []
  const server = await startConnectionOrigin(async (peer) => {
    accepted.push(peer.socket)
  })
  const reader = await connectClient(server.port)
  await waitFor('the accept', () => accepted.length === 1)
  return { output, socket: accepted[0]!, reader }
}

/** The reader takes nothing, and the kernel no more: every further write waits in the process. */
async function blockedPair(output = new Output(assert.ifError)): Promise<Pair> {
  const made = await pair(output)
  made.reader.pause()
  made.socket.write(Buffer.alloc(BACKLOG_BYTES))
  assert.notEqual(made.socket.writableLength, 0)
  return made
}

async function skipBacklog({ reader }: Pair): Promise<void> {
  reader.resume()
  await reader.skip(BACKLOG_BYTES)
}

describe('what is written arrives as it was, in order', () => {
  for (const size of [0, 1, 1 * KIB, 5 * KIB, 100 * KIB]) {
    it(`head and a body of ${size} bytes`, async () => {
      const { output, socket, reader } = await pair()
      const body = Buffer.alloc(size, 'b')
      output.writeHeadAndBody(socket, 'h\xe9ad', body)
      output.writeHeadAndBody(socket, 'next', body)
      await reader.expect(`h\xe9ad${body}next${body}`)
    })
  }

  it('a head that is longer than the scratch buffer', async () => {
    const { output, socket, reader } = await pair()
    const head = 'h'.repeat(40 * KIB)
    output.writeHeadAndBody(socket, head, Buffer.from('body'))
    await reader.expect(`${head}body`)
  })

  it('a body in pieces, and chunks', async () => {
    const { output, socket, reader } = await pair()
    output.writeHeadAndPieces(socket, 'head', [Buffer.from('one'), Buffer.from('two')])
    output.writeChunk(socket, '3\r\n', Buffer.from('abc'))
    output.writeText(socket, '0\r\n\r\n')
    await reader.expect('headonetwo3\r\nabc\r\n0\r\n\r\n')
  })
})

describe('bytes that wait for a slow reader never change', () => {
  it('though heads and small bodies go through one scratch buffer', async () => {
    const output = new Output(assert.ifError)
    const slow = await blockedPair(output)
    const fast = await pair(output)
    let expected = ''
    for (let i = 0; i < 50; i++) {
      const text = String.fromCharCode(97 + (i % 26)).repeat(1000)
      expected += text + text
      output.writeHeadAndBody(slow.socket, text, Buffer.from(text))
      output.writeHeadAndPieces(fast.socket, '#'.repeat(1000), [Buffer.from('#')])
    }
    await skipBacklog(slow)
    await slow.reader.expect(expected)
  })

  it('though the caller overwrites what it asked to copy', async () => {
    const output = new Output(assert.ifError)
    const slow = await blockedPair(output)
    const read = Buffer.alloc(64 * KIB)
    let expected = ''
    for (let i = 0; i < 50; i++) {
      const length = i % 2 === 0 ? 64 * KIB : 100
      read.fill(97 + (i % 26))
      expected += read.toString('latin1', 0, length)
      if (i % 3 === 0) {
        output.writeChunkCopy(slow.socket, '>', read, 0, length)
        expected = `${expected.slice(0, -length)}>${expected.slice(-length)}\r\n`
      } else {
        output.writeCopy(slow.socket, read, 0, length)
      }
      read.fill('#')
    }
    await skipBacklog(slow)
    await slow.reader.expect(expected)
  })
})

describe('whenFlushed', () => {
  it('calls back at once behind what the kernel took, and not before what waits', async () => {
    const slow = await blockedPair()
    let isFlushed = false
    slow.output.whenFlushed(slow.socket, () => {
      isFlushed = true
    })
    await slow.reader.expectQuiet(20)
    assert.equal(isFlushed, false)
    await skipBacklog(slow)
    await waitFor('the flush', () => isFlushed)
    assert.equal(slow.socket.writableLength, 0)
  })

  it('calls back when the socket is destroyed instead', async () => {
    const slow = await blockedPair()
    slow.socket.on('error', () => {})
    let isFlushed = false
    slow.output.whenFlushed(slow.socket, () => {
      isFlushed = true
    })
    slow.socket.destroy()
    await waitFor('the callback', () => isFlushed)
  })
})

it('a callback that throws costs its socket alone', async () => {
  const faults: unknown[] = []
  const { output, socket } = await pair(new Output((error) => faults.push(error)))
  output.whenFlushed(socket, () => {
    throw new Error('of ours')
  })
  await waitFor('the fault', () => faults.length === 1)
  assert.equal(socket.destroyed, true)
})
