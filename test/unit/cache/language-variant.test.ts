import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  contentLanguage,
  preferredLanguage,
  preferredVariant,
  statedVariant,
} from '../../../src/cache/language-variant.ts'
import { Negotiation } from '../../../src/cache/negotiate.ts'
import type { ResponseFacts } from '../../../src/plan/facts.ts'
import { request, response } from './facts.ts'

describe('preferredLanguage', () => {
  const cases: [value: string, tag: string, why: string][] = [
    ['en, de;q=0.5', 'en', 'the best'],
    ['fr;q=0.5, DE;q=1.0', 'de', 'by weight, in lower case'],
    ['en-US,en;q=0.9', 'en-us', 'never made shorter'],
    ['en, de', '', 'two alike'],
    ['en, EN', '', 'even the same twice'],
    ['*', '', 'any'],
    ['*, en;q=0.5', '', 'any is better than the one that is named'],
    ['en;q=0.2', 'en', 'the only one, however little it is liked'],
    ['en;q=0', '', 'refused'],
    ['en;q=0, de;q=0.001', 'de', ''],
    ['', '', 'empty'],
    ['e n', '', 'cannot be read'],
    ['en;level=1, de', '', 'cannot be read'],
  ]
  for (const [value, tag, why] of cases) {
    test(`${value} (${why})`, () => assert.equal(preferredLanguage(value), tag))
  }
})

describe('contentLanguage (RFC 9110 §8.5)', () => {
  const cases: [value: string | undefined, tag: string][] = [
    [undefined, ''],
    ['', ''],
    ['de-AT', 'de-at'],
    [' en\t', 'en'],
    ['en, de', ''],
    ['e n', ''],
    ['en|x', 'en|x'],
  ]
  for (const [value, tag] of cases) test(`${value}`, () => assert.equal(contentLanguage(value), tag))
})

const inLanguage = (tag: string): ResponseFacts => response(200, 'Content-Language', tag)

describe('the language name of a variant', () => {
  const fields = ['Accept-Language', 'de;q=0.9, fr;q=0.1', 'X', '1|<']
  const facts = request('http://a/', fields)

  test('is the same for who prefers a language as for what is in it', () => {
    const names = ['accept-language', 'x']
    assert.equal(preferredVariant(names, facts, undefined), 'de|x=1%7C<')
    assert.equal(statedVariant(inLanguage('de'), names, facts, undefined), 'de|x=1%7C<')
    assert.notEqual(statedVariant(inLanguage('fr'), names, facts, undefined), 'de|x=1%7C<')
  })

  test('is none where the language does not select, or is not known', () => {
    assert.equal(preferredVariant(['x'], facts, undefined), undefined)
    assert.equal(statedVariant(inLanguage('de'), ['x'], facts, undefined), undefined)
    assert.equal(statedVariant(response(200), ['accept-language'], facts, undefined), undefined)
    assert.equal(preferredVariant(['accept-language'], request('http://a/'), undefined), undefined)
    assert.equal(
      preferredVariant(['accept-language'], request('http://a/', ['Accept-Language', 'a, b']), undefined),
      undefined,
    )
  })

  test('is of the language that is chosen of those offered', () => {
    const negotiation = Negotiation.of({ encodings: [], languages: ['fr'] })
    assert.equal(preferredVariant(['accept-language'], facts, negotiation), 'fr|')
  })
})
