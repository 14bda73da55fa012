import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compilePath } from '../../../src/cache/key-path.ts'

const normalise = compilePath({ normalise: true, mergeSlashes: false })!
const merge = compilePath({ normalise: true, mergeSlashes: true })!

describe('the path in the key (RFC 3986 §6.2.2)', () => {
  const cases: [path: string, normal: string, why: string][] = [
    ['/a/B.css', '/a/B.css', 'letter case counts'],
    ['/%7Euser/%7euser/~user', '/~user/~user/~user', 'unreserved letters stand for themselves'],
    ['/%41%5A%61%7A%30%39%2D%2E%5F', '/AZaz09-._', 'all of them'],
    ['/a%2fb', '/a%2Fb', 'a reserved one is data: only the case of its digits changes'],
    ['/a%3fb%23%25%c3%a9', '/a%3Fb%23%25%C3%A9', ''],
    ['/%', '/%', 'no escape'],
    ['/%4', '/%4', 'no escape'],
    ['/%zz', '/%zz', 'no escape'],
    ['/%4%61', '/%4%61', 'an escape must not come out of what is none'],
    ['/%2541', '/%2541', 'decoded once'],
    ['//a///b', '//a///b', 'slashes count'],
    ['*', '*', 'the asterisk form'],
  ]
  for (const [path, normal, why] of cases) {
    test(`${path} is ${normal} (${why})`, () => assert.equal(normalise(path), normal))
  }

  test('"merge-slashes": a run of slashes is one, an escaped slash is none', () => {
    assert.equal(merge('//a///b/%2f/%61'), '/a/b/%2F/a')
    assert.equal(merge('//%zz'), '/%zz')
  })

  test('without "normalise" there is nothing to do', () => {
    assert.equal(compilePath({ normalise: false, mergeSlashes: false }), undefined)
  })
})
