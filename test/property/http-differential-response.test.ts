/**
 * The same as http-differential-request.test.ts for responses: what Node's http client refuses, we refuse, and bodies that
 * both take for complete are the same.
 *
 * Differences accepted, with the reason:
 * - 101: Node hands the connection over or closes it; the comparison ends there.
 */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BodyReader } from '../../src/http/body-reader.ts'
import { parseResponseHead, ResponseHead } from '../../src/http/response-head.ts'
import { mutated, responseText } from './http-messages.ts'

const FUZZ_MS = 3000
const limits = { headBytes: 16384, targetBytes: 8192, fields: 100 }

interface Reading {
  status: number
  body: string
  isComplete: boolean
  error: string
}

describe('beside the parser of Node', () => {
  it('no response it refuses is accepted, and complete bodies are the same', async (t) => {
    const seed = Math.trunc(Math.random() * 2 ** 31)
    t.diagnostic(`seed ${seed}`)
    const counts = { runs: 0, complete: 0 }
    await fc.assert(
      fc.asyncProperty(mutated(responseText), async (bytes) => {
        counts.runs++
        const ours = readFinal(bytes)
        if (ours === undefined) return
        counts.complete++
        const theirs = await readWithNode(bytes)
        assert.deepEqual(theirs, ours)
      }),
      { seed, numRuns: 1_000_000, interruptAfterTimeLimit: FUZZ_MS, markInterruptAsFailure: false },
    )
    t.diagnostic(`${counts.runs} responses, ${counts.complete} complete and compared`)
    assert.ok(counts.complete > 100)
  })
})

/** The first final response at the front of `bytes`, behind which the backend closes; undefined unless it is complete. */
function readFinal(bytes: Buffer): Reading | undefined {
  const head = new ResponseHead()
  let position = 0
  do {
    const result = parseResponseHead(head, bytes, position, bytes.length, limits, 'GET')
    if (result <= 0 || head.status === 101) return undefined
    position += result
  } while (head.status < 200)
  const reader = new BodyReader()
  reader.reset(head.bodyKind, head.contentLength)
  let body = ''
  let step = reader.next(bytes, position, bytes.length)
  for (; step === 'data'; step = reader.next(bytes, reader.position, bytes.length)) {
    body += bytes.toString('latin1', reader.dataStart, reader.dataEnd)
  }
  if (step === 'more') step = reader.finish()
  return step === 'end' ? { status: head.status, body, isComplete: true, error: '' } : undefined
}

/** The same as Node reads it. */
function readWithNode(bytes: Buffer): Promise<Reading> {
  const reading: Reading = { status: 0, body: '', isComplete: false, error: '' }
  const socket = new Duplex({
    read() {},
    write(_chunk, _encoding, callback) {
      callback()
    },
  })
  return new Promise((resolve) => {
    const client = request({ createConnection: () => socket })
    client.on('response', (response) => {
      reading.status = response.statusCode!
      response.setEncoding('latin1')
      response.on('data', (text: string) => {
        reading.body += text
      })
      response.on('error', () => {})
      response.on('close', () => {
        reading.isComplete = response.complete
        resolve(reading)
      })
    })
    client.on('error', (error: NodeJS.ErrnoException) => {
      if (reading.status !== 0) return
      reading.error = error.code ?? error.message
      resolve(reading)
    })
    client.end()
    socket.push(bytes)
    socket.push(null)
  })
}
