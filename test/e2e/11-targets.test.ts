/** Request targets, Host and methods: what is refused, what the origin gets, and that no spelling walks around a rule. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { expectRefused, forwarded, passing } from './conversation.ts'

const origin = await startOrigin((request) => ok(request.target, 'Cache-Control: max-age=60'))
const plain = await startShellac({ config: passing(origin.port) })
const ruled = await startShellac({
  config: `shellac 1;
process { workers 1; }
listener web { address %listen%; }
backend app { server a 127.0.0.1:${origin.port}; }
cache pages { tier memory 8MiB; }
match @admin { path /admin /admin/**; }
match @nobody { source 192.0.2.1; }
site * {
    on web; proxy app; use-cache pages; deny @admin;
    route rest { path /**; }
    route private { path /private/**; allow @nobody; }
    route files { path /files/**; strip-prefix /files; }
    route page { path /page/*; rewrite /p/$1; }
    route old { path /old/**; redirect 308 /$1; }
    route there { path /there/**; redirect 302 $request.path/; }
    route echo { path /echo; headers { request set X-Path $request.path; request set X-Query $request.query; } }
}
site only.example { on web; route all { path /**; respond 200 "only"; } }`,
})

const get = (target: string, ...fields: string[]) =>
  `GET ${target} HTTP/1.1\r\n${(fields.length > 0 ? fields : ['Host: a']).map((f) => `${f}\r\n`).join('')}\r\n`

const refused: readonly (readonly [claim: string, request: string, status: number])[] = [
  ['no Host', 'GET / HTTP/1.1\r\nX: a\r\n\r\n', 400],
  ['two Hosts', get('/', 'Host: a', 'Host: b'), 400],
  ['the same Host twice', get('/', 'Host: a', 'Host: a'), 400],
  ['an empty Host', get('/', 'Host:'), 400],
  ['a Host with a comma', get('/', 'Host: a,b'), 400],
  ['a Host with a space', get('/', 'Host: a b'), 400],
  ['a Host with a path', get('/', 'Host: a/b'), 400],
  ['a Host with a user', get('/', 'Host: u@a'), 400],
  ['a Host with a query', get('/', 'Host: a?b'), 400],
  ['a Host with a fragment', get('/', 'Host: a#b'), 400],
  ['a Host with a backslash', get('/', 'Host: a\\b'), 400],
  ['a Host with an encoded byte', get('/', 'Host: a%2eb'), 400],
  ['a Host above ASCII', get('/', 'Host: \xe4.example'), 400],
  ['a Host with two ports', get('/', 'Host: a:1:2'), 400],
  ['a Host with a port that is no number', get('/', 'Host: a:x'), 400],
  ['a Host with a port above 65535', get('/', 'Host: a:65536'), 400],
  ['a Host that is a port alone', get('/', 'Host: :80'), 400],
  ['a Host with an IPv6 address without brackets', get('/', 'Host: ::1'), 400],
  ['a Host with an open bracket', get('/', 'Host: [::1'), 400],
  ['a Host with an address zone', get('/', 'Host: [fe80::1%25eth0]'), 400],
  ['a fragment', get('/a#b'), 400],
  ['a fragment in the query', get('/a?b#c'), 400],
  ['a space in the target', get('/a b'), 400],
  ['a tab in the target', get('/a\tb'), 400],
  ['NUL in the target', get('/a\0b'), 400],
  ['a byte above ASCII in the target', get('/\xe4'), 400],
  ['a backslash in the path', get('/a\\b'), 400],
  ['a target without a slash', get('a'), 400],
  ['a target that is a query', get('?a'), 400],
  ['an authority as the target of GET', get('a:80'), 400],
  ['an asterisk as the target of GET', get('*'), 400],
  ['another scheme', get('ftp://a/'), 400],
  ['file scheme', get('file:///etc/passwd'), 400],
  ['an absolute-form without host', get('http:///a'), 400],
  ['an absolute-form with a user', get('http://u:p@a/'), 400],
  ['an absolute-form with a bad port', get('http://a:x/'), 400],
  ['an absolute-form beside a bad Host', get('http://a/', 'Host: b c'), 400],
  ['an absolute-form without Host', 'GET http://a/ HTTP/1.1\r\n\r\n', 400],
  ['a target beyond the limit', get(`/${'a'.repeat(9000)}`), 414],
  ['a method that is no token', 'G(T / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a method beyond all reason', `${'M'.repeat(40)} / HTTP/1.1\r\nHost: a\r\n\r\n`, 501],
  ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 405],
  ['CONNECT in HTTP/1.0', 'CONNECT a:443 HTTP/1.0\r\n\r\n', 405],
  ['CONNECT of a path', 'CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a dot segment', get('/a/../b'), 400],
  ['a dot segment at the end', get('/a/..'), 400],
  ['a single dot', get('/./a'), 400],
  ['an encoded dot segment', get('/a/%2e%2E/b'), 400],
  ['a dot segment behind an encoded slash', get('/a%2f..%2fb'), 400],
  ['a dot segment with a parameter', get('/a/..;x=1/b'), 400],
  ['a dot segment in an absolute-form', get('http://a/b/../c'), 400],
  ['an unknown expectation', get('/', 'Host: a', 'Expect: 200-ok'), 417],
]

for (const [claim, request, status] of refused) {
  test(`${claim}: ${status}, and nothing is forwarded`, async () => {
    await expectRefused(plain.port, origin, request, status)
  })
}

const asReceived = [
  '/',
  '//',
  '//a',
  '/a//b',
  '/a?',
  '/a?b?c',
  '/a?b=/../c',
  '/a?b=\\|{}^`"<>',
  '/%7euser',
  '/%41%2f%5c%25',
  '/%00%0d%0aX:1',
  '/%',
  '/%zz',
  '/a;b=c,d',
  '/...',
  '/.well-known/x',
  '/a..b',
  '/http://b/c',
  "/!$&'()*+,;=:@-._~|{}^`[]",
  `/${'a'.repeat(8000)}`,
]

test('a valid target reaches the origin byte for byte', async () => {
  for (const target of asReceived) assert.equal((await forwarded(plain.port, origin, get(target))).target, target)
})

test('of an absolute-form the authority becomes Host and the rest the target', async () => {
  const cases = [
    ['http://b.example/x?y', 'b.example', '/x?y'],
    ['HTTP://B.Example:8080/x', 'b.example:8080', '/x'],
    ['https://b/', 'b', '/'],
    ['http://b', 'b', '/'],
    ['http://b?x', 'b', '/?x'],
    ['http://[::1]:80/', '[::1]:80', '/'],
  ] as const
  for (const [target, host, uri] of cases) {
    const request = await forwarded(plain.port, origin, get(target, 'Host: other'))
    assert.deepEqual([request.fields.get('host'), request.target], [host, uri], target)
    assert.equal(request.fields.get('x-forwarded-host'), host)
  }
})

test('the authority of an absolute-form chooses the site, not Host', async () => {
  const answer = await exchange(ruled.port, get('http://only.example/', 'Host: other'))
  assert.equal(answer.body.toString(), 'only')
})

test('an HTTP/1.0 request without Host is served, under the name of the server', async () => {
  const request = await forwarded(plain.port, origin, 'GET /old HTTP/1.0\r\n\r\n')
  assert.equal(request.fields.get('host'), `127.0.0.1:${origin.port}`)
})

test('TRACE is refused, and so is TRACE with Max-Forwards: 0', async () => {
  const before = origin.requests.length
  const client = await connectClient(plain.port)
  for (const fields of [[], ['Max-Forwards: 0']]) {
    const answer = await client.get('/', ['Host: a', 'Cookie: secret', ...fields], 'TRACE')
    assert.equal(answer.status, 405)
    assert.doesNotMatch(answer.body.toString(), /secret/)
  }
  assert.equal(origin.requests.length, before)
})

test('OPTIONS * and OPTIONS with no hop left end here', async () => {
  const before = origin.requests.length
  const client = await connectClient(plain.port)
  const server = await client.get('*', [], 'OPTIONS')
  const last = await client.get('/x', ['Max-Forwards: 0'], 'OPTIONS')
  const absolute = await client.get('http://a', [], 'OPTIONS')
  assert.deepEqual([server.status, last.status, absolute.status], [200, 200, 200])
  assert.match(server.fields.get('allow') ?? '', /GET/)
  assert.equal(origin.requests.length, before)
  assert.equal((await forwarded(plain.port, origin, 'OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n')).method, 'OPTIONS')
})

test('unknown and lower-case methods go on as they are', async () => {
  for (const method of ['PROPFIND', 'get', 'BREW', 'M-SEARCH', 'HEAD', 'DELETE']) {
    const request = await forwarded(plain.port, origin, `${method} /m HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.equal(request.method, method)
  }
})

test('no spelling of a denied path gets through', async () => {
  const before = origin.requests.length
  const spellings = [
    '/admin',
    '/admin/x',
    '/%61dmin/x',
    '/adm%69n',
    '//admin/x',
    '/admin//x',
    '//%61dmin',
    '/x/../admin',
  ]
  for (const target of [
    ...spellings,
    '/x/%2e%2e/admin',
    '/x%2f..%2fadmin',
    '/./admin',
    '/..;/admin',
    'http://a//admin/',
  ]) {
    const { status } = await exchange(ruled.port, get(target))
    assert.ok(status === 403 || status === 400, `${target}: ${status}`)
  }
  for (const target of ['/private/x', '/%70rivate/x', '//private/x', '/p%72iv%61te//x'])
    assert.equal((await exchange(ruled.port, get(target))).status, 403, target)
  assert.equal(origin.requests.length, before)
})

test('spellings of one path are apart in the cache, as they are for the origin', async () => {
  for (const target of ['/%7ea', '/~a', '//~a', '/%7Ea', '/~a'])
    assert.equal((await exchange(ruled.port, get(target))).body.toString(), target)
})

test('hosts are apart in the cache, however they are written', async () => {
  const before = origin.requests.length
  for (const host of ['h1', 'H1', 'h1:80', 'h1:'])
    assert.equal((await exchange(ruled.port, get('/host', `Host: ${host}`))).status, 200)
  assert.equal(origin.requests.length, before + 1)
  await exchange(ruled.port, get('/host', 'Host: h2'))
  await exchange(ruled.port, get('/host', 'Host: h1:81'))
  assert.equal(origin.requests.length, before + 3)
})

test('rewriting works on every spelling of the path', async () => {
  const cases = [
    ['/files/a%2fb?c', '/a%2fb?c'],
    ['/files', '/files'],
    ['/files/', '/'],
    ['/%66iles/a', '/a'],
    ['//files/a', '/a'],
    ['/page/%41', '/p/%41'],
    ['/p%61ge/x', '/p/x'],
  ] as const
  for (const [target, uri] of cases)
    assert.equal((await exchange(ruled.port, get(target))).body.toString(), uri, target)
})

test('a path cannot put bytes or another host into Location', async () => {
  const cases = [
    ['/old/a/b', '/a/b'],
    ['/old//evil.example/', '/evil.example/'],
    ['/old///evil.example', '/evil.example'],
    ['/old/%0d%0aSet-Cookie:%20a=b', '/%0d%0aSet-Cookie:%20a=b'],
    ['//there/x', '/there/x/'],
    ['/old/$request.host', '/$request.host'],
    ['/old/$1$2', '/$1$2'],
  ] as const
  for (const [target, location] of cases) {
    const answer = await exchange(ruled.port, get(target))
    assert.equal(answer.fields.get('location'), location, target)
    assert.equal(answer.fields.get('set-cookie'), undefined)
  }
})

test('variables put what came into a field, and no more lines than one', async () => {
  const before = origin.requests.length
  await exchange(ruled.port, 'POST /echo?a=%0d%0aX-Evil:1&b=$1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
  const request = origin.requests[before]!
  assert.equal(request.fields.get('x-path'), '/echo')
  assert.equal(request.fields.get('x-query'), 'a=%0d%0aX-Evil:1&b=$1')
  assert.equal(request.fields.get('x-evil'), undefined)
})
