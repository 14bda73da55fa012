import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { chooseCoding, chooseLanguage, Negotiation } from '../../../src/cache/negotiate.ts'

describe('coding (RFC 9110 §12.5.3)', () => {
  const cases: [value: string, chosen: string | undefined, why: string][] = [
    ['gzip, deflate, br, zstd', 'br', 'of equals the first of the list'],
    ['GZIP', 'gzip', 'letter case'],
    ['br;q=0.5, gzip', 'gzip', 'the greater weight'],
    ['br;q=0, gzip', 'gzip', 'refused'],
    ['br;q=0', undefined, 'nothing acceptable but identity'],
    ['deflate', undefined, 'not offered'],
    ['*', 'br', 'any'],
    ['*;q=0.2, gzip;q=0.1', 'br', 'those not named'],
    ['*, br;q=0', 'gzip', 'but this one'],
    ['x-gzip', 'gzip', 'RFC 9110 §8.4.1.3'],
    ['', undefined, 'empty: only identity'],
    ['identity', undefined, ''],
    ['br;q=high', undefined, 'cannot be read'],
    ['gzip;q=0.001', 'gzip', 'the smallest weight'],
  ]
  for (const [value, chosen, why] of cases) {
    test(`${value} (${why})`, () => assert.equal(chooseCoding(value, ['br', 'gzip']), chosen))
  }
})

describe('language (RFC 4647 §3.4)', () => {
  const cases: [value: string, chosen: string | undefined, why: string][] = [
    ['de', 'de', ''],
    ['de-AT, en;q=0.5', 'de', 'shortened'],
    ['fr, en;q=0.9, de;q=0.8', 'en', 'the best that is offered'],
    ['de;q=0.8, en;q=0.9', 'en', 'by weight'],
    ['de, en', 'de', 'of equals the first in the field'],
    ['zh-Hant-CN-x-private', 'zh-hant', 'the single letter goes with what it introduces'],
    ['zh', undefined, 'never made longer'],
    ['pt-BR', undefined, 'not offered'],
    ['*', undefined, 'any: the default of the origin'],
    ['*, en;q=0.1', 'en', 'passed over'],
    ['de-CH, de;q=0, en;q=0.3', 'en', 'a refusal counts'],
    ['de;q=0', undefined, ''],
    ['d e', undefined, 'cannot be read'],
    ['', undefined, ''],
    ['-', undefined, ''],
    ['-de', undefined, ''],
  ]
  for (const [value, chosen, why] of cases) {
    test(`${value} (${why})`, () => assert.equal(chooseLanguage(value, ['en', 'de', 'zh-hant']), chosen))
  }
})

describe('Negotiation', () => {
  const both = Negotiation.of({ encodings: ['br', 'gzip'], languages: ['en'] })!

  test('chooses for the fields it is told of, and leaves others as they are', () => {
    assert.equal(both.chosen('accept-encoding', 'gzip'), 'gzip')
    assert.equal(both.chosen('accept-encoding', 'deflate'), undefined)
    assert.equal(both.chosen('accept-language', 'en-GB'), 'en')
    assert.equal(both.chosen('x-color', 'red, BLUE'), 'red, BLUE')
    assert.equal(both.chosen('accept-encoding', undefined), undefined)
    const one = Negotiation.of({ encodings: ['br'], languages: [] })!
    assert.equal(one.chosen('accept-language', 'de, en'), 'de, en')
  })

  test('edits a request as it chooses, all lines of a field together', () => {
    const list = [
      'accept-encoding',
      'deflate',
      'Host',
      'a',
      'Accept-Encoding',
      'gzip',
      'ACCEPT-LANGUAGE',
      'fr',
      'X',
      'y',
    ]
    both.apply(list)
    assert.deepEqual(list, ['Host', 'a', 'X', 'y', 'Accept-Encoding', 'gzip'])
  })

  test('is nothing where nothing is offered', () => {
    assert.equal(Negotiation.of({ encodings: [], languages: [] }), undefined)
  })
})
