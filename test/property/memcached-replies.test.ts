/** Replies in any fragmentation are the same replies; what is no reply ends the connection, and never the thread. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Code } from '../../src/memcached/reply.ts'
import { Found, ReplyParser } from '../../src/memcached/reply-parser.ts'
import { Expect } from '../../src/memcached/server-request.ts'

const MAX_REPLY_BYTES = 100_000
const READ_BYTES = 4096

interface Sent {
  readonly expect: number
  readonly text: string
  readonly code: number
  readonly line: string
  /** Of VA. */
  readonly data: string
}

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789:{}-_.'
const key = fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 60 })
const number = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)
const flags = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map(String)
/** Data that looks like replies, and data of every length around the size of a read. */
const data = fc.oneof(
  fc.constantFrom('', '\r\n', 'END\r\n', 'HD\r\nVA 3\r\n', '\n', '\r', 'VALUE a 0 1\r\nx\r\nEND\r\n'),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc.integer({ min: 0, max: 3 * READ_BYTES }).map((length) => 'x'.repeat(length)),
)
const errorLine = fc.constantFrom(
  'ERROR',
  'CLIENT_ERROR bad command line format',
  'SERVER_ERROR out of memory storing object',
  'SERVER_ERROR',
)

function oneLine(expect: number, code: number, line: string): Sent {
  return { expect, text: `${line}\r\n`, code, line, data: '' }
}

const returnFlags = fc.array(fc.constantFrom('f5', 'c17', 't-1', 'W', 'Oabc', 'kfoo', 's3'), { maxLength: 4 })
const metaCodes: readonly (readonly [string, number])[] = [
  ['HD', Code.hd],
  ['EN', Code.en],
  ['NF', Code.nf],
  ['NS', Code.ns],
  ['EX', Code.ex],
  ['ME', Code.me],
  ['MN', Code.mn],
]
const meta: fc.Arbitrary<Sent> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...metaCodes), returnFlags)
    .map(([[word, code], more]) => oneLine(Expect.meta, code, [word, ...more].join(' '))),
  fc.tuple(data, returnFlags).map(([value, more]) => {
    const line = [`VA ${value.length}`, ...more].join(' ')
    return { expect: Expect.meta, text: `${line}\r\n${value}\r\n`, code: Code.va, line, data: value }
  }),
  errorLine.map((line) => oneLine(Expect.meta, Code.error, line)),
)

const classicLines: readonly (readonly [string, number])[] = [
  ['STORED', Code.stored],
  ['NOT_STORED', Code.ns],
  ['EXISTS', Code.ex],
  ['NOT_FOUND', Code.nf],
  ['DELETED', Code.deleted],
  ['TOUCHED', Code.touched],
  ['OK', Code.ok],
  ['VERSION 1.6.18', Code.version],
]
const line: fc.Arbitrary<Sent> = fc.oneof(
  fc.constantFrom(...classicLines).map(([text, code]) => oneLine(Expect.line, code, text)),
  fc.tuple(number, fc.constantFrom('', ' ', '   ')).map(([n, pad]) => oneLine(Expect.line, Code.number, n + pad)),
  errorLine.map((text) => oneLine(Expect.line, Code.error, text)),
)

const block = fc.tuple(key, flags, data, fc.option(number, { nil: undefined })).map(([name, flag, value, cas]) => ({
  head: `VALUE ${name} ${flag} ${value.length}${cas === undefined ? '' : ` ${cas}`}`,
  value,
}))
const values: fc.Arbitrary<Sent> = fc.oneof(
  fc.array(block, { maxLength: 5 }).map((blocks) => ({
    expect: Expect.values,
    text: `${blocks.map(({ head, value }) => `${head}\r\n${value}\r\n`).join('')}END\r\n`,
    code: Code.values,
    line: blocks[0]?.head ?? 'END',
    data: '',
  })),
  errorLine.map((text) => oneLine(Expect.values, Code.error, text)),
)
const conversation = fc.array(fc.oneof(meta, line, values), { minLength: 1, maxLength: 20 })
/** How long the reads are, again and again. */
const cuts = fc.array(fc.integer({ min: 1, max: READ_BYTES }), { minLength: 1, maxLength: 8 })

interface Got {
  readonly code: number
  readonly text: string
  readonly line: string
  readonly data: string
}

/** All replies of `bytes`, read in pieces of the given lengths into one buffer, as the connection does; stops at the first bad one. */
function readAll(
  bytes: Buffer,
  lengths: readonly number[],
  expects: readonly number[],
): { got: Got[]; isBad: boolean } {
  const parser = new ReplyParser(MAX_REPLY_BYTES)
  const readBuffer = Buffer.alloc(READ_BYTES)
  const got: Got[] = []
  const owned: { bytes: Buffer; copy: Buffer }[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = Math.min(lengths[turn % lengths.length]!, bytes.length - at)
    readBuffer.fill(0xff)
    bytes.copy(readBuffer, 0, at, at + length)
    at += length
    parser.feed(readBuffer, length)
    for (;;) {
      const expect = expects[got.length]
      if (expect === undefined) return { got, isBad: parser.hasRest }
      const found = parser.next(expect)
      if (found === Found.bad) return { got, isBad: true }
      if (found === Found.more) break
      const { reply } = parser
      got.push({
        code: reply.code,
        text: reply.bytes.toString('latin1', reply.start, reply.end),
        line: reply.bytes.toString('latin1', reply.start, reply.lineEnd),
        data: reply.bytes.toString('latin1', reply.dataStart, reply.dataEnd),
      })
      if (reply.isOwned) owned.push({ bytes: reply.bytes, copy: Buffer.from(reply.bytes) })
    }
    assert.equal(parser.reply.isOwned && parser.reply.bytes === readBuffer, false)
  }
  for (const { bytes: kept, copy } of owned) assert.ok(kept.equals(copy), 'a reply that was its own was overwritten')
  return { got, isBad: false }
}

function expected(sent: readonly Sent[]): Got[] {
  return sent.map(({ code, text, line: first, data: value }) => ({ code, text, line: first, data: value }))
}

test('any sequence of replies, in any fragmentation, gives these replies', () => {
  fc.assert(
    fc.property(conversation, cuts, (sent, lengths) => {
      const bytes = Buffer.from(sent.map(({ text }) => text).join(''), 'latin1')
      const expects = sent.map(({ expect }) => expect)
      assert.deepEqual(readAll(bytes, lengths, expects), { got: expected(sent), isBad: false })
    }),
    { numRuns: 3000 },
  )
})

test('any sequence of replies, byte by byte, gives these replies', () => {
  fc.assert(
    fc.property(conversation, (sent) => {
      const bytes = Buffer.from(sent.map(({ text }) => text).join(''), 'latin1')
      const expects = sent.map(({ expect }) => expect)
      assert.deepEqual(readAll(bytes, [1], expects), { got: expected(sent), isBad: false })
    }),
    { numRuns: 500 },
  )
})

test('a value that is announced larger than may be is bad, whatever has come of it', () => {
  fc.assert(
    fc.property(fc.integer({ min: MAX_REPLY_BYTES, max: 9_999_999_999 }), cuts, (length, lengths) => {
      for (const [expect, head] of [
        [Expect.meta, 'VA'],
        [Expect.values, 'VALUE a 0'],
      ] as const) {
        const bytes = Buffer.from(`${head} ${length}\r\nxxxx`)
        assert.deepEqual(readAll(bytes, lengths, [expect]), { got: [], isBad: true })
      }
    }),
  )
})

/** Bytes nearly like a conversation. */
const garbage = fc
  .tuple(conversation, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }), fc.nat())
  .map(([sent, changes, end]) => {
    const bytes = Buffer.from(sent.map(({ text }) => text).join(''), 'latin1')
    for (const [at, byte] of changes) bytes[at % bytes.length] = byte
    return bytes.subarray(0, 1 + (end % bytes.length))
  })
const anyBytes = fc.oneof(
  garbage,
  fc.uint8Array({ minLength: 1, maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
)

test('bytes of any kind end as replies, as bad, or wait for more; fragmentation changes nothing', () => {
  fc.assert(
    fc.property(
      anyBytes,
      cuts,
      fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 20, maxLength: 20 }),
      (bytes, lengths, expects) => {
        const whole = readAll(bytes, [READ_BYTES], expects)
        const cut = readAll(bytes, lengths, expects)
        assert.deepEqual(cut.got.slice(0, whole.got.length), whole.got.slice(0, cut.got.length))
        if (!whole.isBad && !cut.isBad) assert.equal(cut.got.length, whole.got.length)
      },
    ),
    { numRuns: 3000 },
  )
})

test('a line without end is bad when it is longer than lines may be', () => {
  for (const expect of Object.values(Expect)) {
    assert.equal(readAll(Buffer.alloc(3000, 'x'), [1], [expect]).isBad, true)
    assert.equal(readAll(Buffer.alloc(3000, '1'), [READ_BYTES], [expect]).isBad, true)
  }
})

test('a reply of another kind, or with another line end, is bad', () => {
  const wrong: readonly (readonly [number, string])[] = [
    [Expect.meta, 'STORED\r\n'],
    [Expect.meta, 'HD\n'],
    [Expect.meta, 'HDx\r\n'],
    [Expect.meta, 'hd\r\n'],
    [Expect.meta, '\r\n'],
    [Expect.meta, 'VA\r\n'],
    [Expect.meta, 'VA -1\r\n'],
    [Expect.meta, 'VA 1x\r\nx\r\n'],
    [Expect.meta, 'VA 1\r\nxx\r\n'],
    [Expect.meta, 'VA 1\r\nx\n\n'],
    [Expect.meta, 'ERRORS\r\n'],
    [Expect.meta, 'VALUE a 0 1\r\nx\r\nEND\r\n'],
    [Expect.line, 'HD\r\n'],
    [Expect.line, 'STORED \r\n'],
    [Expect.line, 'STORE\r\n'],
    [Expect.line, '12x\r\n'],
    [Expect.line, ' 12\r\n'],
    [Expect.line, 'VERSION\r\n'],
    [Expect.line, 'END\r\n'],
    [Expect.values, 'STORED\r\n'],
    [Expect.values, 'END \r\n'],
    [Expect.values, 'VALUE a 0\r\n'],
    [Expect.values, 'VALUE  0 1\r\nx\r\nEND\r\n'],
    [Expect.values, 'VALUE a x 1\r\nx\r\nEND\r\n'],
    [Expect.values, 'VALUE a 0 1x\r\nx\r\nEND\r\n'],
    [Expect.values, 'VALUE a 0 1\r\nxEND\r\n'],
    [Expect.values, 'VALUE a 0 1\r\nx\r\nSTORED\r\n'],
  ]
  for (const [expect, text] of wrong) {
    assert.equal(readAll(Buffer.from(text), [READ_BYTES], [expect]).isBad, true, JSON.stringify(text))
    assert.equal(readAll(Buffer.from(text), [1], [expect]).isBad, true, JSON.stringify(text))
  }
})

test('an error behind some values is the reply, and the values are not', () => {
  const text = 'VALUE a 0 1\r\nx\r\nSERVER_ERROR out of memory\r\nMN\r\n'
  for (const lengths of [[1], [7], [READ_BYTES]]) {
    const { got } = readAll(Buffer.from(text), lengths, [Expect.values, Expect.meta])
    const line = 'SERVER_ERROR out of memory'
    assert.deepEqual(got[0], { code: Code.error, text: `${line}\r\n`, line, data: '' })
    assert.equal(got[1]!.code, Code.mn)
  }
})

test('what nobody asked for is seen', () => {
  assert.equal(readAll(Buffer.from('MN\r\nMN\r\n'), [READ_BYTES], [Expect.meta]).isBad, true)
  assert.equal(readAll(Buffer.from('MN\r\n'), [READ_BYTES], [Expect.meta]).isBad, false)
})
