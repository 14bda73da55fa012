/** Which route takes a request, and the answers that need no backend. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

const origin = await startOrigin(() => ok('origin'))
const shellac = await startShellac({
  config: `shellac 1;
    process { workers 1; }
    admin { listen unix:%dir%/admin.sock; }
    listener web { address %listen%; }
    listener other { address %listen:other%; }
    listener plain { address %listen:plain%; redirect https; }
    backend app { server a 127.0.0.1:${origin.port}; }
    match @mobile { header User-Agent ~"Mobile"; }
    match @local { source 127.0.0.1; }
    match @elsewhere { source 192.0.2.0/24; }
    match @writes { not { method GET HEAD; } }
    site www.example {
      on web; proxy app;
      route home { path /; respond 200 "home"; }
      route wide { path /a/**; respond 200 "wide"; }
      route passed { path /passed; }
      route narrow { path /a/b/*; respond 200 "narrow"; }
      route exact { path /a/b/c; respond 200 "exact"; }
      route read { path /doc; method GET HEAD; respond 200 "<p>read</p>" type text/html; }
      route write { path /doc; method PUT; respond 204; }
      route phone { path /app; when @mobile; respond 200 "phone"; }
      route desk { path /app; respond 200 "desk"; }
      route old { path /old/**; redirect 308 /new/$1; }
      route moved { path /moved; redirect 302 "https://$request.host$request.uri"; }
      route locked { path /locked; deny @local; respond 200 "in"; }
      route far { path /far; allow @elsewhere; respond 200 "in"; }
      route near { path /near; allow @local; respond 200 "in"; }
      route guarded { path /guarded; deny @local; }
      route read-only { path /read-only; deny @writes; respond 200 "in"; }
    }
    site *.wild.example { on web; route all { path /**; respond 200 "wild"; } }
    site other.example { on other; route all { path /**; respond 200 "other"; } }`,
})

const ask = (target: string, { host = 'www.example', method = 'GET', fields = '' } = {}) =>
  exchange(shellac.port, `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`, method)
const bodyOf = async (target: string, options = {}) => (await ask(target, options)).body.toString()

test('the narrowest path wins, wherever it stands in the file', async () => {
  assert.equal(await bodyOf('/'), 'home')
  assert.equal(await bodyOf('/a/x'), 'wide')
  assert.equal(await bodyOf('/a/b/x'), 'narrow')
  assert.equal(await bodyOf('/a/b/c'), 'exact')
  assert.equal(await bodyOf('/a/b/c?query'), 'exact')
})

test('a route of some methods leaves the others to another route', async () => {
  const read = await ask('/doc')
  assert.deepEqual([read.body.toString(), read.fields.get('content-type')], ['<p>read</p>', 'text/html'])
  const written = await ask('/doc', { method: 'PUT' })
  assert.deepEqual([written.status, written.framing], [204, 'none'])
  assert.equal((await ask('/doc', { method: 'DELETE' })).status, 404)
})

test('a route with "when" takes the requests for which its matcher holds', async () => {
  assert.equal(await bodyOf('/app', { fields: 'User-Agent: Some Mobile\r\n' }), 'phone')
  assert.equal(await bodyOf('/app'), 'desk')
})

test('HEAD gets the head of what GET gets', async () => {
  const answer = await ask('/doc', { method: 'HEAD' })
  assert.deepEqual([answer.status, answer.fields.get('content-length'), answer.body.length], [200, '11', 0])
})

test('a redirect carries what the wildcards took, and the request itself', async () => {
  const old = await ask('/old/a/b?q')
  assert.deepEqual([old.status, old.fields.get('location')], [308, '/new/a/b'])
  const moved = await ask('/moved?q=$1')
  assert.deepEqual([moved.status, moved.fields.get('location')], [302, 'https://www.example/moved?q=$1'])
})

test('"allow" and "deny" decide who is answered, with 403 for the others', async () => {
  assert.equal((await ask('/locked')).status, 403)
  assert.equal((await ask('/far')).status, 403)
  assert.equal(await bodyOf('/near'), 'in')
  assert.equal(await bodyOf('/read-only'), 'in')
  const denied = await ask('/read-only', { method: 'DELETE' })
  assert.deepEqual([denied.status, denied.body.toString()], [403, '403 Forbidden: not allowed\n'])
})

test('a client that resets the connection behind its request does not slip past "deny"', async () => {
  const client = await connectClient(shellac.port)
  shellac.process.kill('SIGSTOP') // so that the daemon reads the request when the peer's address is no longer known
  await client.sendAll(Buffer.from('DELETE /guarded HTTP/1.1\r\nHost: www.example\r\n\r\n'))
  client.reset()
  await waitFor('the reset', () => client.closed !== undefined)
  shellac.process.kill('SIGCONT')
  assert.equal(await bodyOf('/passed'), 'origin')
  assert.deepEqual(
    origin.requests.map(({ target }) => target),
    ['/passed'],
  )
})

test('what no route takes is a 404', async () => {
  assert.equal((await ask('/nothing')).status, 404)
  assert.equal((await ask('/', { host: 'unknown.example' })).status, 404)
  assert.equal((await ask('/', { host: 'other.example' })).status, 404)
})

test('a site answers for its hosts, in any case, on its listeners', async () => {
  assert.equal(await bodyOf('/', { host: 'a.b.wild.example' }), 'wild')
  assert.equal(await bodyOf('/', { host: 'A.WILD.example:8080' }), 'wild')
  const other = await exchange(shellac.portOf('other'), 'GET / HTTP/1.1\r\nHost: other.example\r\n\r\n')
  assert.equal(other.body.toString(), 'other')
})

test('a listener that redirects to https answers nothing else', async () => {
  const client = await connectClient(shellac.portOf('plain'))
  const answer = await client.get('/any?q=1', ['Host: www.example:8080'])
  assert.deepEqual([answer.status, answer.fields.get('location')], [308, 'https://www.example/any?q=1'])
  const nameless = await exchange(shellac.portOf('plain'), 'GET / HTTP/1.0\r\n\r\n')
  assert.equal(nameless.status, 400)
})
