import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { compilePathGlob, compileTextGlob } from '../../../src/util/glob.ts'

describe('path globs', () => {
  const cases: [pattern: string, text: string, captures: string[] | undefined][] = [
    ['/', '/', []],
    ['/a', '/a/', undefined],
    ['**', '/any/thing', ['/any/thing']],
    ['/**', '/', ['']],
    ['/**', '*', undefined],
    ['/api/**', '/api/', ['']],
    ['/api/**', '/api', undefined],
    ['/api/**', '/api/v1/x', ['v1/x']],
    ['/api/*', '/api/v1', ['v1']],
    ['/api/*', '/api/v1/x', undefined],
    ['**.css', '/.css', ['/']],
    ['**.css', '/a/b.css', ['/a/b']],
    ['**.css', '/a/b.css?', undefined],
    ['/*.css', '/a/b.css', undefined],
    ['/a**a', '/a', undefined],
    ['/a**a', '/aa', ['']],
    ['/user/*/posts/**', '/user/7/posts/8/9', ['7', '8/9']],
    ['/user/*/posts/**', '/user/7/8/posts/9', undefined],
    ['/a*b/**', '/axb/c', ['x', 'c']],
    ['/a/**/b/**', '/a/1/b/2/b/3', ['1', '2/b/3']],
    ['/**/*.js', '/a/b/c.js', ['a/b', 'c']],
    ['/**/*.js', '/c.js', undefined],
    ['/***', '/x/y', ['x/y']],
    ['/a.b[c]?', '/a.b[c]?', []],
    ['/a.b', '/axb', undefined],
    ['', '', []],
  ]
  for (const [pattern, text, captures] of cases) {
    it(`${pattern} ${captures ? 'matches' : 'does not match'} ${text}`, () => {
      const glob = compilePathGlob(pattern)
      assert.equal(glob.matches(text), captures !== undefined)
      assert.deepEqual(glob.captures(text), captures)
    })
  }

  it('gives the common forms a test of their own', () => {
    const shapes = ['/a', '**', '/a/**', '**.css', '/a/*', '/a/**/b', '/*/*'].map((p) => compilePathGlob(p).shape)
    assert.deepEqual(shapes, ['literal', 'any', 'prefix', 'suffix', 'around', 'around', 'table'])
  })

  it('stays fast on a text that makes backtracking matchers explode', () => {
    const glob = compilePathGlob('/**a**a**a**a**a**a**a**b*c')
    const started = performance.now()
    assert.equal(glob.matches(`/${'a'.repeat(16_000)}c`), false)
    assert.ok(performance.now() - started < 250)
  })
})

describe('text globs', () => {
  it('lets one star cross slashes', () => {
    assert.equal(compileTextGlob('Mozilla/*').matches('Mozilla/5.0 (X11) Gecko/1'), true)
    assert.equal(compileTextGlob('*json*').matches('application/json; charset=utf-8'), true)
  })
})

describe('globs against regular expressions', () => {
  const letters = fc.constantFrom('a', 'b', '/', '.', '*', '**')
  const patterns = fc.array(letters, { maxLength: 7 }).map((parts) => parts.join(''))
  const texts = fc.array(fc.constantFrom('a', 'b', '/', '.'), { maxLength: 10 }).map((parts) => parts.join(''))

  /** The slow model: a lazy RegExp says the same in words of its own. */
  function model(pattern: string): RegExp {
    const source = pattern.replace(/\*+|\.|\//g, (found) => {
      if (found[0] !== '*') return `\\${found}`
      return found.length === 1 ? '([^/]*?)' : '([^]*?)'
    })
    return new RegExp(`^${source}$`)
  }

  it('agree on every pattern and text, and on captures', () => {
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => {
        const expected = model(pattern).exec(text)
        const glob = compilePathGlob(pattern)
        assert.equal(glob.matches(text), expected !== null)
        assert.deepEqual(glob.captures(text), expected ? [...expected].slice(1) : undefined)
      }),
      { numRuns: 5000 },
    )
  })
})
