import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hasDotSegment, plainPath } from '../../../src/http/plain-path.ts'

it('decodes what need not be encoded, and nothing else', () => {
  const cases = [
    ['/admin', '/admin'],
    ['/%61dmin', '/admin'],
    ['/%41%7e%2D%5f%2e%39', '/A~-_.9'],
    ['/a%2Fb%5Cc', '/a%2Fb%5Cc'],
    ['/%00%0d%0a%20%25%3f%23', '/%00%0d%0a%20%25%3f%23'],
    ['/%2561', '/%2561'],
    ['/%c3%a9', '/%c3%a9'],
    ['/%', '/%'],
    ['/%6', '/%6'],
    ['/%6g%g6', '/%6g%g6'],
    ['/%%61', '/%a'],
    ['*', '*'],
  ] as const
  for (const [path, plain] of cases) assert.equal(plainPath(path), plain, path)
})

it('makes runs of slashes one', () => {
  assert.equal(plainPath('//admin'), '/admin')
  assert.equal(plainPath('/a///b//'), '/a/b/')
  assert.equal(plainPath('//%61//'), '/a/')
})

it('finds dot segments in every spelling', () => {
  const dotted = [
    '/.',
    '/..',
    '/a/../b',
    '/a/./b',
    '/a/..',
    '/%2e',
    '/a/.%2E/b',
    '/a/%2e%2e%2fb',
    '/a%2f..',
    '/a%5c..%5Cb',
  ]
  for (const path of [...dotted, '/..;/b', '/a/..;x=y/b', '/.;']) assert.ok(hasDotSegment(path), path)
})

it('leaves names with dots alone', () => {
  const names = [
    '/',
    '/.well-known/x',
    '/a..b',
    '/...',
    '/a.',
    '/a../b',
    '/.a/b',
    '/a/..b',
    '/%2ehtaccess',
    '/%252e%252e/',
  ]
  for (const path of [...names, '*', '']) assert.ok(!hasDotSegment(path), path)
})
