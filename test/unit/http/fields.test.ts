import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { F, FIELD_IDS, fieldId, fieldIdOf, fieldNames } from '../../../src/http/fields.ts'

const ids = Object.values(F)

describe('field names', () => {
  it('are as on the wire', () => {
    assert.equal(fieldNames[F.te], 'te')
    assert.equal(fieldNames[F.xForwardedFor], 'x-forwarded-for')
    assert.equal(fieldNames[F.http2Settings], 'http2-settings')
    assert.equal(fieldNames[F.etag], 'etag')
  })

  it('have ids of their own, within the bit set', () => {
    assert.equal(new Set(ids).size, ids.length)
    assert.ok(ids.every((id) => id > 0 && id < FIELD_IDS))
    assert.equal(new Set(fieldNames.filter((name) => name !== '')).size, ids.length)
  })

  it('are found in any letter case, anywhere in a buffer', () => {
    for (const id of ids) {
      const name = fieldNames[id]!
      for (const spelling of [name, name.toUpperCase(), name.charAt(0).toUpperCase() + name.slice(1)]) {
        const bytes = Buffer.from(`..${spelling}:`)
        assert.equal(fieldId(bytes, 2, 2 + name.length), id, spelling)
      }
      assert.equal(fieldIdOf(name), id)
    }
  })

  it('are found only whole', () => {
    for (const id of ids) {
      const name = fieldNames[id]!
      for (const other of [`${name}x`, `x${name}`, name.replace('-', '_'), name.slice(1)]) {
        const found = fieldId(Buffer.from(other), 0, other.length)
        assert.equal(fieldNames[found], found === 0 ? '' : other)
        assert.equal(fieldIdOf(other), found)
      }
    }
  })

  it('are not found in what is longer than any of them, or empty', () => {
    assert.equal(fieldId(Buffer.alloc(5000, 'a'), 0, 5000), 0)
    assert.equal(fieldIdOf('a'.repeat(5000)), 0)
    assert.equal(fieldIdOf(''), 0)
    assert.equal(fieldIdOf('constructor'), 0)
  })
})
