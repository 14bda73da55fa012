import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hashTag, tagEnd, tagStart } from '../../../src/ring/hash-tag.ts'

/** What is hashed of `key`, which lies between bytes that would be taken for tags. */
function hashed(tag: string, key: string): string {
  const bytes = Buffer.from(`{out}$out$${key}{out}$out$}`)
  const start = 10
  const end = start + Buffer.byteLength(key)
  const parsed = hashTag(tag)
  const from = tagStart(parsed, bytes, start, end)
  return from === -1 ? key : bytes.toString('utf8', from, tagEnd(parsed, bytes, from, end))
}

describe('the hash tag', () => {
  it('is what stands between the first opening character and the first closing one behind it', () => {
    assert.equal(hashed('{}', 'user:{u1}:ids'), 'u1')
    assert.equal(hashed('{}', 'p{q{r}s}t'), 'q{r')
    assert.equal(hashed('{}', 'u}{a}{b}'), 'a')
    assert.equal(hashed('{}', '{é}'), 'é')
  })

  it('is the whole key when it is missing, unclosed or empty', () => {
    for (const key of ['u1', '{u1', 'u1}', '}u1{', '{}', '{}{a}', 'a{}b{c}']) assert.equal(hashed('{}', key), key)
  })

  it('may be between two of the same character', () => {
    assert.equal(hashed('$$', 'a$b$c'), 'b')
    assert.equal(hashed('$$', '$$b$'), '$$b$')
    assert.equal(hashed('$$', '$b'), '$b')
  })
})
