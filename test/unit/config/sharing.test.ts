import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadConfig } from '../../../src/config/load.ts'
import { noFiles } from './no-files.ts'

/** Codes of what is said of a site with a rule for its stylesheets, where its pages bypass the cache by a cookie. */
function codesOf(rule: string, { cache = '', pages = 'bypass @in;', css = '', more = '' } = {}): string[] {
  const text = `shellac 1; listener l { address *:80; } backend b { server a 127.0.0.1:80; }
    match @in { cookie session present; } match @key { header Authorization present; }
    cache c { tier memory 64MiB; ${cache} }
    rule css { ${rule} } rule pages { ${pages} }
    site * { proxy b; use-cache c; route css { path /css/**; cache css; ${css} } route pages { path /**; cache pages; } }
    ${more}`
  const { diagnostics } = loadConfig({ kind: 'text', name: 'shellac.conf', text }, noFiles)
  return diagnostics.filter(({ code }) => code !== 'unused-name').map(({ code }) => code)
}

describe('what may be shared although it is private', () => {
  const warned: [rule: string, options: Parameters<typeof codesOf>[1], why: string][] = [
    ['ttl 1d override;', {}, 'a longer life beside a bypass'],
    ['ttl 200 1d override;', {}, ''],
    ['override private;', {}, ''],
    ['override no-store;', {}, ''],
    ['store set-cookie;', {}, ''],
    ['override authorization;', { pages: 'bypass @key;' }, 'a credential that is a field'],
    ['ttl 1d override; bypass @key;', {}, 'another credential is looked at'],
    ['ttl 1d override; key { cookie keep currency; }', {}, 'another cookie is in the key'],
    ['ttl 1d override; headers { request remove Cookie when @key; }', {}, 'the cookie goes sometimes'],
    ['ttl 1d override; headers { request set Cookie "$request.id"; }', {}, 'it becomes something else'],
    ['ttl 1d override;', { pages: 'no-store @in;' }, 'the others look at it when they store'],
    ['ttl 1d override;', { more: 'match @any { not { @in; } }', pages: 'bypass @any;' }, 'through another matcher'],
  ]
  for (const [rule, options, why] of warned) {
    it(`warns of "${rule}" (${why})`, () => assert.deepEqual(codesOf(rule, options), ['shared-private']))
  }

  const silent: [rule: string, options: Parameters<typeof codesOf>[1], why: string][] = [
    ['ttl 1d override; bypass @in;', {}, 'a bypass of its own'],
    ['ttl 1d override;', { cache: 'bypass @in;' }, 'that of its cache'],
    ['ttl 1d override; no-store @in;', {}, 'not stored'],
    ['ttl 1d override;', { css: 'when @in;' }, 'the route is chosen by it'],
    ['ttl 1d override; key { cookie keep session; }', {}, 'in the key'],
    ['ttl 1d override; key { header Cookie; }', {}, 'in the key, with all others'],
    ['ttl 1d override; key { class in @in; }', {}, 'a class of its own'],
    ['ttl 1d override; remove request Cookie;', {}, 'the origin does not see it'],
    ['ttl 1d override; headers { request set Cookie "a=1"; }', {}, 'the origin always sees the same'],
    ['override authorization; remove request Authorization;', { pages: 'bypass @key;' }, ''],
    ['ttl 0s override;', {}, 'nothing is stored'],
    ['ttl 404 1d override;', {}, 'no pages'],
    ['ttl 1d;', {}, 'the origin decides'],
    ['ttl 1d override;', { pages: 'bypass @key;' }, 'what answers Authorization is not stored by that'],
    ['override authorization; key { header Authorization; }', { pages: 'bypass @key;' }, 'told apart'],
    ['override no-cache;', {}, 'validated or not, it is for all'],
    ['override set-cookie; remove response Set-Cookie;', {}, 'the cookie does not come'],
    ['ttl 1d override;', { pages: '' }, 'nobody tells clients apart'],
    ['content public; ttl 1d override; override private set-cookie;', {}, 'the operator knows'],
    ['ttl 1d override;', { cache: 'content public;' }, 'of the whole cache'],
  ]
  for (const [rule, options, why] of silent) {
    it(`does not warn of "${rule}" (${why})`, () => assert.deepEqual(codesOf(rule, options), []))
  }

  it('says it once, however many routes use the rule', () => {
    assert.deepEqual(
      codesOf('override private;', { more: 'site a { proxy b; use-cache c; route css { path /**; cache css; } }' }),
      ['shared-private'],
    )
  })
})

describe('what is private, and lives on past its end', () => {
  const none = { pages: '' }
  for (const [rule, options, codes] of [
    ['override private; grace 10s;', none, ['stale-private']],
    ['override private; stale-if-error 10s;', none, ['stale-private']],
    ['store set-cookie;', { ...none, cache: 'grace 1h;' }, ['stale-private']],
    ['override authorization; grace 0s;', { ...none, cache: 'grace 1h;' }, []],
    ['ttl 1d override; grace 10s;', none, []],
    ['override private; grace 10s; remove request Cookie;', none, []],
    ['override set-cookie; grace 10s; remove response Set-Cookie;', none, []],
    ['override private; grace 10s; bypass @key;', none, []],
    ['override private; grace 10s; content public;', none, []],
  ] as const) {
    it(`"${rule}" gives ${codes.join() || 'nothing'}`, () => assert.deepEqual(codesOf(rule, options), codes))
  }
})
