/** Properties of the head parsers: total, indifferent to splits, and what they accept goes round. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FIELD_IDS } from '../../src/http/fields.ts'
import { headErrors, parseRequestHead, RequestHead } from '../../src/http/request-head.ts'
import { parseResponseHead, ResponseHead } from '../../src/http/response-head.ts'
import { appendForwardableFields } from '../../src/http/serialize.ts'
import { mutated, requestText, responseText } from './http-messages.ts'

const limits = { headBytes: 150, targetBytes: 16, fields: 6 }
const keepAll = new Uint8Array(FIELD_IDS)
const NUM_RUNS = 4000

const request = new RequestHead()
const response = new ResponseHead()
const parsers = [
  {
    name: 'request',
    text: requestText,
    parse: (bytes: Buffer, start: number, end: number, seen?: number) =>
      parseRequestHead(request, bytes, start, end, limits, seen),
  },
  {
    name: 'response',
    text: responseText,
    parse: (bytes: Buffer, start: number, end: number, seen?: number) =>
      parseResponseHead(response, bytes, start, end, limits, 'GET', seen),
  },
]

for (const { name, text, parse } of parsers) {
  describe(`${name} head`, () => {
    const bytesOf = fc.oneof({ weight: 9, arbitrary: mutated(text) }, { weight: 1, arbitrary: anyBytes() })

    it('gives a length, 0 or a listed error for any bytes', () => {
      fc.assert(
        fc.property(bytesOf, (bytes) => {
          const result = parse(bytes, 0, bytes.length)
          assert.ok(result <= Math.min(bytes.length, limits.headBytes))
          assert.ok(result >= 0 || headErrors[-result] !== undefined)
        }),
        { numRuns: NUM_RUNS },
      )
    })

    it('is the same wherever the bytes are cut, and whatever stands around them', () => {
      fc.assert(
        fc.property(bytesOf, fc.nat(), (bytes, position) => {
          const whole = parse(bytes, 0, bytes.length)
          const cut = position % (bytes.length + 1)
          const first = parse(bytes, 0, cut)
          assert.ok(first === 0 || first === whole, `${first} for the first ${cut} bytes, ${whole} for all`)
          if (first !== 0) return
          const second = parse(bytes, 0, bytes.length, cut)
          assert.ok(second === whole || (second === 0 && !bytes.subarray(cut).includes(0x0a)))
          const padded = Buffer.concat([Buffer.from('xyz'), bytes, Buffer.from('\r\n\r\n')])
          assert.equal(parse(padded, 3, 3 + bytes.length), whole)
        }),
        { numRuns: NUM_RUNS },
      )
    })
  })
}

describe('an accepted request head', () => {
  it('written from its facts, is read as the same again', () => {
    fc.assert(
      fc.property(mutated(requestText), (bytes) => {
        if (parseRequestHead(request, bytes, 0, bytes.length, limits) <= 0) return
        const first = request.detach()
        const line = `${first.method} ${first.target} HTTP/1.${first.minor}\r\n`
        const written = Buffer.from(`${line}${appendForwardableFields(first, keepAll, undefined)}\r\n`, 'latin1')
        assert.equal(parseRequestHead(request, written, 0, written.length, limits), written.length)
        assert.deepEqual(request.detach(), first)
      }),
      { numRuns: NUM_RUNS },
    )
  })

  it('holds no byte that another parser could take for a line end or a separator', () => {
    fc.assert(
      fc.property(mutated(requestText), (bytes) => {
        if (parseRequestHead(request, bytes, 0, bytes.length, limits) <= 0) return
        assert.match(request.target, /^[!-"$-~]+$/)
        assert.match(request.host, /^(?:[a-z0-9._~-]*|\[[0-9a-f:.]+\])$/)
        for (let i = 0; i < request.count; i++) {
          assert.match(request.name(i), /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/)
          assert.match(request.valueAt(i), /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/)
        }
      }),
      { numRuns: NUM_RUNS },
    )
  })
})

describe('an accepted response head', () => {
  it('written from its facts, is read as the same again', () => {
    fc.assert(
      fc.property(mutated(responseText), (bytes) => {
        if (parseResponseHead(response, bytes, 0, bytes.length, limits, 'GET') <= 0) return
        const first = response.detach()
        const line = `HTTP/1.${first.minor} ${first.status} ${first.reason}\r\n`
        const written = Buffer.from(`${line}${appendForwardableFields(first, keepAll, undefined)}\r\n`, 'latin1')
        const result = parseResponseHead(response, written, 0, written.length, { ...limits, headBytes: 200 }, 'GET')
        assert.equal(result, written.length)
        assert.deepEqual(factsOf(response), factsOf(first))
      }),
      { numRuns: NUM_RUNS },
    )
  })
})

/** Everything but offsets and text, which differ by the space that some status lines lack. */
function factsOf(head: ResponseHead): unknown {
  const { text: _text, spans: _spans, ...facts } = head.detach()
  const fields = Array.from({ length: head.count }, (_, i) => [head.name(i), head.valueAt(i), head.id(i)])
  return { ...facts, fields }
}

function anyBytes(): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
}
