import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCredibleNote, isModernVersion, parseNote } from '../../../src/memcached/greeting.ts'

test('versions from 1.6.10 on speak the meta protocol of today', () => {
  for (const version of ['1.6.10', '1.6.18', '1.6.40-beta1', '1.7.0', '2.0.0', '10.0.0']) {
    assert.equal(isModernVersion(`VERSION ${version}`), true, version)
  }
  for (const version of ['1.6.9', '1.5.22', '1.4.39', '0.9.99', '1.6', 'twemproxy', '']) {
    assert.equal(isModernVersion(`VERSION ${version}`), false, version)
  }
  assert.equal(isModernVersion('ERROR'), false)
})

test('a note is a number and nothing else', () => {
  const note = (data: string) => `VALUE shellac:returned 0 ${data.length}\r\n${data}\r\nEND\r\n`
  assert.equal(parseNote(note('1700000000123')), 1_700_000_000_123)
  for (const data of ['', ' 1', '-1', '1.5', '1e3', 'x', '1234567890123456', '12\r\n34']) {
    assert.equal(parseNote(note(data)), undefined, data)
  }
  assert.equal(parseNote('END\r\n'), undefined)
})

test('a note from the future is not believed', () => {
  assert.equal(isCredibleNote(1000, 2000), true)
  assert.equal(isCredibleNote(60_000, 0), true)
  assert.equal(isCredibleNote(60_001, 0), false)
})
