/** Parts of the key that put requests together: never more of them than the configuration and RFC 3986 say. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ConditionOf, compileKey } from '../../src/cache/key.ts'
import { compilePath } from '../../src/cache/key-path.ts'
import { chooseCoding, chooseLanguage, Negotiation } from '../../src/cache/negotiate.ts'
import { variantKey } from '../../src/cache/vary.ts'
import type { KeyPlan } from '../../src/plan/plan.ts'
import { plainKey, request } from '../unit/cache/facts.ts'

const normalise = compilePath({ normalise: true, mergeSlashes: false })!
const merge = compilePath({ normalise: true, mergeSlashes: true })!

/** Few pieces, so that two random paths are often two spellings of one. */
const pieces = ['/', 'a', 'A', '~', '%7e', '%7E', '%61', '%2f', '%2F', '%', '%4', '%c3', '%C3', '%25', '25', '%3F', ';']
const paths = fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((found) => `/${found.join('')}`)

/**
 * What RFC 3986 §6.2.2 sees in a path: letters as they are, escapes of unreserved ones too, other escapes as bytes. A path
 * with a `%` that begins no escape means nothing but itself.
 */
function meaningOf(path: string): string[] {
  if (/%(?![0-9a-fA-F]{2})/.test(path)) return [...path]
  const meaning: string[] = []
  for (let i = 0; i < path.length; i++) {
    const hex = path.slice(i + 1, i + 3)
    if (path[i] !== '%') {
      meaning.push(path[i]!)
      continue
    }
    const letter = String.fromCharCode(Number.parseInt(hex, 16))
    meaning.push(/[A-Za-z0-9._~-]/.test(letter) ? letter : `byte ${letter.charCodeAt(0)}`)
    i += 2
  }
  return meaning
}

test('"path normalise" puts together what RFC 3986 calls equivalent, and nothing else', () => {
  fc.assert(
    fc.property(paths, paths, (one, other) => {
      const isSame = JSON.stringify(meaningOf(one)) === JSON.stringify(meaningOf(other))
      assert.equal(normalise(one) === normalise(other), isSame, `${one} ${other}`)
    }),
    { numRuns: 5000 },
  )
})

test('"merge-slashes" puts together what is equivalent but for runs of slashes, and nothing else', () => {
  const merged = (path: string): string =>
    JSON.stringify(meaningOf(path).filter((piece, i, all) => piece !== '/' || all[i - 1] !== '/'))
  fc.assert(
    fc.property(paths, paths, (one, other) => {
      assert.equal(merge(one) === merge(other), merged(one) === merged(other), `${one} ${other}`)
    }),
    { numRuns: 5000 },
  )
})

test('the normal form of a path is its own normal form, and means the same', () => {
  fc.assert(
    fc.property(paths, (path) => {
      assert.equal(normalise(normalise(path)), normalise(path))
      assert.equal(merge(merge(path)), merge(path))
      assert.deepEqual(meaningOf(normalise(path)), meaningOf(path))
    }),
  )
})

const letters = ['m', 's', 't', 'm-s'] as const
/** Matcher `m` holds for requests with a field `M`. */
const conditionOf: ConditionOf = (matcher) => (facts) => facts.header(matcher) !== undefined

test('keys are equal when host, path, field and every class are, and only then', () => {
  const parts = fc.record({
    host: fc.constantFrom('a', 'b', 'class', 'class=m'),
    path: fc.constantFrom('/', '/%7e', '/~', '/class=m|', '/m+s|'),
    x: fc.option(fc.constantFrom('', '|class', '|class=m|', 'm'), { nil: undefined }),
    held: fc.subarray([...letters]),
  })
  const plan: KeyPlan = {
    ...plainKey,
    headers: ['x'],
    path: { normalise: true, mergeSlashes: false },
    classes: letters.map((name) => ({ name, matcher: name })),
  }
  const keyOf = compileKey(plan, conditionOf)
  fc.assert(
    fc.property(parts, parts, (one, other) => {
      const [left, right] = [one, other].map(({ host, path, x, held }) => ({
        key: keyOf(
          request(`http://${host}${path}`, [
            ...(x === undefined ? [] : ['X', x]),
            ...held.flatMap((name) => [name, '']),
          ]),
        ),
        model: JSON.stringify([host, meaningOf(path), x ?? null, held]),
      }))
      assert.equal(left!.key === right!.key, left!.model === right!.model, `${left!.key} ${right!.key}`)
    }),
    { numRuns: 5000 },
  )
})

const weights = fc.constantFrom('', ';q=0', ';q=0.1', ';q=0.5', ';q=1')
const listOf = (...names: string[]): fc.Arbitrary<string> =>
  fc
    .array(
      fc.tuple(fc.constantFrom(...names), weights).map(([name, weight]) => name + weight),
      { maxLength: 5 },
    )
    .map((members) => members.join(', '))

test('a coding that is chosen is offered and acceptable, and no acceptable one weighs more', () => {
  const offered = ['br', 'gzip', 'zstd']
  const weightIn = (value: string, coding: string): number => {
    const members = value.split(', ').map((member) => member.split(';q='))
    const found = members.find(([name]) => name === coding) ?? members.find(([name]) => name === '*')
    return found === undefined ? 0 : Number(found[1] ?? 1)
  }
  fc.assert(
    fc.property(listOf('br', 'gzip', 'deflate', '*', 'identity'), (value) => {
      const chosen = chooseCoding(value, offered)
      const most = Math.max(...offered.map((coding) => weightIn(value, coding)))
      if (chosen === undefined) assert.equal(most, 0)
      else assert.ok(offered.includes(chosen) && weightIn(value, chosen) === most && most > 0)
    }),
  )
})

test('a language that is chosen is offered, begins a range of the client, and is chosen for itself', () => {
  const offered = ['en', 'de', 'de-at']
  fc.assert(
    fc.property(listOf('en', 'en-US', 'de', 'DE-at', 'de-AT-x-y', 'fr', '*'), (value) => {
      const chosen = chooseLanguage(value, offered)
      if (chosen === undefined) return
      assert.ok(offered.includes(chosen))
      assert.ok(value.toLowerCase().includes(chosen))
      assert.equal(chooseLanguage(chosen, offered), chosen)
    }),
  )
})

test('with lists in the key, no client can make more variants than they have members, and one for none', () => {
  const negotiation = Negotiation.of({ encodings: ['br', 'gzip'], languages: ['en', 'de'] })
  const seen = new Set<string>()
  fc.assert(
    fc.property(
      fc.string({ maxLength: 30 }),
      listOf('br', 'gzip', '*'),
      listOf('en', 'de-AT', 'fr'),
      (junk, ae, al) => {
        for (const value of [ae, junk]) {
          const fields = ['Accept-Encoding', value, 'Accept-Language', al]
          seen.add(variantKey(['accept-encoding', 'accept-language'], request('http://a/', fields), negotiation))
        }
      },
    ),
  )
  assert.ok(seen.size <= 9, [...seen].join(' '))
})
