import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  isEtagListed,
  isNotModified,
  notModifiedFields,
  revalidationConditions,
} from '../../../../src/cache/policy/conditional.ts'
import { MetaFlag, StoredMeta } from '../../../../src/cache/policy/meta.ts'
import { NOW, response } from '../facts.ts'

describe('If-None-Match (RFC 9110 §13.1.2, §8.8.3.2)', () => {
  const cases: [list: string, etag: string | undefined, listed: boolean][] = [
    ['"a"', '"a"', true],
    ['"a"', '"b"', false],
    ['W/"a"', '"a"', true],
    ['"a"', 'W/"a"', true],
    ['W/"a"', 'W/"a"', true],
    ['"x", "a"', '"a"', true],
    ['"x" ,\t,W/"a"', '"a"', true],
    ['"x","a,b"', '"a,b"', true],
    ['"x, "a"', '"a"', false],
    ['"aa"', '"a"', false],
    ['"a"', '"aa"', false],
    ['"A"', '"a"', false],
    ['w/"a"', '"a"', false],
    ['*', '"a"', true],
    ['*', undefined, true],
    ['"*"', '"a"', false],
    ['"a"', undefined, false],
    ['a', 'a', true],
    ['junk, "a"', '"a"', false],
    ['"a', '"a"', false],
    ['', '"a"', false],
    ['""', '""', true],
  ]
  for (const [list, etag, listed] of cases) {
    test(`${list} against ${etag}: ${listed}`, () => assert.equal(isEtagListed(list, etag), listed))
  }
})

describe('isNotModified (RFC 9111 §4.3.2)', () => {
  function meta(changes: Partial<StoredMeta> = {}): StoredMeta {
    const base = { status: 200, flags: MetaFlag.hasLastModified, lastModifiedMs: NOW, dateMs: NOW + 5000 }
    return Object.assign(new StoredMeta(), base, changes)
  }
  const since = (ifModifiedSince: string, changes?: Partial<StoredMeta>): boolean =>
    isNotModified({ ifNoneMatch: undefined, ifModifiedSince }, undefined, meta(changes), NOW)

  test('If-Modified-Since at or after Last-Modified, in every form of date', () => {
    assert.equal(since('Sun, 06 Nov 1994 08:49:37 GMT'), true)
    assert.equal(since('Sun, 06 Nov 1994 08:49:38 GMT'), true)
    assert.equal(since('Sun, 06 Nov 1994 08:49:36 GMT'), false)
    assert.equal(since('Sunday, 06-Nov-94 08:49:37 GMT'), true)
    assert.equal(since('Sun Nov  6 08:49:37 1994'), true)
  })

  test('what is no date is ignored (RFC 9110 §13.1.3)', () => {
    assert.equal(since('now'), false)
    assert.equal(since('Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT'), false)
  })

  test('without Last-Modified, Date is used', () => {
    assert.equal(since('Sun, 06 Nov 1994 08:49:41 GMT', { flags: 0, lastModifiedMs: 0 }), false)
    assert.equal(since('Sun, 06 Nov 1994 08:49:42 GMT', { flags: 0, lastModifiedMs: 0 }), true)
  })

  test('If-None-Match beats If-Modified-Since (RFC 9110 §13.2.2)', () => {
    const ifModifiedSince = 'Sun, 06 Nov 1994 08:49:37 GMT'
    assert.equal(isNotModified({ ifNoneMatch: '"b"', ifModifiedSince }, '"a"', meta(), NOW), false)
    assert.equal(isNotModified({ ifNoneMatch: '"a"', ifModifiedSince: 'x' }, '"a"', meta(), NOW), true)
  })

  test('conditions are for 2xx only (RFC 9110 §13.2.1)', () => {
    assert.equal(
      isNotModified({ ifNoneMatch: '"a"', ifModifiedSince: undefined }, '"a"', meta({ status: 404 }), NOW),
      false,
    )
  })

  test('no condition, no 304', () => {
    assert.equal(isNotModified({ ifNoneMatch: undefined, ifModifiedSince: undefined }, '"a"', meta(), NOW), false)
  })
})

test('a 304 carries all but what describes the content (RFC 9110 §15.4.5)', () => {
  const fields = [
    'ETag',
    '"a"',
    'Content-Type',
    'text/html',
    'content-length',
    '5',
    'Vary',
    'a',
    'Last-Modified',
    'x',
    'X-A',
    'b',
  ]
  assert.deepEqual(notModifiedFields(fields), ['ETag', '"a"', 'Vary', 'a', 'X-A', 'b'])
  assert.deepEqual(notModifiedFields(['Last-Modified', 'x', 'Content-Encoding', 'gzip']), ['Last-Modified', 'x'])
})

test('validation sends every validator (RFC 9111 §4.3.1)', () => {
  const stored = response(200, 'ETag', 'W/"a"', 'Last-Modified', 'Sun, 06 Nov 1994 08:49:37 GMT')
  const meta = new StoredMeta()
  meta.flags = MetaFlag.hasEtag | MetaFlag.hasLastModified
  assert.deepEqual(revalidationConditions(stored, meta), {
    ifNoneMatch: 'W/"a"',
    ifModifiedSince: 'Sun, 06 Nov 1994 08:49:37 GMT',
  })
  meta.flags = 0
  assert.deepEqual(revalidationConditions(stored, meta), { ifNoneMatch: undefined, ifModifiedSince: undefined })
})
