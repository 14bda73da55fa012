import assert from 'node:assert/strict'
import { test } from 'node:test'
import { didYouMean, editDistance, suggest } from '../../../src/config/suggest.ts'

test('distance counts letters put in, taken out, replaced and swapped', () => {
  const cases = [
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['listen', 'lisen', 1],
    ['listen', 'lsiten', 1],
    ['ca', 'abc', 3],
    ['kitten', 'sitting', 3],
  ] as const
  for (const [a, b, distance] of cases) {
    assert.equal(editDistance(a, b), distance, `${a} ${b}`)
    assert.equal(editDistance(b, a), distance, `${b} ${a}`)
  }
})

test('near words come nearest first, far ones not at all', () => {
  assert.deepEqual(suggest('memcahed', ['memory', 'memcached', 'cache']), ['memcached'])
  assert.deepEqual(suggest('lisener', ['listener', 'listen', 'limits']), ['listener'])
  assert.deepEqual(suggest('proxy_pass', ['proxy-pass', 'proxy']), ['proxy-pass'])
  assert.deepEqual(suggest('xyz', ['backend', 'cache']), [])
})

test('case and underscores cost nothing, the word itself is no suggestion', () => {
  assert.deepEqual(suggest('Balance', ['balance', 'Balance']), ['balance'])
  assert.deepEqual(suggest('use_cache', ['use-cache']), ['use-cache'])
})

test('long words are not compared', () => {
  assert.deepEqual(suggest('a'.repeat(100_000), ['a'.repeat(100_001)]), [])
})

test('the question names every choice', () => {
  assert.equal(didYouMean([]), undefined)
  assert.equal(didYouMean(['a']), 'did you mean "a"?')
  assert.equal(didYouMean(['a', 'b', 'c']), 'did you mean "a", "b" or "c"?')
})
