import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseVary, variantKey, variantObjectKey } from '../../../src/cache/vary.ts'
import { normaliseWeightedList } from '../../../src/cache/weighted-list.ts'
import { request } from './facts.ts'

describe('parseVary (RFC 9110 §12.5.5)', () => {
  const cases: [lines: string[], names: string[] | '*', why: string][] = [
    [[], [], 'absent'],
    [[''], [], 'empty'],
    [['Origin'], ['origin'], ''],
    [['Origin, ACCEPT-Encoding\t,,', 'accept-encoding'], ['accept-encoding', 'origin'], 'lines combine, sorted, once'],
    [['*'], '*', 'star'],
    [['Origin, *'], '*', 'anywhere'],
    [['Origin', '*'], '*', 'on any line'],
    [['Ori gin'], '*', 'what is no name cannot be compared'],
    [[Array.from({ length: 33 }, (_, i) => `x${i}`).join()], '*', 'too many'],
  ]
  for (const [lines, names, why] of cases) {
    test(`${lines.join(' / ').slice(0, 40)} (${why})`, () => {
      assert.deepEqual(parseVary(lines), names === '*' ? { star: true, names: [] } : { star: false, names })
    })
  }
})

describe('normaliseWeightedList (RFC 9110 §12.4.2)', () => {
  const cases: [value: string, normal: string, why: string][] = [
    ['gzip, deflate, br', 'br,deflate,gzip', 'order means nothing at equal weight'],
    ['GZIP, br;q=1.000 , de;q=0.50', 'br,gzip,de;q=0.5', 'one spelling'],
    ['a;q=0.1, b;q=0.9', 'b;q=0.9,a;q=0.1', 'weight goes first'],
    ['a;q=0.123;x', 'a;q=0.123;x', 'what cannot be read stays'],
    ['a;q=2', 'a;q=2', 'no weight'],
    ['a;q=0.1234', 'a;q=0.1234', 'too many digits'],
    ['a ; q=0.001,*;q=0', 'a;q=0.001,*;q=0', 'blanks; zero is a refusal'],
    ['en-US, EN-us', 'en-us,en-us', 'letter case'],
    ['', '', 'empty'],
    [',a,,', 'a', 'empty members'],
    ['a b', 'a b', 'no token'],
  ]
  for (const [value, normal, why] of cases) {
    test(`${value} (${why})`, () => {
      assert.equal(normaliseWeightedList(value), normal)
      assert.equal(normaliseWeightedList(value), normal, 'remembered')
    })
  }

  test('many spellings are forgotten, not kept', () => {
    for (let i = 0; i < 2000; i++) normaliseWeightedList(`x${i},a`)
    assert.equal(normaliseWeightedList('B,a'), 'a,b')
  })
})

describe('variantKey (RFC 9111 §4.1)', () => {
  const key = (names: string[], ...fields: string[]): string =>
    variantKey(names, request('http://a/', fields), undefined)

  test('absent equals absent, and is not empty', () => {
    assert.equal(key(['a', 'b']), 'a|b')
    assert.equal(key(['a', 'b'], 'A', ''), 'a=|b')
  })

  test('lines combine, blanks around commas do not count', () => {
    assert.equal(key(['x'], 'X', '1 ,\t2', 'X', '3'), 'x=1,2,3')
    assert.equal(key(['x'], 'X', '1,2,3'), 'x=1,2,3')
    assert.equal(key(['x'], 'X', '"1 , 2", 3'), 'x="1 , 2",3')
    assert.equal(key(['x'], 'X', '"1 , 2'), 'x="1 , 2')
  })

  test('encodings and languages by meaning, other fields by letter', () => {
    assert.equal(
      key(['accept-encoding'], 'Accept-Encoding', 'BR, gzip'),
      key(['accept-encoding'], 'Accept-Encoding', 'gzip,br'),
    )
    assert.equal(
      key(['accept-language'], 'Accept-Language', 'de, en;q=0.5'),
      key(['accept-language'], 'Accept-Language', 'en;q=0.50,DE'),
    )
    assert.notEqual(key(['x'], 'X', 'a, b'), key(['x'], 'X', 'b, a'))
    assert.notEqual(key(['x'], 'X', 'a'), key(['x'], 'X', 'A'))
  })

  test('parts cannot run into each other', () => {
    assert.equal(key(['a', 'b'], 'A', '1|b=2'), 'a=1%7Cb=2|b')
    assert.equal(variantObjectKey('http|a|/', 'x=1'), '\nx=1\nhttp|a|/')
  })
})
