/** "shellac explain": the whole text of some explanations, and what it says of a running daemon. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MAIN, startShellac } from '../support/daemon.ts'
import { type Finished, runProgram } from '../support/process.ts'
import { connectClient } from '../support/scripted-client.ts'
import { ok, reply, startOrigin } from '../support/scripted-origin.ts'
import { tempDir } from '../support/temp.ts'

const SHOP = `shellac 1;
listener public { address *:8000; }
backend app { server a 10.0.0.11:8080; }
cache shop {
    tier memory 64MiB; key { query sort drop utm_*; } grace 10m; jitter 10%; purge { allow @ops; }
}
rule static { ttl 1d override; override private; remove request Cookie; tag static; }
match @ops { source 10.0.0.0/8; }
match @logged-in { cookie session present; }
site shop.example.com {
    proxy app; use-cache shop;
    forwarded { via off; x-forwarded off; }
    headers { request set X-Token \${file:token}; response set X-Cache $cache.status when @logged-in; }
    route api { path /api/**; method POST; cache off; }
    route css { path **.css; overlap yields; cache static; }
    route early { path /*.css; when @ops; cache static; }
    route pages { path /**; }
}
site files.example.com { proxy app; use-cache closed; cache files; route all { path /**; } }
cache closed { tier memory 64MiB; key { class phone @phone; } stale-if-error 1h; }
rule files { min-uses 3; no-store @broken; }
match @phone { header X-Device phone; }
match @broken { status 4xx; }
`

async function explain(...args: readonly string[]): Promise<Finished> {
  const dir = tempDir()
  writeFileSync(join(dir, 'shop.conf'), SHOP)
  writeFileSync(join(dir, 'token'), 'hunter2')
  const pure = ['--permission', '--allow-fs-read=*', '--no-warnings']
  const done = await runProgram(process.execPath, [...pure, MAIN, 'explain', '-c', 'shop.conf', ...args], { cwd: dir })
  return { ...done, stdout: done.stdout.replaceAll(/Date: .* GMT/g, 'Date: now') }
}

test('a miss that is stored: route, key, lifetime, edits, each with its place, and no secret', async () => {
  const { code, stdout, stderr } = await explain(
    ...['-H', 'Cookie: session=1', '--response-header', 'Cache-Control: private'],
    'http://shop.example.com/a.css?utm_source=x&b=1',
  )
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.equal(
    stdout,
    `GET http://shop.example.com/a.css?utm_source=x&b=1 from 192.0.2.1
listener  public
site      shop.example.com (shop.conf:10)
route     css (shop.conf:15)
          not api: has another path (shop.conf:14)
          not early: wants @ops, which does not hold (shop.conf:16)
          not pages: would take it too, but comes later: narrower (shop.conf:17)
matchers  @ops does not hold (shop.conf:8)
          @logged-in holds (shop.conf:9)
access    allowed: nothing forbids it
key       http|shop.example.com|/a.css?b=1
          as "key" says (shop.conf:5)
cache     shop: miss
          absent: nothing is stored under this key
origin    app: GET /a.css?utm_source=x&b=1
            Host: shop.example.com
            X-Token: [secret]
          edited: set X-Token (shop.conf:13)
          edited: remove Cookie (shop.conf:7)
store     yes, fresh for 1d
          ttl 1d, override (shop.conf:7)
          or up to 10% less, at random (shop.conf:5)
          then for 10m while it is fetched anew (shop.conf:5)
          tags static
answer    200
            Cache-Control: private
            Date: now
            X-Cache: miss
            Cache-Status: Shellac; fwd=uri-miss; fwd-status=200; stored; detail=absent
          edited: set X-Cache, as @logged-in holds (shop.conf:13)
`,
  )
})

test('a request that goes past the cache, and one that no route takes', async () => {
  const post = await explain('POST', 'http://shop.example.com/api/x', '--response', 'timeout', '--from', '10.1.2.3')
  assert.match(post.stdout, /^POST http:\/\/shop\.example\.com\/api\/x from 10\.1\.2\.3\n/)
  assert.match(post.stdout, /\nroute {5}api \(shop\.conf:14\)\n/)
  assert.match(post.stdout, /\ncache {5}bypass\n {10}no-cache-configured: the route uses no cache\n/)
  assert.match(post.stdout, /\nanswer {4}504\n/)
  const nobody = await explain('http://other.example.com/')
  assert.match(
    nobody.stdout,
    /\nsite {6}none\nroute {5}none takes the request\ncache {5}none\n {10}refused: .*\norigin {4}not asked\nanswer {4}404\n/,
  )
})

test('a purge: whether it is let in, and by which matcher', async () => {
  const refused = await explain('PURGE', 'http://shop.example.com/a.css')
  assert.match(refused.stdout, /\ncache {5}shop: none\n {10}not purged: @ops does not hold \(shop\.conf:8\)\n/)
  assert.match(refused.stdout, /\nanswer {4}403\n/)
  const obeyed = await explain('--from', '10.1.2.3', 'PURGE', 'http://shop.example.com/a.css')
  assert.match(obeyed.stdout, /\n {10}purged, as @ops holds \(shop\.conf:8\)\n/)
  const elsewhere = await explain('--from', '10.1.2.3', 'PURGE', 'http://files.example.com/x')
  assert.match(elsewhere.stdout, /\n {10}not purged: cache closed has no "purge \{ allow @NAME; \}"\n/)
})

test('what decides on storing behind the rule of the route: matchers, figures, and the answer that is assumed', async () => {
  const held = await explain('-H', 'X-Device: phone', '--response', '404', 'http://files.example.com/x')
  assert.match(held.stdout, /\nkey {7}http\|files\.example\.com\|class=phone\|\/x\n/)
  assert.match(held.stdout, /@phone holds .*\n {10}@broken holds /)
  assert.match(
    held.stdout,
    /\nstore {5}no\n {10}no-store-configured: .*\n {10}matcher @broken holds \(shop\.conf:\d+\)\n/,
  )
  assert.doesNotMatch(held.stdout, /taken to answer/)
  const assumed = await explain('http://files.example.com/x')
  assert.match(assumed.stdout, /\n {10}taken to answer an empty 200; --response and --response-header say otherwise\n/)
  assert.match(assumed.stdout, /\nstore {5}yes, but never fresh\n/)
  assert.match(assumed.stdout, /\n {10}from the request on that is number 3 for this key \(shop\.conf:21\)\n/)
  assert.match(assumed.stdout, /\n {10}then for 1h while the origin fails \(shop\.conf:20\)\n/)
})

test('the same for programs', async () => {
  const { stdout } = await explain('--json', '--response', '404', 'http://shop.example.com/a.html')
  const explained = JSON.parse(stdout)
  assert.deepEqual(explained.route, {
    name: 'pages',
    id: 'route pages @ shop.conf:17',
    place: { file: 'shop.conf', line: 17, column: 5 },
  })
  assert.deepEqual(
    explained.routes.map((one: { name: string; taken: boolean }) => [one.name, one.taken]),
    [
      ['api', false],
      ['early', false],
      ['css', false],
      ['pages', true],
    ],
  )
  assert.equal(explained.key, 'http|shop.example.com|/a.html')
  assert.equal(explained.store.stored, false)
  assert.equal(explained.live, null)
  assert.doesNotMatch(stdout, /hunter2/)
})

test('with --live it tells what the running daemon holds for the request', async () => {
  const origin = await startOrigin((request) => {
    if (request.target === '/part') {
      return reply(206, 'he', 'Cache-Control: max-age=600', 'ETag: "1"', 'Content-Range: bytes 0-1/5')
    }
    return request.target === '/varies'
      ? ok('hello', 'Cache-Control: max-age=600', 'Vary: Accept-Language')
      : ok('hello', 'Cache-Control: max-age=600', 'Age: 60', 'Surrogate-Key: greeting')
  })
  const shellac = await startShellac({
    config: `shellac 1;
admin { listen unix:%dir%/admin.sock; }
listener web { address %listen%; }
backend app { server a 127.0.0.1:${origin.port}; }
cache main { tier memory 16MiB; }
site * { proxy app; use-cache main; }`,
  })
  const client = await connectClient(shellac.port)
  const url = `http://a.example:${shellac.port}`
  const host = `Host: a.example:${shellac.port}`
  const before = await shellac.command('explain', '--live', `${url}/a`)
  assert.match(before.stdout, /\nlive {6}main, tier memory: absent\n$/, before.stderr)
  await client.get('/a', [host])
  await client.get('/a', [host])
  await client.get('/varies', [host, 'Accept-Language: de'])
  const stored = await shellac.command('explain', '--live', `${url}/a`)
  assert.match(
    stored.stdout,
    /\nlive {6}main, tier memory: stored\n {10}status 200, 5 B, \d+ hits\n {10}age 1m(?:\d+s)?, fresh for (?:9m|8m\d+s)\n {10}tags greeting\n$/,
  )
  const varies = await shellac.command('explain', '--live', `${url}/varies`)
  assert.match(
    varies.stdout,
    /\nlive {6}main, tier memory: variants by accept-language\n {10}accept-language=de\n {12}status 200, /,
  )
  await client.get('/part', [host, 'Range: bytes=0-1'])
  const part = await shellac.command('explain', '--live', `${url}/part`)
  assert.match(part.stdout, /\n {10}status 206, bytes 0-1\/5, 2 B, 0 hits\n/)
  const { live } = JSON.parse((await shellac.command('explain', '--live', '--json', `${url}/a`)).stdout)
  assert.equal(live.object.status, 200)
})
