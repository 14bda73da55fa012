import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { F } from '../../../src/http/fields.ts'
import { parsed } from './parsed.ts'

describe('fields of a head', () => {
  const head = parsed(
    'GET / HTTP/1.1',
    'Host: a',
    'Accept-Encoding: gzip',
    'X-One:  1\t',
    'accept-encoding: br',
    'x-one: 2',
    'ETag:',
    'Warning: w',
  )

  it('are told by position', () => {
    assert.equal(head.count, 7)
    assert.equal(head.name(2), 'X-One')
    assert.equal(head.valueAt(2), '1')
    assert.equal(head.id(2), 0)
    assert.equal(head.id(3), F.acceptEncoding)
    assert.equal(head.text.slice(head.nameStart(6), head.valueEnd(6)), 'Warning: w')
  })

  it('are told by id, all lines joined', () => {
    assert.equal(head.value(F.acceptEncoding), 'gzip, br')
    assert.equal(head.value(F.etag), '')
    assert.equal(head.value(F.cookie), undefined)
  })

  it('are told by lower-case name, known or not', () => {
    assert.equal(head.valueOf('accept-encoding'), 'gzip, br')
    assert.equal(head.valueOf('x-one'), '1, 2')
    assert.equal(head.valueOf('x-two'), undefined)
    assert.equal(head.valueOf('cookie'), undefined)
    assert.deepEqual(head.valuesOf('accept-encoding'), ['gzip', 'br'])
    assert.deepEqual(head.valuesOf('x-one'), ['1', '2'])
    assert.deepEqual(head.valuesOf('x-two'), [])
  })

  it('are known to be there, and to be there twice, in both words of the bit set', () => {
    assert.ok(head.has(F.host) && head.has(F.etag) && head.has(F.warning))
    assert.ok(!head.has(F.connection) && !head.has(F.lastModified))
    assert.ok(head.isRepeated(F.acceptEncoding))
    assert.ok(!head.isRepeated(F.host) && !head.isRepeated(F.warning))
  })

  it('are found from a position on', () => {
    assert.equal(head.indexOf(F.acceptEncoding), 1)
    assert.equal(head.indexOf(F.acceptEncoding, 2), 3)
    assert.equal(head.indexOf(F.acceptEncoding, 4), -1)
  })
})

describe('a head with more fields than a list has room for', () => {
  it('makes the list grow', () => {
    const lines = Array.from({ length: 90 }, (_, i) => `X-${i}: ${i}`)
    const head = parsed('GET / HTTP/1.1', 'Host: a', ...lines)
    assert.equal(head.count, 91)
    assert.equal(head.valueOf('x-89'), '89')
    assert.equal(head.valueOf('x-0'), '0')
  })
})
