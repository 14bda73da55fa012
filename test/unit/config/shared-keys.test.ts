import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadConfig } from '../../../src/config/load.ts'
import { noFiles } from './no-files.ts'

const objects = `shellac 1; listener l { address *:80; } listener m { address *:81; }
  backend b { server a 127.0.0.1:80; } backend n { server a 127.0.0.1:81; }
  match @beta { cookie beta present; } match @post { method POST; } match @old { path /old/**; query v 1; }
  match @near { source 10.0.0.0/8; }
  cache c { tier memory 64MiB; } cache bare { tier memory 64MiB; key { host off; scheme off; query keep q; } }`

function codesOf(text: string): string[] {
  const { diagnostics } = loadConfig({ kind: 'text', name: 'shellac.conf', text: objects + text }, noFiles)
  return diagnostics.filter(({ code }) => code !== 'unused-name').map(({ code }) => code)
}

function cases(list: readonly (readonly [text: string, codes: readonly string[], why: string])[]): void {
  for (const [text, codes, why] of list) {
    it(`${codes.join() || 'nothing'}: ${why}`, () => assert.deepEqual(codesOf(text), codes))
  }
}

/** A site with two routes for the same paths; `more`: statements of the one chosen by a matcher. */
const routes = (when: string, more: string, cache = 'use-cache c;', rest = ''): string =>
  `site * { ${cache} route beta { path /**; when ${when}; ${more} } route rest { path /**; proxy b; ${rest} } }`

describe('routes that fill the same objects', () => {
  cases([
    [routes('@beta', 'proxy n;'), ['shared-key'], 'another backend for some clients'],
    [routes('@near', 'proxy b; add-prefix /x;'), ['shared-key'], 'another path for some clients'],
    [routes('@near', 'proxy b; headers { request set X-Near yes; }'), ['shared-key'], 'another field for some clients'],
    [routes('@beta', 'proxy n; method GET POST;'), ['shared-key'], 'methods that are cached among others'],
    [routes('@beta', 'proxy b;'), [], 'the same backend, asked the same'],
    [routes('@beta', 'proxy b; headers { response set X-Beta yes; }'), [], 'edits of responses are made on delivery'],
    [routes('@beta', 'proxy n; cache off;'), [], 'one of them is not cached'],
    [routes('@beta', 'proxy n; method POST;'), [], 'one of them is never answered from the cache'],
    [routes('@old', 'proxy n;'), [], 'path and query are in the key'],
    [routes('@old', 'proxy n;', 'use-cache bare;'), ['shared-key'], 'unless the key leaves the query out'],
    [
      `${routes('@beta', 'proxy n; cache t;', undefined, 'cache t;')} rule t { key { cookie keep beta; } }`,
      [],
      'told apart',
    ],
    [`${routes('@near', 'proxy n; cache t;', undefined, 'cache t;')} rule t { key { class x @near; } }`, [], 'a class'],
    [
      `${routes('@near', 'proxy n; cache t;')} rule t { key { class x @near; } }`,
      ['shared-key'],
      'of one of them only',
    ],
    [
      'site * { use-cache c; route a { path /a/**; when @beta; proxy n; } route b { path /b/**; proxy b; } }',
      [],
      'other paths',
    ],
    ['site * { use-cache c; route a { path /a/**; proxy n; } route b { path /**; proxy b; } }', [], 'the path decides'],
  ])
})

describe('sites that fill the same objects', () => {
  cases([
    ['site a { use-cache bare; proxy b; } site b { use-cache bare; proxy n; }', ['shared-key'], '"host off"'],
    ['site a { use-cache bare; proxy b; } site b { use-cache bare; proxy b; }', [], '"host off", the same backend'],
    ['site a { use-cache c; proxy b; } site b { use-cache c; proxy n; }', [], 'other hosts'],
    [
      'site a { on l; use-cache c; proxy b; } site a { on m; use-cache c; proxy n; }',
      ['shared-key'],
      'one host, two listeners',
    ],
    [
      'site * { on l; use-cache c; proxy b; } site a { on l m; use-cache c; proxy n; }',
      ['shared-key'],
      'every other host too',
    ],
    ['site * { use-cache c; proxy b; } site a { use-cache c; proxy n; }', [], 'one of them takes the host'],
    ['site a { on l; use-cache c; proxy b; } site a { on m; use-cache bare; proxy n; }', [], 'other caches'],
  ])
})

describe('what the origin is told and the key is not', () => {
  const edit = (edits: string, cache = 'bare'): string => `site * { use-cache ${cache}; proxy b; headers { ${edits} } }`
  cases([
    [edit('request set X-Q $request.query;'), ['key-too-short'], 'the query'],
    [edit('request add X-U "u $request.uri";'), ['key-too-short'], 'the URI'],
    [edit('request set X-H $request.host;'), ['key-too-short'], 'the host'],
    [edit('request set X-S $request.scheme;'), ['key-too-short'], 'the scheme'],
    [
      edit('request set X-Q $request.query; request set X-S $request.scheme; request set X-H $request.host;', 'c'),
      [],
      'all in the key',
    ],
    [edit('request set X-P $request.path; request set X-Id $request.id;'), [], 'the path is, a number is for logs'],
    [edit('response set X-H $request.host;'), [], 'what clients are told'],
    [
      `${edit('request set X-Q $request.query; ').replace('proxy', 'cache t; proxy')} rule t { key { header X-Q; } }`,
      [],
      'the field is',
    ],
  ])
})

describe('Vary on what the origin does not see', () => {
  const rule = (text: string): string => `site * { use-cache c; proxy b; cache r; } rule r { ${text} }`
  cases([
    [rule('remove request X-A; headers { response add Vary X-A; }'), ['vary-unseen'], 'removed'],
    [rule('headers { request set x-a 1; response set Vary "Accept, X-A"; }'), ['vary-unseen'], 'always the same'],
    [rule('headers { request set X-A $request.path; response set Vary X-A; }'), [], 'it is told something else'],
    [rule('headers { request remove X-A when @beta; response set Vary X-A; }'), [], 'it sees it sometimes'],
    [rule('remove request X-A; headers { response add Vary X-B; response remove Vary; }'), [], 'another field'],
  ])
})
