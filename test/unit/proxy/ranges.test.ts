import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StoredMeta } from '../../../src/cache/policy/meta.ts'
import { inOrder, piecesOf, rangeAnswer } from '../../../src/proxy/ranges.ts'
import { Slicer } from '../../../src/proxy/slicer.ts'

const BODY = Buffer.from(Array.from({ length: 200 }, (_, i) => i))

/** Ranges that neither overlap nor touch, in any order, and the places at which a body is cut into pieces. */
const ranges = fc
  .uniqueArray(fc.nat(BODY.length), { minLength: 2, maxLength: 12 })
  .map((marks) => marks.toSorted((a, b) => a - b))
  .map((marks) =>
    marks.flatMap((first, i) => (i % 2 === 0 && i + 1 < marks.length ? [{ first, end: marks[i + 1]! }] : [])),
  )
  .chain((sorted) => fc.shuffledSubarray(sorted, { minLength: sorted.length }))
const cuts = fc.array(fc.nat(BODY.length), { maxLength: 20 }).map((places) => places.toSorted((a, b) => a - b))

function piecesAt(places: readonly number[]): Buffer[] {
  return [...places, BODY.length].map((end, i) => BODY.subarray(i === 0 ? 0 : places[i - 1], end))
}

test('an answer has the length it says and the bytes of its ranges, however the body lies and comes', () => {
  fc.assert(
    fc.property(ranges, cuts, fc.nat(100), (wanted, places, partFirst) => {
      const meta = Object.assign(new StoredMeta(), { status: 206, partFirst, partTotal: 1000 })
      const selected = wanted.map(({ first, end }) => ({ first: first + partFirst, end: end + partFirst }))
      const selection = inOrder({ kind: 'ranges', ranges: selected, total: 1000 })
      const answer = rangeAnswer(selection, meta, ['Content-Type', 'a/b'])!
      const sent = Buffer.concat(piecesOf(answer, piecesAt(places)))
      const slicer = new Slicer(answer)
      const streamed = Buffer.concat(piecesAt(places).flatMap((piece) => slicer.cut(piece)))
      assert.equal(sent.length, answer.contentLength)
      assert.ok(streamed.equals(sent))
      assert.equal(slicer.isDone, true)
      let expected = sent
      if (wanted.length === 1) expected = BODY.subarray(wanted[0]!.first, wanted[0]!.end)
      else for (const { first, end } of wanted) assert.ok(sent.includes(BODY.subarray(first, end)))
      assert.ok(sent.equals(expected))
    }),
  )
})

test('a cut body is not copied', () => {
  const answer = rangeAnswer({ kind: 'ranges', ranges: [{ first: 5, end: 9 }], total: 200 }, metaOf200(), [])!
  const [piece] = piecesOf(answer, [BODY])
  assert.equal(piece?.buffer, BODY.buffer)
  assert.equal(piece?.byteOffset, BODY.byteOffset + 5)
})

test('each answer of several ranges has a boundary of its own', () => {
  const selection = {
    kind: 'ranges',
    ranges: [
      { first: 0, end: 1 },
      { first: 5, end: 6 },
    ],
    total: 200,
  } as const
  const types = [1, 2].map(() => rangeAnswer(selection, metaOf200(), [])!.fields.at(-1))
  assert.notEqual(types[0], types[1])
})

test('a 416 has none of the fields by which a cache would keep it', () => {
  const fields = ['Date', 'x', 'Cache-Control', 'max-age=60', 'Expires', 'x', 'ETag', '"v"']
  const answer = rangeAnswer({ kind: 'unsatisfiable', total: 7 }, metaOf200(), fields)
  assert.deepEqual([answer?.status, answer?.fields], [416, ['Content-Range', 'bytes */7', 'Date', 'x']])
})

function metaOf200(): StoredMeta {
  return Object.assign(new StoredMeta(), { status: 200 })
}
