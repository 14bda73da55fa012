import assert from 'node:assert/strict'
import { it } from 'node:test'
import { appendFieldLines } from '../../../src/http/field-lines.ts'

it('field lines become names in lower case and values without blanks around them', () => {
  const list = ['before', '']
  appendFieldLines(list, 'Accept:  a, b \r\nX-Empty:\r\nX-Colon: a:b\r\n')
  assert.deepEqual(list, ['before', '', 'accept', 'a, b', 'x-empty', '', 'x-colon', 'a:b'])
  const letter = Buffer.from('\u00a0caf\u00e0', 'utf8').toString('latin1') // ends with the byte A0
  appendFieldLines(list, `X-Letter: ${letter}\r\n`)
  assert.deepEqual(list.splice(8), ['x-letter', letter])
  appendFieldLines(list, '')
  assert.equal(list.length, 8)
})
