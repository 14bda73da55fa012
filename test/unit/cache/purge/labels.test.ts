import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeLabels, encodeLabels } from '../../../../src/cache/purge/labels.ts'
import { fieldTags, responseTags } from '../../../../src/cache/purge/tags.ts'

describe('labels', () => {
  it('come back as they were, whether the key ends with the URL or not', () => {
    for (const key of ['http|a|/x?y', '\n12:accept=b\nhttp|a|/x?y', 'http|a|lang=de|/x?y']) {
      for (const tags of [[], ['one'], ['one', 'é', '']]) {
        const labels = { url: 'a|/x?y', tags }
        assert.deepEqual(decodeLabels(key, encodeLabels(key, labels).toString('latin1')), labels)
      }
    }
  })

  it('repeat no URL that the key ends with', () => {
    assert.equal(encodeLabels('http|a|/x', { url: 'a|/x', tags: ['t'] }).toString(), '#4\nt')
  })

  it('of a marker are none', () => {
    assert.deepEqual(decodeLabels('http|a|/x', ''), { url: '', tags: [] })
  })
})

describe('tags', () => {
  const linesOf = (fields: Record<string, string[]>) => (name: string) => fields[name] ?? []

  it('stand between blanks in Surrogate-Key and xkey, between commas elsewhere', () => {
    assert.deepEqual(fieldTags('surrogate-key', ['a,b  c', '\td ']), ['a,b', 'c', 'd'])
    assert.deepEqual(fieldTags('xkey', ['a b']), ['a', 'b'])
    assert.deepEqual(fieldTags('cache-tag', ['a b, c,,', ' d']), ['a b', 'c', 'd'])
    assert.deepEqual(fieldTags('x-tags', ['a,b']), ['a', 'b'])
  })

  it('of a rule come first, and none comes twice', () => {
    const plan = { fields: ['surrogate-key', 'cache-tag'], fixed: ['all', 'a'] }
    const lines = linesOf({ 'surrogate-key': ['a b'], 'cache-tag': ['c, b'] })
    assert.deepEqual(responseTags(plan, lines), ['all', 'a', 'b', 'c'])
    assert.deepEqual(responseTags({ ...plan, fixed: [] }, linesOf({})), [])
  })

  it('beyond 128, or beyond 16 KiB, are replaced by one that every purge of a tag reaches', () => {
    const plan = { fields: ['cache-tag'], fixed: [] }
    const many = Array.from({ length: 128 }, (_, n) => `t${n}`)
    assert.equal(responseTags(plan, linesOf({ 'cache-tag': [many.join()] })).length, 128)
    const cut = responseTags(plan, linesOf({ 'cache-tag': [many.join(), 'more,and more'] }))
    assert.deepEqual([cut.length, cut.at(-2), cut.at(-1)], [129, 't127', ''])
    const long = ['a'.repeat(10_000), 'b'.repeat(10_000)]
    assert.deepEqual(responseTags(plan, linesOf({ 'cache-tag': long })), [long[0], ''])
  })
})
