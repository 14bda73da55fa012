import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ValueLine } from '../../../src/memcached-proxy/value-line.ts'

function parse(text: string): string[] | undefined {
  const bytes = Buffer.from(`xx${text}\r\n`, 'latin1')
  const line = new ValueLine()
  if (!line.parse(bytes, 2, bytes.length - 2)) return undefined
  const cut = (start: number, end: number) => bytes.toString('latin1', start, end)
  return [
    cut(line.keyStart, line.keyEnd),
    cut(line.flagsStart, line.flagsEnd),
    cut(line.sizeStart, line.sizeEnd),
    cut(line.casStart, line.casEnd),
    line.isBase64 ? 'base64' : '',
  ]
}

test('the parts of a value line are found by their letters', () => {
  assert.deepEqual(parse('VA 5 kfoo f30'), ['foo', '30', '5', '', ''])
  assert.deepEqual(parse('VA 0 kk f4294967295 c18446744073709551615'), [
    'k',
    '4294967295',
    '0',
    '18446744073709551615',
    '',
  ])
  assert.deepEqual(parse('VA 5 kYWJj b f0 c1 W X'), ['YWJj', '0', '5', '1', 'base64'])
  assert.deepEqual(parse('VA 5 kb f0'), ['b', '0', '5', '', ''])
  assert.deepEqual(parse('VA 5 k\xff\xfe f0'), ['\xff\xfe', '0', '5', '', ''])
})

test('a line without size, key or flags is none', () => {
  for (const line of ['VA', 'VA 5', 'VA 5 kfoo', 'VA 5 f0', 'VA  kfoo f0', 'VA 5 k f0', 'VA 5 kfoo f'])
    assert.equal(parse(line), undefined, line)
})

test('nothing is left of the line before', () => {
  const line = new ValueLine()
  const first = Buffer.from('VA 5 kYWJj b f0 c77')
  const second = Buffer.from('VA 5 kfoo f1')
  assert.equal(line.parse(first, 0, first.length), true)
  assert.equal(line.parse(second, 0, second.length), true)
  assert.equal(line.casEnd - line.casStart, 0)
  assert.equal(line.isBase64, false)
  assert.equal(line.length, 'VALUE foo 1 5\r\n'.length)
})
