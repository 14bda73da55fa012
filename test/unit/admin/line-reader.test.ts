import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LineReader } from '../../../src/admin/line-reader.ts'

test('however the bytes are cut, the lines are the same', () => {
  const line = fc.string({ maxLength: 10 }).filter((text) => !text.includes('\n'))
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(7)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''))
      const reader = new LineReader(1000)
      const seen: string[] = []
      let at = 0
      for (const cut of [...cuts, bytes.length]) {
        seen.push(...(reader.push(bytes.subarray(at, at + cut)) ?? assert.fail()))
        at += cut
      }
      assert.deepEqual(seen, lines)
    }),
  )
})

test('a line over the limit is refused, with or without its end', () => {
  assert.deepEqual(new LineReader(3).push(Buffer.from('abc\n')), ['abc'])
  assert.equal(new LineReader(3).push(Buffer.from('abcd')), undefined)
  assert.equal(new LineReader(3).push(Buffer.from('abcd\n')), undefined)
  const reader = new LineReader(3)
  assert.deepEqual(reader.push(Buffer.from('ab')), [])
  assert.equal(reader.push(Buffer.from('cd\n')), undefined)
})
