/** The example of every directive is right not only by itself, but as a part of a whole configuration. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runTests } from '../../../src/cli/config-tests.ts'
import type { Context, ContextName } from '../../../src/config/directives/directive.ts'
import { contexts } from '../../../src/config/directives/table.ts'
import { guides } from '../../../src/config/guides.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { formatDiagnostics } from '../../../src/config/print.ts'
import { filesOf } from '../../support/config.ts'

/** The objects that examples speak of; an example that declares one of them replaces it. */
const objects: Readonly<Record<string, string>> = {
  'shellac 1': 'shellac 1;',
  'listener public': 'listener public { address *:8000; }',
  'backend app': 'backend app { server a 127.0.0.1:8080; }',
  ...Object.fromEntries(
    ['edge', 'spare', 'copy', 'old', 'tests'].map((name, index) => [
      `memcached ${name}`,
      `memcached ${name} { server a 127.0.0.1:${11_211 + index}; }`,
    ]),
  ),
  'tls-sessions edge-tls': 'tls-sessions edge-tls { }',
  'cache shop': 'cache shop { tier memory 256MiB; }',
  'rule static': 'rule static { ttl 1d; }',
  'site shop.example.com':
    'site shop.example.com { proxy app; use-cache shop; route css { path /css/*; } route pages { path /pages/*; } }',
  ...Object.fromEntries(
    ['logged-in', 'failed', 'personal', 'ops', 'office', 'crawlers', 'mobile', 'large'].map((name) => [
      `match @${name}`,
      `match @${name} { ${name === 'failed' ? 'status 5xx' : name === 'personal' ? 'response-header X-User present' : 'source 10.0.0.0/8'}; }`,
    ]),
  ),
}

/** Where a statement of each block stands: "%" is its place. */
const surroundings: Readonly<Record<ContextName, string>> = {
  main: '%',
  process: 'process { % }',
  reload: 'reload { % }',
  admin: 'admin { % }',
  'log daemon': 'log daemon { to stderr; % }',
  'log access': 'log access { to stdout; % }',
  listener: 'listener more { address *:8001; % }',
  tls: 'listener more { address *:8001; tls { certificate /etc/shellac/more.pem; % } }',
  'client-certificate':
    'listener more { address *:8001; tls { certificate /more.pem; client-certificate optional { ca /ca.pem; % } } }',
  limits: 'listener more { address *:8001; limits { % } }',
  backend: 'backend more { server a 127.0.0.1:8081; % }',
  retry: 'backend more { server a 127.0.0.1:8081; retry { % } }',
  'backend tls': 'backend more { server a 127.0.0.1:8081; tls { % } }',
  'response-limits': 'backend more { server a 127.0.0.1:8081; response-limits { % } }',
  memcached: 'memcached more { server a 127.0.0.1:11220; % }',
  'memcached-proxy': 'memcached-proxy more { listen 127.0.0.1:11230; pool edge; % }',
  'memcached limits': 'memcached-proxy more { listen 127.0.0.1:11230; pool edge; limits { % } }',
  'tls-sessions': 'tls-sessions more { seal "sixteen bytes of it"; % }',
  tickets: 'tls-sessions more { seal "sixteen bytes of it"; tickets { % } }',
  'session ids': 'tls-sessions more { mode ids; seal "sixteen bytes of it"; ids { % } }',
  cache: 'cache more { tier memory 256MiB; % }',
  rule: 'rule more { % }',
  key: 'rule more { key { % } }',
  collapse: 'cache more { tier memcached edge; collapse { % } }',
  tags: 'rule more { tags { % } }',
  purge: 'cache more { tier memory 256MiB; purge { allow @ops; % } }',
  headers: 'site more.example.com { proxy app; headers { % } }',
  match: 'match @more { % }',
  site: 'site more.example.com { proxy app; use-cache shop; % }',
  forwarded: 'site more.example.com { proxy app; forwarded { % } }',
  route: 'site more.example.com { proxy app; use-cache shop; route more { path /media/*; % } }',
  test: 'test "more" { request GET http://shop.example.com/; expect status 2xx; % }',
  'test message': 'test "more" { request GET http://shop.example.com/ { % } expect status 2xx; }',
  'test stored':
    'test "more" { request GET http://shop.example.com/; stored GET http://shop.example.com/ { % } expect status 2xx; }',
}

/** Statements that need something beside them. */
const neighbours: ReadonlyMap<string, string> = new Map([
  ['before', 'site more.example.com { proxy app; route pages { path /*/a; } route more { path /media/*; % } }'],
])

/** The configuration around an example; a statement that it gives itself is left out. */
function around(context: Context, example: string): string {
  const given = (head: string): boolean => context.name === 'main' && example.split(/ [{]|;/)[0] === head
  const rest = Object.entries(objects).filter(([head]) => !given(head))
  const name = /^[^ ;]+/.exec(example)![0]
  const statement = new RegExp(` ${name} [^;{}]*;(?=[^{}]*%)`)
  const place = (neighbours.get(name) ?? surroundings[context.name]).replace(statement, '')
  // The version is the first statement, whoever gives it.
  if (given('shellac 1')) return [example, ...rest.map(([, text]) => text)].join('\n')
  return [...rest.map(([, text]) => text), place.replace('%', () => example)].join('\n')
}

describe('the example of', () => {
  for (const context of contexts) {
    for (const { name, example } of context.directives) {
      it(`"${name}" stands in "${context.name}" without an error`, () => {
        const access = filesOf({
          'conf.d/a.conf': '# nothing\n',
          '/run/secrets/memcached': 'password\n',
          '/run/secrets/edge-seal': 'sixteen bytes of it\n',
        })
        const text = around(context, example)
        const { diagnostics } = loadConfig({ kind: 'text', name: 'example.conf', text }, access)
        const errors = diagnostics.filter((one) => one.severity === 'error')
        assert.equal(formatDiagnostics(errors, { color: false }), '')
      })
    }
  }
})

describe('the example of the guide', () => {
  for (const { name, example } of guides) {
    it(`"${name}" is a configuration without a warning, and its tests hold`, () => {
      const site = /^site /m.test(example) ? '' : 'site * { proxy app; }'
      const text = ['shellac 1;', objects['listener public'], objects['backend app'], site, example, ''].join('\n')
      const loaded = loadConfig({ kind: 'text', name: 'example.conf', text }, filesOf({}))
      const found = [...loaded.diagnostics, ...runTests(loaded).diagnostics]
      assert.equal(formatDiagnostics(found, { color: false }), '')
    })
  }
})
