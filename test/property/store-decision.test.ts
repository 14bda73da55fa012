/**
 * What is stored for everybody, against the prohibitions of RFC 9111 §3 written down once more, as plainly as they can be:
 * whatever else a response says, and whatever the operator's ttl, each needs its own word to be lifted.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FlatFacts } from '../../src/cache/policy/flat-facts.ts'
import { decideStore } from '../../src/cache/policy/store.ts'
import { isHeadUpdateFor, mergeFields } from '../../src/cache/policy/update.ts'
import type { Override } from '../../src/plan/plan.ts'
import { answered, NOW, NOW_TEXT, request, settings, ttl } from '../unit/cache/facts.ts'

const times = { requestMs: NOW, responseMs: NOW }

const directives = fc.subarray([
  ...['max-age=60', 's-maxage=60', 'no-store', 'private', 'no-cache', 'public', 'must-revalidate', 'must-understand'],
  ...['ext="private, no-store"', 'PRIVATE', 'No-Store'],
])
const overrides = fc.subarray<Override>(['private', 'no-store', 'no-cache', 'authorization', 'set-cookie'])
const other = fc.subarray(['ETag: "a"', `Expires: ${NOW_TEXT}`, 'Set-Cookie: a=b', 'Vary: *', 'Vary: Accept', 'Age: 5'])
const status = fc.constantFrom(200, 204, 206, 302, 304, 404, 431, 500, 599)
const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'get')

const response = fc.record({
  directives,
  overrides,
  other,
  status,
  method,
  hasCredentials: fc.boolean(),
  isTarget: fc.boolean(),
})

function flat(lines: readonly string[]): string[] {
  return lines.flatMap((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)])
}

test('nothing is stored that RFC 9111 §3 forbids, unless the word that lifts it was said', () => {
  let stored = 0
  fc.assert(
    fc.property(response, (given) => {
      const words = given.directives.map((word) => word.toLowerCase())
      const field = given.isTarget ? 'CDN-Cache-Control' : 'Cache-Control'
      // A targeted field is a dictionary with keys in lower case, or it is nothing.
      const isVoid = given.isTarget && given.directives.some((word) => /^[A-Z]/.test(word))
      const says = (word: string) => !isVoid && words.includes(word)
      const lifts = (word: Override) => given.overrides.includes(word)
      const lines = [
        ...(given.directives.length === 0 ? [] : [`${field}: ${given.directives.join(', ')}`]),
        ...given.other,
      ]
      const asked = request(
        'http://example.org/x',
        given.hasCredentials ? ['Authorization', 'Basic eA=='] : [],
        given.method,
      )
      const rules = settings({ overrides: given.overrides, ttls: [ttl(1000, { mode: 'override' })] })
      const { store } = decideStore(answered(asked, new FlatFacts(given.status, flat(lines)), { times }), rules)
      const forbidden = [
        given.method !== 'GET',
        [206, 304, 431].includes(given.status),
        says('no-store') && !says('must-understand') && !lifts('no-store'),
        says('must-understand') && given.status === 599,
        says('private') && !lifts('private'),
        given.hasCredentials && !['public', 'must-revalidate', 's-maxage=60'].some(says) && !lifts('authorization'),
        given.other.includes('Set-Cookie: a=b') && !lifts('set-cookie'),
        given.other.includes('Vary: *'),
      ].includes(true)
      if (store) stored++
      assert.ok(!store || !forbidden)
    }),
    { numRuns: 5000 },
  )
  assert.ok(stored > 100, `${stored} were stored`)
})

const describing = ['Content-Encoding', 'Content-Length', 'Content-Range', 'Content-MD5', 'Content-Digest', 'ETag']
const lines = fc.array(
  fc.tuple(fc.constantFrom(...describing, 'X-A', 'Cache-Control', 'Date', 'Age'), fc.constantFrom('1', '2', '3')),
  { maxLength: 8 },
)

test('no update changes what describes the stored bytes, and the same one twice is the same as once', () => {
  fc.assert(
    fc.property(lines, lines, (stored, update) => {
      const once = mergeFields(stored.flat(), update.flat(), NOW)
      for (const name of describing) {
        const before = stored.filter(([field]) => field === name).map(([, value]) => value)
        assert.deepEqual(new FlatFacts(200, once).headers(name.toLowerCase()), before)
      }
      const sorted = (list: string[]) =>
        list.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${list[i + 1]}`] : [])).sort()
      assert.deepEqual(sorted(mergeFields(once, update.flat(), NOW)), sorted(once))
    }),
    { numRuns: 3000 },
  )
})

test('a HEAD whose answer contradicts a stored validator or length updates nothing', () => {
  const value = fc.option(fc.constantFrom('"a"', '"b"'), { nil: undefined })
  fc.assert(
    fc.property(
      value,
      value,
      fc.integer({ min: -1, max: 2 }),
      fc.integer({ min: 0, max: 2 }),
      (tag, known, sent, has) => {
        const fieldsOf = (etag: string | undefined) => new FlatFacts(200, etag === undefined ? [] : ['ETag', etag])
        const isUpdate = isHeadUpdateFor({ status: 200, bodyBytes: has, fields: fieldsOf(known) }, fieldsOf(tag), sent)
        assert.equal(isUpdate, (tag === undefined || tag === known) && (sent === -1 || sent === has))
      },
    ),
  )
})
