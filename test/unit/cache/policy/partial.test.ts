import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeMeta, encodeMeta, MetaFlag, StoredMeta } from '../../../../src/cache/policy/meta.ts'
import {
  isWorthJoining,
  joinParts,
  markPart,
  partOf,
  selectBytes,
  sharesStrongValidator,
  storedPart,
  strongValidator,
} from '../../../../src/cache/policy/partial.ts'
import type { ContentRange } from '../../../../src/http/range.ts'
import { NOW, NOW_TEXT, request, response } from '../facts.ts'

const HOUR_AGO = 'Sun, 06 Nov 1994 07:49:37 GMT'

function metaOf(status: number, changes: Partial<StoredMeta> = {}): StoredMeta {
  return Object.assign(new StoredMeta(), { status, dateMs: NOW, responseMs: NOW }, changes)
}

function ask(range: string, ifRange?: string) {
  return request('http://example.org/', ['Range', range, ...(ifRange === undefined ? [] : ['If-Range', ifRange])])
}

/** Changed an hour before its Date. */
const dated = metaOf(200, { flags: MetaFlag.hasLastModified, lastModifiedMs: NOW - 3_600_000 })
/** Bytes 10 to 19 of 100. */
const part = metaOf(206, { partFirst: 10, partTotal: 100 })

describe('selectBytes', () => {
  const cases: [kind: string, range: string, meta: StoredMeta, why: string][] = [
    ['ranges', 'bytes=0-4', metaOf(200), 'of a whole'],
    ['unsatisfiable', 'bytes=10-', metaOf(200), 'none of it exists'],
    ['whole', 'items=0-4', metaOf(200), 'another unit is ignored'],
    ['whole', 'bytes=0-4', metaOf(404), 'of a response that is no 200'],
    ['ranges', 'bytes=10-19', part, 'all of a part'],
    ['ranges', 'bytes=12-13,15-15', part, 'within a part'],
    ['missing', 'bytes=9-12', part, 'before a part'],
    ['missing', 'bytes=12-20', part, 'beyond a part'],
    ['missing', 'bytes=12-13,50-51', part, 'one of two within a part'],
    ['missing', 'bytes=-5', part, 'the end of what a part begins'],
    ['missing', 'items=0-4', part, 'an ignored range asks for the whole'],
    ['unsatisfiable', 'bytes=100-', part, 'beyond the known total'],
    ['ranges', 'bytes=-3', metaOf(206, { partFirst: 15, partTotal: 25 }), 'the end of a part that reaches the end'],
    ['ranges', 'bytes=10-11', metaOf(206, { partFirst: 10, partTotal: -1 }), 'the total does not matter'],
    ['missing', 'bytes=10-', metaOf(206, { partFirst: 10, partTotal: -1 }), 'the end is not known'],
    ['missing', 'bytes=-1', metaOf(206, { partFirst: 10, partTotal: -1 }), 'nor is that of a suffix'],
  ]
  for (const [kind, range, meta, why] of cases) {
    test(`${range}, ${why}: ${kind}`, () => {
      assert.equal(selectBytes(ask(range), meta, undefined, 10).kind, kind)
    })
  }

  test('a range of a body whose length is not known is ignored', () => {
    assert.equal(selectBytes(ask('bytes=0-4'), metaOf(200), undefined, -1).kind, 'whole')
  })

  test('HEAD and a request without Range want the whole', () => {
    for (const method of ['GET', 'HEAD']) {
      const fields = method === 'GET' ? [] : ['Range', 'bytes=12-13']
      const wanted = request('http://example.org/', fields, method)
      assert.equal(selectBytes(wanted, metaOf(200), undefined, 10).kind, 'whole')
      assert.equal(selectBytes(wanted, part, undefined, 10).kind, 'missing')
    }
  })

  const conditions: [kind: string, ifRange: string, etag: string | undefined, meta: StoredMeta, why: string][] = [
    ['ranges', '"v"', '"v"', metaOf(200), 'the same strong tag'],
    ['whole', '"w"', '"v"', metaOf(200), 'another tag'],
    ['whole', 'W/"v"', 'W/"v"', metaOf(200), 'a weak tag never holds'],
    ['whole', '"v"', 'W/"v"', metaOf(200), 'a weak stored tag does not either'],
    ['whole', '"v"', undefined, metaOf(200), 'no stored tag'],
    ['ranges', HOUR_AGO, undefined, dated, 'exactly the date of Last-Modified'],
    ['whole', NOW_TEXT, undefined, dated, 'a later date'],
    ['whole', HOUR_AGO, undefined, { ...dated, dateMs: NOW - 3_600_000 }, 'a Last-Modified too young to be strong'],
    ['whole', HOUR_AGO, undefined, metaOf(200), 'no Last-Modified'],
    ['whole', 'v', 'v', dated, 'neither tag nor date'],
  ]
  for (const [kind, ifRange, etag, meta, why] of conditions) {
    test(`If-Range: ${ifRange}, ${why}: ${kind}`, () => {
      assert.equal(selectBytes(ask('bytes=0-4', ifRange), meta, etag, 10).kind, kind)
    })
  }
})

describe('partOf', () => {
  const cases: [isPart: boolean, fields: string[], why: string][] = [
    [true, ['Content-Range', 'bytes 0-4/10', 'Content-Length', '5'], 'as it should be'],
    [true, ['Content-Range', 'bytes 0-4/*', 'Content-Length', '5'], 'of a length that is not told'],
    [false, ['Content-Range', 'bytes 0-4/10', 'Content-Length', '6'], 'another length'],
    [false, ['Content-Range', 'bytes 0-4/10'], 'no length'],
    [false, ['Content-Range', 'bytes */10', 'Content-Length', '5'], 'that of a 416'],
    [false, ['Content-Length', '5'], 'no Content-Range'],
  ]
  for (const [isPart, fields, why] of cases) {
    test(`${why}: ${isPart ? '' : 'not '}storable`, () => {
      assert.equal(partOf(response(206, ...fields)) !== undefined, isPart)
    })
  }
})

describe('strong validators', () => {
  const lastModified = ['Last-Modified', HOUR_AGO]
  test('a strong entity tag goes first, a weak one hides the date', () => {
    assert.equal(strongValidator(response(206, 'ETag', '"v"', ...lastModified), dated), '"v"')
    assert.equal(strongValidator(response(206, ...lastModified), dated), HOUR_AGO)
    assert.equal(strongValidator(response(206, 'ETag', 'W/"v"', ...lastModified), dated), undefined)
    assert.equal(strongValidator(response(206), metaOf(206)), undefined)
  })

  test('two responses share one if both have it', () => {
    const shares = (stored: string[], coming: string[]) =>
      sharesStrongValidator(response(206, ...stored), dated, response(206, ...coming))
    assert.equal(shares(['ETag', '"v"'], ['ETag', '"v"']), true)
    assert.equal(shares(['ETag', '"v"'], ['ETag', '"w"']), false)
    assert.equal(shares(['ETag', '"v"'], []), false)
    assert.equal(shares([], ['ETag', '"v"']), false)
    assert.equal(
      shares(['ETag', '"v"', 'Content-Encoding', 'gzip'], ['ETag', '"v"']),
      true,
      'which need not say it again',
    )
    assert.equal(shares(['ETag', '"v"'], ['ETag', '"v"', 'Content-Encoding', 'gzip']), false)
    assert.equal(shares(['ETag', 'W/"v"'], ['ETag', 'W/"v"']), false)
    assert.equal(shares(lastModified, lastModified), true)
    assert.equal(shares(lastModified, [...lastModified, 'ETag', '"v"']), false)
  })
})

/** Letters that tell their position. */
const TEXT = Array.from({ length: 60 }, (_, i) => String.fromCharCode(0x30 + i)).join('')
const parts: fc.Arbitrary<ContentRange> = fc
  .tuple(fc.nat(50), fc.integer({ min: 1, max: 10 }), fc.boolean())
  .map(([first, length, known]) => ({ first, end: first + length, total: known ? TEXT.length : -1 }))

test('two parts that overlap or touch make one with each byte in its place; others, and nothing new, make none', () => {
  fc.assert(
    fc.property(parts, parts, (stored, coming) => {
      const joint = joinParts(stored, coming)
      const isApart = coming.first > stored.end || stored.first > coming.end
      const isKnown = coming.first >= stored.first && coming.end <= stored.end
      assert.equal(joint === undefined, isApart || isKnown)
      if (joint === undefined) return
      const { union, before, skip, after } = joint
      const old = TEXT.slice(stored.first, stored.end)
      const written =
        old.slice(0, before) + TEXT.slice(coming.first, coming.end).slice(skip) + (after === -1 ? '' : old.slice(after))
      assert.equal(written, TEXT.slice(union.first, union.end))
      assert.equal(union.total, Math.max(stored.total, coming.total))
    }),
    { numRuns: 1000 },
  )
})

test('parts of resources of different lengths, or longer than theirs, are not joined', () => {
  assert.equal(joinParts({ first: 0, end: 5, total: 10 }, { first: 5, end: 7, total: 11 }), undefined)
  assert.equal(joinParts({ first: 0, end: 5, total: 6 }, { first: 5, end: 7, total: -1 }), undefined)
})

test('few bytes are not joined with many, unless they make the whole', () => {
  const stored = { first: 0, end: 8_000_000, total: 8_000_001 }
  const isJoined = (old: ContentRange, end: number) => {
    const coming = { first: old.end, end, total: old.total }
    return isWorthJoining(joinParts(old, coming)!, coming)
  }
  assert.equal(isJoined({ ...stored, total: 9_000_000 }, 8_000_001), false)
  assert.equal(isJoined({ ...stored, total: 9_000_000 }, 8_500_000), true)
  assert.equal(isJoined({ first: 0, end: 200_000, total: 9_000_000 }, 200_001), true)
  assert.equal(isJoined(stored, 8_000_001), true)
})

test('a part keeps its place in the cells of the store, and one that is everything is no part', () => {
  fc.assert(
    fc.property(parts, (bytes) => {
      const meta = metaOf(200)
      markPart(meta, bytes)
      const cells = new Float64Array(16)
      encodeMeta(meta, cells)
      assert.deepEqual(storedPart(decodeMeta(cells), bytes.end - bytes.first), bytes)
    }),
  )
  const meta = metaOf(206)
  markPart(meta, { first: 0, end: 10, total: 10 })
  assert.deepEqual([meta.status, meta.partFirst, meta.partTotal], [200, 0, 0])
})
