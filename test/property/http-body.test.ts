/** Properties of the body reader: total, indifferent to splits, the inverse of the chunk encoder. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { B } from '../../src/http/body-kind.ts'
import { BodyReader } from '../../src/http/body-reader.ts'
import { chunkPrefix, chunkSuffix, lastChunk } from '../../src/http/chunk-encoder.ts'
import { chunkedBody, mutated } from './http-messages.ts'

interface Outcome {
  readonly step: string
  readonly error: string
  readonly payload: string
  readonly trailers: string | undefined
  /** Bytes of the input behind the body; only after 'end'. */
  readonly rest: number
}

const NUM_RUNS = 4000

describe('body reader', () => {
  it('gives the same for any bytes, cut anywhere', () => {
    fc.assert(
      fc.property(mutated(chunkedBody), fc.array(fc.nat(), { maxLength: 6 }), (bytes, positions) => {
        const cuts = positions.map((position) => position % (bytes.length + 1)).sort((a, b) => a - b)
        assert.deepEqual(readBody(B.chunked, -1, bytes, cuts), readBody(B.chunked, -1, bytes, []))
      }),
      { numRuns: NUM_RUNS },
    )
  })

  it('never throws, and never goes on behind an error or the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...Object.values(B)), (bytes, kind) => {
        const reader = new BodyReader()
        reader.reset(kind, kind === B.sized ? 20 : -1)
        let step = reader.next(bytes, 0, bytes.length)
        while (step === 'data') step = reader.next(bytes, reader.position, bytes.length)
        if (step !== 'more') assert.equal(reader.next(bytes, 0, bytes.length), step)
      }),
      { numRuns: NUM_RUNS },
    )
  })

  it('reads what the chunk encoder wrote', () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 })
    fc.assert(
      fc.property(pieces, fc.boolean(), fc.nat(), (payloads, hasTrailers, position) => {
        const trailers = hasTrailers ? 'X-Sum: 1\r\n' : undefined
        const written = payloads.map((payload) => chunkPrefix(payload.length) + latin1(payload) + chunkSuffix)
        const bytes = Buffer.from(`${written.join('')}${lastChunk(trailers)}NEXT`, 'latin1')
        assert.deepEqual(readBody(B.chunked, -1, bytes, [position % bytes.length]), {
          step: 'end',
          error: '',
          payload: payloads.map(latin1).join(''),
          trailers,
          rest: 4,
        })
      }),
    )
  })
})

function readBody(kind: number, contentLength: number, bytes: Buffer, cuts: readonly number[]): Outcome {
  const reader = new BodyReader()
  reader.reset(kind, contentLength)
  let payload = ''
  let position = 0
  let step = 'more'
  for (const end of [...cuts, bytes.length]) {
    if (end < position) continue
    for (step = 'data'; step === 'data'; ) {
      step = reader.next(bytes, position, end)
      position = reader.position
      if (step === 'data') payload += bytes.toString('latin1', reader.dataStart, reader.dataEnd)
    }
    if (step !== 'more') break
  }
  const rest = step === 'end' ? bytes.length - position : 0
  return { step, error: reader.error, payload, trailers: reader.trailers, rest }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
