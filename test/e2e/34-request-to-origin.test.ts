/** The request an origin gets: Host, forwarding fields, edits, and the path. The origin answers with the head it received. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'

const origin = await startOrigin((request) =>
  ok(request.raw, 'Server: secret/1.0', 'X-Old: 1', 'X-Old: 2', 'Connection: X-Hop', 'X-Hop: gone'),
)
const server = `server a 127.0.0.1:${origin.port};`
const shellac = await startShellac({
  config: `shellac 1;
    process { workers 1; }
    admin { listen unix:%dir%/admin.sock; }
    listener web { address %listen%; }
    backend app { ${server} }
    backend own-host { ${server} host server; }
    backend fixed-host { ${server} host "app.internal:81"; }
    match @debug { header X-Debug present; }
    match @local { source 127.0.0.1; }
    match @failed { status 5xx; }
    match @got-old { response-header X-Old present; }
    site plain.example { proxy app; }
    site own-host.example { proxy own-host; }
    site fixed-host.example { proxy fixed-host; }
    site trusting.example { proxy app; forwarded { trust 127.0.0.0/8; forwarded on; via edge; } }
    site silent.example { proxy app; forwarded { x-forwarded off; via off; } }
    site edits.example {
      proxy app;
      headers {
        request set X-Set "from shellac";
        request add X-Added two;
        request default X-Default fallback;
        request remove Cookie;
        request set X-Facts "$client.ip $request.method $request.host $request.path $request.query $route.name";
        request set X-Debugged yes when @debug;
        response set Server shellac;
        response remove X-Old when @got-old;
        response add X-Backend $backend.name;
        response set X-Failed yes when @failed;
      }
    }
    site paths.example {
      proxy app;
      route strip { path /strip/**; strip-prefix /strip; }
      route add { path /add/**; add-prefix /v1; }
      route rewrite { path /one/*/two/**; rewrite /to/$2/and/$1; }
      route group { path ~"^/user/([0-9]+)/(\\w+)$"; rewrite /u/$1-$2; }
      route other { path /**; }
    }`,
})

/** Head lines as the origin got them. */
async function received(host: string, target = '/', fields: readonly string[] = []): Promise<string[]> {
  const client = await connectClient(shellac.port)
  const answer = await client.get(target, [`Host: ${host}`, ...fields])
  assert.equal(answer.status, 200)
  return answer.body.toString('latin1').trimEnd().split('\r\n')
}

const valuesOf = (lines: readonly string[], name: string) =>
  lines
    .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}: `))
    .map((line) => line.slice(name.length + 2))

test('what the client sent goes on as it came, with the fields of this hop', async () => {
  const lines = await received('plain.example:8080', '/a%2Fb?x=%20', ['accept:  text/html', 'X-Odd-Name: \xe9'])
  assert.deepEqual(lines, [
    'GET /a%2Fb?x=%20 HTTP/1.1',
    'Host: plain.example:8080',
    'accept:  text/html',
    'X-Odd-Name: \xe9',
    'Via: 1.1 shellac',
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Proto: http',
    'X-Forwarded-Host: plain.example:8080',
  ])
})

test('"host server" sends the address of the server, "host" with a text that text', async () => {
  assert.deepEqual(valuesOf(await received('own-host.example'), 'Host'), [`127.0.0.1:${origin.port}`])
  assert.deepEqual(valuesOf(await received('fixed-host.example'), 'Host'), ['app.internal:81'])
})

test('fields of the connection are not sent on', async () => {
  const lines = await received('plain.example', '/', [
    'Connection: keep-alive, X-Mine',
    'X-Mine: 1',
    'Keep-Alive: timeout=5',
    'TE: trailers',
    'Proxy-Connection: keep-alive',
    'Upgrade: websocket',
  ])
  for (const name of ['Connection', 'X-Mine', 'Keep-Alive', 'TE', 'Proxy-Connection', 'Upgrade'])
    assert.deepEqual(valuesOf(lines, name), [], name)
})

const CLAIMS = [
  'X-Forwarded-For: 192.0.2.1',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: public.example',
  'Forwarded: for=192.0.2.1',
  'Via: 1.0 first',
]

test('what a stranger says of the hops before is replaced', async () => {
  const lines = await received('plain.example', '/', CLAIMS)
  assert.deepEqual(valuesOf(lines, 'X-Forwarded-For'), ['127.0.0.1'])
  assert.deepEqual(valuesOf(lines, 'X-Forwarded-Proto'), ['http'])
  assert.deepEqual(valuesOf(lines, 'X-Forwarded-Host'), ['plain.example'])
  assert.deepEqual(valuesOf(lines, 'Via'), ['1.0 first, 1.1 shellac'])
})

test('what a trusted peer says of the hops before is kept and extended', async () => {
  const lines = await received('trusting.example', '/', CLAIMS)
  assert.deepEqual(valuesOf(lines, 'X-Forwarded-For'), ['192.0.2.1, 127.0.0.1'])
  assert.deepEqual(valuesOf(lines, 'X-Forwarded-Proto'), ['https'])
  assert.deepEqual(valuesOf(lines, 'X-Forwarded-Host'), ['public.example'])
  assert.deepEqual(valuesOf(lines, 'Forwarded'), ['for=192.0.2.1, for=127.0.0.1;host="trusting.example";proto=http'])
  assert.deepEqual(valuesOf(lines, 'Via'), ['1.0 first, 1.1 edge'])
})

test('forwarding fields that are switched off are not added', async () => {
  const lines = await received('silent.example')
  for (const name of ['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'Forwarded', 'Via'])
    assert.deepEqual(valuesOf(lines, name), [], name)
})

test('request edits run from top to bottom', async () => {
  const lines = await received('edits.example', '/p?q=1', ['X-Set: mine', 'x-added: one', 'Cookie: a=b', 'X-Debug: 1'])
  assert.deepEqual(valuesOf(lines, 'X-Set'), ['from shellac'])
  assert.deepEqual(valuesOf(lines, 'X-Added'), ['one', 'two'])
  assert.deepEqual(valuesOf(lines, 'X-Default'), ['fallback'])
  assert.deepEqual(valuesOf(lines, 'Cookie'), [])
  assert.deepEqual(valuesOf(lines, 'X-Facts'), ['127.0.0.1 GET edits.example /p q=1 all'])
  assert.deepEqual(valuesOf(lines, 'X-Debugged'), ['yes'])
})

test('a default leaves what is there, and an edit whose matcher does not hold does nothing', async () => {
  const lines = await received('edits.example', '/', ['X-Default: mine'])
  assert.deepEqual(valuesOf(lines, 'X-Default'), ['mine'])
  assert.deepEqual(valuesOf(lines, 'X-Debugged'), [])
})

test('response edits change what the client gets', async () => {
  const client = await connectClient(shellac.port)
  const { fields } = await client.get('/', ['Host: edits.example'])
  assert.equal(fields.get('server'), 'shellac')
  assert.deepEqual(fields.all('x-old'), [])
  assert.equal(fields.get('x-backend'), 'app')
  assert.equal(fields.get('x-failed'), undefined)
  assert.equal(fields.get('x-hop'), undefined)
})

test('the path is rewritten as the route says, and the query stays', async () => {
  const target = async (path: string) => (await received('paths.example', path))[0]!.split(' ')[1]
  assert.equal(await target('/strip/a/b?q'), '/a/b?q')
  assert.equal(await target('/strip/'), '/')
  assert.equal(await target('/add/a?'), '/v1/add/a?')
  assert.equal(await target('/one/x/two/y/z?q=1'), '/to/y/z/and/x?q=1')
  assert.equal(await target('/user/42/edit'), '/u/42-edit')
  assert.equal(await target('/user/x/edit?$1'), '/user/x/edit?$1')
})

test('an absolute target is sent on as a path, its host as Host', async () => {
  const lines = await received('ignored.example', 'http://plain.example/abs?q=1')
  assert.equal(lines[0], 'GET /abs?q=1 HTTP/1.1')
  assert.deepEqual(valuesOf(lines, 'Host'), ['plain.example'])
})
