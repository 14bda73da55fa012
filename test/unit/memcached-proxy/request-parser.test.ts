import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from '../../../src/memcached-proxy/commands.ts'
import { Outcome, RequestParser } from '../../../src/memcached-proxy/request-parser.ts'

const limits = { lineBytes: 1024 * 1024, valueBytes: 1024 * 1024 }

function parse(text: string, given = limits): { outcome: number; parser: RequestParser; bytes: Buffer } {
  const bytes = Buffer.from(text, 'latin1')
  const parser = new RequestParser()
  return { outcome: parser.parse(bytes, 0, bytes.length, 0, given), parser, bytes }
}

function words({ parser, bytes }: ReturnType<typeof parse>): string[] {
  return Array.from({ length: parser.wordCount }, (_, word) =>
    bytes.toString('latin1', parser.keyStart(word), parser.keyEnd(word)),
  )
}

test('a request is found with the offsets of its words', () => {
  const cases: [text: string, command: number, words: string[]][] = [
    ['get k\r\n', Command.get, ['get', 'k']],
    ['get k\n', Command.get, ['get', 'k']],
    [`get ${'k'.repeat(250)}\r\n`, Command.get, ['get', 'k'.repeat(250)]],
    ['get \xff\x80\r\n', Command.get, ['get', '\xff\x80']],
    ['  get   a  b  \r\n', Command.get, ['get', 'a', 'b']],
    ['gets a\r\n', Command.gets, ['gets', 'a']],
    ['gat -1 a b\r\n', Command.gat, ['gat', '-1', 'a', 'b']],
    ['delete k 0 noreply\r\n', Command.delete, ['delete', 'k', '0', 'noreply']],
    ['incr k 18446744073709551615\r\n', Command.incr, ['incr', 'k', '18446744073709551615']],
    ['touch k -5 noreply\r\n', Command.touch, ['touch', 'k', '-5', 'noreply']],
    ['mg k v q Oab\r\n', Command.mg, ['mg', 'k', 'v', 'q', 'Oab']],
    ['mn\r\n', Command.mn, ['mn']],
    ['version\r\n', Command.version, ['version']],
    ['flush_all 10 noreply\r\n', Command.flush, ['flush_all', '10', 'noreply']],
  ]
  for (const [text, command, expected] of cases) {
    const parsed = parse(text)
    assert.equal(parsed.outcome, Outcome.request, text)
    assert.equal(parsed.parser.command, command, text)
    assert.deepEqual(words(parsed), expected)
    assert.equal(parsed.parser.next, text.length)
  }
})

test('data is told by its length alone', () => {
  for (const data of ['', 'abc', 'END\r\n', 'a\r\nget b\r\n', '\0\n\r']) {
    const text = `set k 7 -1 ${data.length} noreply\r\n${data}\r\nget x\r\n`
    const { outcome, parser, bytes } = parse(text)
    assert.equal(outcome, Outcome.request)
    assert.equal(parser.isNoreply, true)
    assert.equal(bytes.toString('latin1', parser.dataStart, parser.dataStart + parser.dataBytes), data)
    assert.equal(bytes.toString('latin1', parser.next), 'get x\r\n')
  }
})

test('what has not come whole is waited for, however it is cut', () => {
  for (const text of ['get key\r\n', 'set k 0 0 5\r\nhello\r\n', 'ms k 5 T0 q\r\nhello\r\n', 'gat 0 a b c\r\n']) {
    for (let length = 0; length < text.length; length++) {
      const { outcome, parser } = parse(text.slice(0, length))
      assert.equal(outcome, Outcome.incomplete, text.slice(0, length))
      if (length > text.indexOf('\n') && text.includes('hello')) assert.equal(parser.needed, text.length)
      else assert.equal(parser.needed, 0)
    }
  }
})

test('the search for the line end goes on where the last one ended', () => {
  const parser = new RequestParser()
  const bytes = Buffer.from('get a\r\n')
  assert.equal(parser.parse(bytes, 0, bytes.length, 6, limits), Outcome.request)
  assert.equal(parser.parse(bytes, 0, bytes.length, bytes.length, limits), Outcome.incomplete)
})

test('bytes behind the end of what has come are not looked at', () => {
  const bytes = Buffer.from('get a\r\nget b\r\n')
  assert.equal(new RequestParser().parse(bytes, 0, 5, 0, limits), Outcome.incomplete)
  assert.equal(new RequestParser().parse(bytes, 7, 12, 7, limits), Outcome.incomplete)
})

const LONG_KEY = 'k'.repeat(251)
const BAD_LINE = 'CLIENT_ERROR bad command line format'
const TOO_LARGE = 'SERVER_ERROR object too large for cache'
const USAGE = 'CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]'
const MANY = Array.from({ length: 18 }, (_, i) => String.fromCharCode(0x41 + i)).join(' ')

/** A line, the error, and what becomes of the data: bytes skipped with their line end, or `closes`. */
const refusals: [line: string, error: string, data?: number | 'closes'][] = [
  ['', 'ERROR'],
  ['   ', 'ERROR'],
  ['GET a', 'ERROR'],
  ['get', 'ERROR'],
  ['gets', 'ERROR'],
  ['gat 1', 'ERROR'],
  ['verbosity 1', 'ERROR'],
  ['watch', 'ERROR'],
  ['shutdown', 'ERROR'],
  ['lru_crawler crawl all', 'ERROR'],
  [`get ${LONG_KEY}`, BAD_LINE],
  [`get a b ${LONG_KEY}`, BAD_LINE],
  ['get a\tb', BAD_LINE],
  ['get a\0b', BAD_LINE],
  ['get a\rb', BAD_LINE],
  ['get a\x7f', BAD_LINE],
  ['gat x k', 'CLIENT_ERROR invalid exptime argument'],
  ['gats 1.5 k', 'CLIENT_ERROR invalid exptime argument'],
  ['touch k x', 'CLIENT_ERROR invalid exptime argument'],
  ['touch k', 'ERROR'],
  ['touch k 1 x', 'ERROR'],
  ['incr k', 'ERROR'],
  ['incr k x', 'CLIENT_ERROR invalid numeric delta argument'],
  ['decr k -1', 'CLIENT_ERROR invalid numeric delta argument'],
  ['incr k 18446744073709551616', 'CLIENT_ERROR invalid numeric delta argument'],
  ['delete', 'ERROR'],
  ['delete k 5', USAGE],
  ['delete k a b', USAGE],
  ['delete k 00', USAGE],
  [`delete ${LONG_KEY}`, BAD_LINE],
  ['set', 'ERROR'],
  ['set k', 'ERROR'],
  ['set k 0', 'ERROR'],
  ['set k 0 0', 'ERROR', 'closes'],
  ['set k 0 0 3 x', 'ERROR', 'closes'],
  ['set k 0 0 3 noreply x', 'ERROR', 'closes'],
  ['cas k 0 0', 'ERROR', 'closes'],
  ['cas k 0 0 3', 'ERROR', 'closes'],
  ['cas k 0 0 3 noreply', 'ERROR', 'closes'],
  ['cas k 0 0 3 1 x', 'ERROR', 'closes'],
  [`set ${LONG_KEY} 0 0 3`, BAD_LINE, 5],
  ['set a\0b 0 0 3', BAD_LINE, 5],
  ['set k x 0 3', BAD_LINE, 5],
  ['set k -1 0 3', BAD_LINE, 5],
  ['set k 4294967296 0 3', BAD_LINE, 5],
  ['set k 0 x 3', BAD_LINE, 5],
  ['set k 0 - 3', BAD_LINE, 5],
  ['set k 0 9999999999999999999 3', BAD_LINE, 5],
  ['cas k 0 0 3 x', BAD_LINE, 5],
  ['cas k 0 0 3 18446744073709551616', BAD_LINE, 5],
  ['set k 0 0 x', BAD_LINE, 'closes'],
  ['set k 0 0 -1', BAD_LINE, 'closes'],
  ['set k 0 0 +1', BAD_LINE, 'closes'],
  [`set k 0 0 ${'0'.repeat(100)}1`, BAD_LINE, 'closes'],
  ['set k 0 0 1048577', TOO_LARGE, 1048579],
  ['set k 0 0 9999999999', TOO_LARGE, 10000000001],
  ['set k 0 0 99999999999', TOO_LARGE, 100000000001],
  ['set k 0 0 9999999999999999', TOO_LARGE, 'closes'],
  ['mg', 'ERROR'],
  ['me', BAD_LINE],
  ['ms', 'ERROR'],
  ['ms k', BAD_LINE, 'closes'],
  ['ms k 3 5', 'CLIENT_ERROR invalid flag', 'closes'],
  ['ms k 3 T0 5 F1', 'CLIENT_ERROR invalid flag', 'closes'],
  [`mg ${LONG_KEY} v`, BAD_LINE],
  ['mg k q v q', 'CLIENT_ERROR duplicate flag'],
  ['mg k v\rmn', BAD_LINE],
  [`mg k ${MANY}`, 'CLIENT_ERROR options flags are too long'],
  [`md k ${MANY}`, 'CLIENT_ERROR options flags too long'],
  [`ms k 3 ${MANY.slice(2)}`, 'CLIENT_ERROR options flags too long', 5],
  [`ms ${LONG_KEY} 3`, BAD_LINE, 5],
  [`ms k 3 O${'o'.repeat(2000)}`, BAD_LINE, 5],
  ['ms k 3 T\0', BAD_LINE, 5],
  ['ms k x', BAD_LINE, 'closes'],
  ['ms k S3', BAD_LINE, 'closes'],
  ['ms k 1048577', TOO_LARGE, 1048579],
  ['flush_all x', 'CLIENT_ERROR invalid exptime argument'],
  ['flush_all 1 2', 'ERROR'],
]

test('what is wrong is answered as memcached does, and its data is skipped or ends the connection', () => {
  for (const [line, error, data] of refusals) {
    const text = `${line}\r\nget x\r\n`
    const { outcome, parser } = parse(text)
    assert.equal(outcome, Outcome.refused, line)
    assert.equal(parser.error, error, line)
    assert.equal(parser.closes, data === 'closes', line)
    assert.equal(parser.skipBytes, typeof data === 'number' ? data : 0, line)
    assert.equal(parser.next, data === 'closes' ? text.length : line.length + 2, line)
  }
})

test('data that does not end where it said ends the connection, as soon as that can be seen', () => {
  for (const data of ['abc\r\n', 'ab\nX', 'abX', 'ab\rX']) {
    const { outcome, parser } = parse(`set k 0 0 2\r\n${data}`)
    assert.equal(outcome, Outcome.refused, data)
    assert.equal(parser.error, 'CLIENT_ERROR bad data chunk')
    assert.equal(parser.closes, true)
  }
})

test('a line that does not end is refused at the limit', () => {
  const small = { lineBytes: 20, valueBytes: 100 }
  assert.equal(parse('x'.repeat(20), small).outcome, Outcome.incomplete)
  for (const text of ['x'.repeat(21), `${'x'.repeat(21)}\r\nget a\r\n`]) {
    const { outcome, parser } = parse(text, small)
    assert.equal(outcome, Outcome.refused)
    assert.equal(parser.error, 'CLIENT_ERROR line too long')
    assert.equal(parser.closes, true)
  }
})

test('the binary protocol is known by its first byte', () => {
  assert.equal(parse('\x80\x00\x00\x01').outcome, Outcome.binary)
})

test('a line of a thousand keys is one request', () => {
  const keys = Array.from({ length: 1000 }, (_, i) => `key:${i}`)
  const parsed = parse(`get ${keys.join(' ')}\r\n`)
  assert.equal(parsed.outcome, Outcome.request)
  assert.deepEqual(words(parsed).slice(1), keys)
})

test('an mg that changes nothing is told from one that may', () => {
  for (const flags of ['v', 's f t c h l u', 'k O1 q b v'])
    assert.equal(parse(`mg k ${flags}\r\n`).parser.hasEffect, false)
  for (const flags of ['v T30', 'N30 v', 'R30', 'E1', 'z'])
    assert.equal(parse(`mg k ${flags}\r\n`).parser.hasEffect, true)
  assert.equal(parse('mg k\r\n').parser.hasEffect, false)
})
