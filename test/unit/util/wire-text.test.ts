import assert from 'node:assert/strict'
import { it } from 'node:test'
import { wireText } from '../../../src/util/wire-text.ts'

it('gives one letter per byte on the wire', () => {
  assert.equal(wireText('/a'), '/a')
  assert.equal(wireText('/ü€'), '/\xc3\xbc\xe2\x82\xac')
})
