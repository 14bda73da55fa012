import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type ByteRange,
  contentRangeText,
  MAX_POSITION,
  MAX_RANGES,
  parseContentRange,
  parseRange,
  type RangeSpec,
  resolveRanges,
} from '../../../src/http/range.ts'

const written: [value: string, specs: RangeSpec[]][] = [
  ['bytes=0-4', [{ first: 0, last: 4 }]],
  ['BYTES=5-', [{ first: 5, last: MAX_POSITION }]],
  ['bytes=-3', [{ first: -1, last: 3 }]],
  [
    'bytes= 0-0 ,\t, -1,',
    [
      { first: 0, last: 0 },
      { first: -1, last: 1 },
    ],
  ],
  ['bytes=99999999999999999999-', [{ first: MAX_POSITION, last: MAX_POSITION }]],
]
for (const [value, specs] of written) test(`Range: ${value}`, () => assert.deepEqual(parseRange(value), specs))

const ignored = ['', 'bytes', 'bytes=', 'bytes=,', 'bytes=-', 'bytes=5', 'bytes=5-4', 'bytes=a-b', 'bytes=0-1 2-3']
for (const value of [...ignored, 'bytes =0-1', 'items=0-1', 'bytes=0-1;2-3', 'bytes=--1', 'bytes=0-1,x']) {
  test(`Range: "${value}" is ignored`, () => assert.equal(parseRange(value), undefined))
}

test('so many ranges and no more are read', () => {
  const ranges = (count: number) => `bytes=${Array.from({ length: count }, (_, i) => `${i * 9}-${i * 9}`).join(',')}`
  assert.equal(parseRange(ranges(MAX_RANGES))?.length, MAX_RANGES)
  assert.equal(parseRange(ranges(MAX_RANGES + 1)), undefined)
})

test('ranges keep their order, and those that overlap or touch are joined where the first of them stood', () => {
  const of = (value: string) => resolveRanges(parseRange(value)!, 100).map(({ first, end }) => [first, end])
  assert.deepEqual(of('bytes=50-59,0-9'), [
    [50, 60],
    [0, 10],
  ])
  assert.deepEqual(of('bytes=50-59,0-9,10-49'), [[0, 60]])
  assert.deepEqual(of('bytes=90-200,-5'), [[90, 100]])
  assert.deepEqual(of('bytes=100-,-0'), [])
})

const specs = fc.array(
  fc.oneof(
    fc.tuple(fc.nat(60), fc.nat(60)).map(([first, more]) => ({ first, last: first + more })),
    fc.nat(60).map((first) => ({ first, last: MAX_POSITION })),
    fc.nat(60).map((last) => ({ first: -1, last })),
  ),
  { minLength: 1, maxLength: MAX_RANGES },
)

test('whatever is asked for of whatever length, each byte asked for comes once and no other', () => {
  fc.assert(
    fc.property(specs, fc.nat(80), (asked, total) => {
      const wanted = new Set<number>()
      for (const { first, last } of asked) {
        for (let at = 0; at < total; at++) {
          if (first === -1 ? at >= total - last : at >= first && at <= last) wanted.add(at)
        }
      }
      const given = resolveRanges(asked, total).flatMap(({ first, end }: ByteRange) => {
        assert.ok(first < end)
        return Array.from({ length: end - first }, (_, i) => first + i)
      })
      assert.equal(given.length, wanted.size)
      assert.deepEqual(new Set(given), wanted)
    }),
  )
})

test('a Range that was written is read as what was meant', () => {
  fc.assert(
    fc.property(specs, (asked) => {
      const text = asked
        .map(({ first, last }) => `${first === -1 ? '' : first}-${last === MAX_POSITION ? '' : last}`)
        .join(', ')
      assert.deepEqual(parseRange(`bytes=${text}`), asked)
    }),
  )
})

test('a Content-Range that was written is read as what was meant', () => {
  fc.assert(
    fc.property(
      fc.nat(1000),
      fc.integer({ min: 1, max: 1000 }),
      fc.nat(1000),
      fc.boolean(),
      (first, length, more, known) => {
        const end = first + length
        const total = known ? end + more : -1
        assert.deepEqual(parseContentRange(contentRangeText({ first, end }, total)), { first, end, total })
      },
    ),
  )
})

const bad = ['bytes */10', 'bytes 0-4', 'bytes 5-4/10', 'bytes 0-10/10', 'bytes 0-4/', 'bytes 0-4/10, bytes 0-4/10']
for (const value of [...bad, 'bytes=0-4/10', 'items 0-4/10', 'bytes 0-4/*x', 'bytes 0-99999999999999999999/*']) {
  test(`Content-Range: "${value}" says nothing`, () => assert.equal(parseContentRange(value), undefined))
}
