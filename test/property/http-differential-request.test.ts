/**
 * A bounded fuzz against Node's own HTTP parser (llhttp, strict): what it refuses, we refuse, and what both accept ends at
 * the same byte. The other way round we may be stricter, and are.
 *
 * Messages go into an http.Server through a stream in memory. Behind each stands a second request as a sentinel: whoever
 * frames the first one differently does not find it.
 *
 * Differences accepted, with the reason:
 * - Methods that llhttp does not list: any token is a method (RFC 9110 §9.1). The comparison ends there.
 * - Upgrade in HTTP/1.0, which llhttp obeys and a server must ignore (RFC 9110 §7.8). The comparison ends behind it.
 */
import assert from 'node:assert/strict'
import { createServer, METHODS } from 'node:http'
import { Duplex } from 'node:stream'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { B } from '../../src/http/body-kind.ts'
import { BodyReader } from '../../src/http/body-reader.ts'
import { F } from '../../src/http/fields.ts'
import { parseRequestHead, RequestHead } from '../../src/http/request-head.ts'
import { mutated, requestText } from './http-messages.ts'

const FUZZ_MS = 4000
const SENTINEL = 'GET /sentinel HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n'
const limits = { headBytes: 16384, targetBytes: 8192, fields: 100 }

interface Message {
  readonly method: string
  readonly target: string
  body: string
  isComplete: boolean
  /** A message of HTTP/1.0 with Upgrade. */
  readonly isOldUpgrade: boolean
}

interface Reading {
  readonly messages: Message[]
  /** The code of an error, or ''. */
  error: string
}

const readings = new WeakMap<object, Reading>()
const server = createServer((request, response) => {
  const message = { method: request.method!, target: request.url!, body: '', isComplete: false, isOldUpgrade: false }
  readings.get(request.socket)!.messages.push(message)
  request.setEncoding('latin1')
  request.on('data', (text: string) => {
    message.body += text
  })
  request.on('end', () => {
    message.isComplete = true
  })
  request.on('error', () => {})
  response.end()
})
server.on('checkContinue', (request, response) => server.emit('request', request, response))
server.on('checkExpectation', (request, response) => server.emit('request', request, response))
server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
  readings.get(socket)!.error = error.code ?? error.message
  socket.destroy()
})

describe('beside the parser of Node', () => {
  after(() => server.close())

  it('nothing it refuses is accepted, and every message ends at the same byte', async (t) => {
    const seed = Math.trunc(Math.random() * 2 ** 31)
    t.diagnostic(`seed ${seed}`)
    const counts = { runs: 0, accepted: 0 }
    await fc.assert(
      fc.asyncProperty(mutated(requestText), async (bytes) => {
        const input = Buffer.concat([bytes, Buffer.from(SENTINEL)])
        const ours = readAll(input)
        counts.runs++
        if (ours.messages.length === 0) return
        counts.accepted++
        const theirs = await readWithNode(input)
        compare(ours, theirs)
      }),
      { seed, numRuns: 1_000_000, interruptAfterTimeLimit: FUZZ_MS, markInterruptAsFailure: false },
    )
    t.diagnostic(`${counts.runs} messages, ${counts.accepted} accepted and compared`)
    assert.ok(counts.accepted > 100)
  })
})

function compare(ours: Reading, theirs: Reading): void {
  const known = ours.messages.findIndex((message) => !METHODS.includes(message.method))
  const comparable = known === -1 ? ours.messages : ours.messages.slice(0, known)
  const upgrade = comparable.findIndex((message) => message.isOldUpgrade)
  const messages = upgrade === -1 ? comparable : comparable.slice(0, upgrade + 1)
  messages.forEach((message, i) => {
    const other = theirs.messages[i]
    assert.ok(other !== undefined, `message ${i} accepted, Node says ${theirs.error || 'nothing'}`)
    assert.equal(other.method, message.method)
    assert.equal(other.target, message.target)
    assert.equal(other.body, message.body)
    assert.ok(other.isComplete || !message.isComplete, `message ${i} is complete, Node says ${theirs.error}`)
  })
}

/** All messages at the front of `bytes` as the proxy would read them: up to an error, a close, an upgrade or the end. */
function readAll(bytes: Buffer): Reading {
  const reading: Reading = { messages: [], error: '' }
  const head = new RequestHead()
  const reader = new BodyReader()
  let position = 0
  for (;;) {
    const result = parseRequestHead(head, bytes, position, bytes.length, limits)
    if (result <= 0) return reading
    position += result
    const isOldUpgrade = head.minor === 0 && head.has(F.upgrade)
    const message: Message = { method: head.method, target: head.target, body: '', isComplete: false, isOldUpgrade }
    reader.reset(head.bodyKind, head.contentLength)
    let step = reader.next(bytes, position, bytes.length)
    for (; step === 'data'; step = reader.next(bytes, reader.position, bytes.length)) {
      message.body += bytes.toString('latin1', reader.dataStart, reader.dataEnd)
    }
    position = reader.position
    message.isComplete = step === 'end'
    // A body that proves wrong behind its head is refused as a whole here; the next head would never be read.
    if (step !== 'error') reading.messages.push(message)
    if (step !== 'end' || !head.keepAlive || head.upgrade) return reading
    assert.notEqual(head.bodyKind, B.untilClose)
  }
}

/** The same as Node reads it. */
function readWithNode(bytes: Buffer): Promise<Reading> {
  const reading: Reading = { messages: [], error: '' }
  const socket = new Duplex({
    read() {},
    write(_chunk, _encoding, callback) {
      callback()
    },
  })
  readings.set(socket, reading)
  server.emit('connection', socket)
  return new Promise((resolve) => {
    socket.on('error', () => {})
    socket.on('close', () => resolve(reading))
    socket.push(bytes)
    socket.push(null)
  })
}
