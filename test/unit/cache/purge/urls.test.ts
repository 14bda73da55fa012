import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileUrlPattern, type PatternKind } from '../../../../src/cache/purge/url-pattern.ts'
import { UrlRequest, urlPattern } from '../../../../src/cache/purge/url-request.ts'
import { compileUrlText } from '../../../../src/cache/purge/url-text.ts'
import { plainKey, request } from '../facts.ts'

const urls = [
  'a.example|/img/x.png',
  'a.example|/img/x.png?v=1',
  'b.example|/img/y/z.png',
  '/img/x.png',
  'a.example|/a|b',
]

function covered(kind: PatternKind, pattern: string): string[] {
  return urls.filter(compileUrlPattern(kind, pattern))
}

describe('a pattern', () => {
  it('that is a prefix covers what begins so, under its host or under all', () => {
    assert.deepEqual(covered('prefix', '/img/'), urls.slice(0, 4))
    assert.deepEqual(covered('prefix', 'b.example/img/'), ['b.example|/img/y/z.png', '/img/x.png'])
    assert.deepEqual(covered('prefix', '*.example/img/y'), ['b.example|/img/y/z.png'])
    assert.deepEqual(covered('prefix', '/a|b'), ['a.example|/a|b'])
    assert.deepEqual(covered('prefix', '/img/x.png?'), ['a.example|/img/x.png?v=1'])
    assert.deepEqual(covered('prefix', '/*'), [])
  })

  it('that is a glob covers whole paths, with any query unless it has one itself', () => {
    assert.deepEqual(covered('glob', '/img/*.png'), [urls[0], urls[1], urls[3]])
    assert.deepEqual(covered('glob', '/img/**.png'), urls.slice(0, 4))
    assert.deepEqual(covered('glob', '/img/*?v=*'), [urls[1]])
    assert.deepEqual(covered('glob', 'a.*/**'), [urls[0], urls[1], urls[3], urls[4]])
    assert.deepEqual(covered('glob', '/img'), [])
  })
})

describe('a URL that is typed', () => {
  const textOf = compileUrlText(plainKey)

  it('has the text of a request for it', () => {
    const typed: [url: string, text: string][] = [
      ['http://Shop.example/a?b=1', 'shop.example|/a?b=1'],
      ['https://shop.example:443/', 'shop.example|/'],
      ['http://shop.example:443/', 'shop.example:443|/'],
      ['http://shop.example', 'shop.example|/'],
      ['http://shop.example?a', 'shop.example|/?a'],
      ['http://[::1]:8080/a?', '[::1]:8080|/a?'],
    ]
    for (const [url, text] of typed) assert.equal(textOf(UrlRequest.parse(url)!), text)
    const received = request('https://shop.example/a', ['Cookie', 'a=b'])
    assert.equal(
      compileUrlText({ ...plainKey, cookies: ['a'] })(received),
      textOf(UrlRequest.parse('http://shop.example/a')!),
    )
  })

  it('is refused without scheme and host, or with what no client sends', () => {
    for (const url of [
      '/a',
      'shop.example/a',
      'ftp://a/',
      'http:///a',
      'http://a/b c',
      'http://a/é',
      'http://a/#b',
      'http://me@a/',
      '',
    ]) {
      assert.equal(UrlRequest.parse(url), undefined, url)
    }
  })

  it('is a pattern with its host, or a path for all hosts', () => {
    assert.equal(urlPattern('/img/*'), '/img/*')
    assert.equal(urlPattern('http://*.example:80/img/*?v=*'), '*.example/img/*?v=*')
    assert.equal(urlPattern('https://a:80/'), 'a:80/')
    for (const text of ['img', 'a/b', '/a b', '']) assert.equal(urlPattern(text), undefined, text)
  })
})
