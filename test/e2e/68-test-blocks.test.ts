/** Test blocks: what "shellac check" says of them, and what a daemon that requires them does. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MAIN, startShellac } from '../support/daemon.ts'
import { type Finished, runProgram } from '../support/process.ts'
import { connectClient } from '../support/scripted-client.ts'
import { tempDir } from '../support/temp.ts'

/** What test blocks speak of: nearly the site that the language was drawn up with. */
const SHOP = `shellac 1;
listener plain { address *:80; redirect https; }
listener public { address *:443; }
backend app { server a 10.0.0.11:8080; }
cache shop {
    tier memory 512MiB;
    key { query sort drop utm_* gclid fbclid; }
    grace 10m; stale-if-error 1d; jitter 10%; ttl 404 410 30s; ttl 5xx 0s;
    purge { allow @ops; default soft; }
    tags { from Surrogate-Key Cache-Tag; }
}
rule static { ttl 1d override; override private; remove request Cookie; remove response Set-Cookie; tag static; }
rule pages { ttl origin else 2m; bypass @logged-in; }
match @ops { source 10.0.0.0/8; }
match @logged-in { cookie session present; }
site shop.example.com www.shop.example.com {
    on public; proxy app; use-cache shop;
    headers { request set X-Request-Id $request.id; response remove Server; }
    route api { path /api/**; cache off; }
    route css { path **.css; overlap yields; cache static; }
    route legacy { path /old/**; redirect 308 /new/$1; }
    route pages { path /**; cache pages; headers { response add Vary Accept-Language; } }
    route ops { path /_status; allow @ops; respond 200 "ok"; }
}
`

/** Exit code and words of "shellac check" on the site with more statements at its end. */
async function check(more: string, ...args: readonly string[]): Promise<Finished> {
  const dir = tempDir()
  const file = join(dir, 'shop.conf')
  writeFileSync(file, SHOP + more)
  // Nothing but reading files is allowed: a check that opened a socket would fail.
  const pure = ['--permission', '--allow-fs-read=*', '--no-warnings']
  const done = await runProgram(process.execPath, [...pure, MAIN, 'check', 'shop.conf', ...args], { cwd: dir })
  return { ...done, stderr: done.stderr.replaceAll(`${dir}/`, '') }
}

test('tests that hold are counted, and need no socket', async () => {
  const { code, stdout, stderr } = await check(`
test "css: one day, no cookies, tracking params ignored" {
    request GET https://shop.example.com/t/a.css?utm_source=x { header Cookie "session=1"; }
    origin 200 { header Set-Cookie "a=b"; header Cache-Control "private"; }
    expect route css; expect store ttl 1d tag static; expect key "https|shop.example.com|/t/a.css";
    expect backend-request no-header Cookie; expect response no-header Set-Cookie;
}
test "css below /api is never cached"  { request GET https://shop.example.com/api/x.css; expect route api; expect cache bypass; }
test "outage serves a two-hour-old page" {
    stored GET https://shop.example.com/p age 2h ttl 2m; request GET https://shop.example.com/p;
    origin connect-error; expect cache stale reason stale-if-error; expect status 200;
}
test "purge is closed to the world" { request PURGE https://shop.example.com/p from 203.0.113.9; expect status 403; }
test "plain http moves to https" {
    request GET http://shop.example.com/p?a=b; expect status 3xx; expect location https://shop.example.com/p?a=b;
}
test "a variant of its own" {
    stored GET https://shop.example.com/p { header Vary Accept-Language; request-header Accept-Language de; }
    request GET https://shop.example.com/p { header Accept-Language fr; }
    expect cache miss reason vary-mismatch; expect backend app; expect backend-request header Accept-Language fr;
}
test "the same variant, confirmed" {
    stored GET https://shop.example.com/p age 1d { header ETag x; header Vary Accept-Language; request-header Accept-Language de; }
    request GET https://shop.example.com/p { header Accept-Language de; }
    origin 304; expect cache revalidated; expect backend-request header If-None-Match x; expect response header Vary;
}
test "what a POST brings is kept for those who GET it" {
    request POST https://shop.example.com/a.css;
    origin 200 { header Content-Location /a.css; header Cache-Control max-age=60; }
    expect cache bypass reason method; expect store ttl 1d;
}
test "a part of what is stored" {
    stored GET https://shop.example.com/v { header Content-Length 100; header Cache-Control max-age=60; }
    request GET https://shop.example.com/v { header Range bytes=10-19; }
    expect cache hit; expect status 206; expect response header Content-Range "bytes 10-19/100";
}
test "a cookie keeps a page out" {
    request GET https://shop.example.com/p; origin 200 { header Set-Cookie "a=b"; }
    expect no-store reason set-cookie; expect response header Set-Cookie "a=b";
}
`)
  assert.deepEqual([code, stderr, stdout], [0, '', 'shop.conf: no problems\n10 tests passed\n'])
})

test('what does not hold is shown with what was got and the statement that decided', async () => {
  const { code, stdout, stderr } = await check(`test "css" {
    request GET https://shop.example.com/api/a.css;
    expect route css;
    expect store ttl 1d;
}
test "pages" {
    request GET https://shop.example.com/p { header Cookie "session=1"; }
    expect cache hit;
}
test "this one holds" { request GET https://shop.example.com/p; expect store ttl 2m; }
`)
  assert.equal(code, 1)
  assert.equal(stdout, '')
  assert.equal(
    stderr,
    `shop.conf:27:5: error: expected route css, got route api [test-failed]
   27 |     expect route css;
      |     ^^^^^^^^^^^^^^^^
  note: route api: is the first that takes the request (shop.conf:19)
  note: route css: would take it too, but comes later (shop.conf:20)
  note: in test "css" (shop.conf:25)

shop.conf:28:5: error: expected store, got its answer goes past the cache [test-failed]
   28 |     expect store ttl 1d;
      |     ^^^^^^^^^^^^^^^^^^^
  note: no-cache-configured: the route uses no cache
  note: route api (shop.conf:19)
  note: in test "css" (shop.conf:25)

shop.conf:32:5: error: expected cache hit, got cache bypass (bypass) [test-failed]
   32 |     expect cache hit;
      |     ^^^^^^^^^^^^^^^^
  note: bypass: a bypass matcher of the rule holds for this request
  note: matcher @logged-in holds (shop.conf:15)
  note: route pages (shop.conf:22)
  note: in test "pages" (shop.conf:30)

3 errors
1 test passed, 2 failed
`,
  )
})

const request = 'request GET https://shop.example.com/p;'

/** An expectation that does not hold, and what is said of it. */
const failures: readonly (readonly [statements: string, message: RegExp])[] = [
  [`${request} expect status 404;`, /expected status 404, got 200/],
  [`${request} expect status 5xx;`, /expected status 500-599, got 200/],
  [`request GET https://other.example.com/; expect route pages;`, /expected route pages, got no site/],
  [`${request} expect cache miss reason expired;`, /expected cache miss \(expired\), got cache miss \(absent\)/],
  [
    `${request} expect store ttl 1h;`,
    /expected ttl 1h, got ttl 2m \[test-failed\][\s\S]*note: ttl 2m, where the origin says nothing \(shop\.conf:13\)/,
  ],
  [`${request} expect store tag x;`, /expected tag x, got no tags/],
  [`${request} expect store ttl 1h tag x y;`, /expected ttl 1h and tag x y, got ttl 2m and no tags/],
  [`${request} expect no-store;`, /expected no-store, got store ttl 2m/],
  [
    `${request} origin 503; expect store;`,
    /expected store, got no-store \(ttl-zero\)[\s\S]*note: ttl \(shop\.conf:8\)/,
  ],
  [`${request} origin 503; expect no-store reason status;`, /expected no-store \(status\), got no-store \(ttl-zero\)/],
  [`${request} expect key x;`, /expected key "x", got "https\|shop\.example\.com\|\/p"/],
  [`request GET https://shop.example.com/api/p; expect key x;`, /expected key "x", got none: the cache was not asked/],
  [`stored GET https://shop.example.com/p; ${request} expect backend app;`, /expected backend app, got none was asked/],
  [
    `${request} expect backend-request header X-Request-Id 1;`,
    /expected backend-request header X-Request-Id "1", got "test-request"[\s\S]*note: set X-Request-Id \(shop\.conf:18\)/,
  ],
  [
    `${request} expect backend-request no-header Host;`,
    /expected backend-request no-header Host, got "shop\.example\.com"/,
  ],
  [
    `${request} origin 200 { header Server x; } expect response header Server;`,
    /expected response header Server, got no such field[\s\S]*note: remove Server \(shop\.conf:18\)/,
  ],
  [
    `request GET https://shop.example.com/_status; expect response no-header Date; expect status 200;`,
    /expected status 200, got 403[\s\S]*note: no "allow" holds, @ops neither \(shop\.conf:23\)/,
  ],
  [`${request} expect location /x;`, /expected location "\/x", got no such field/],
  [
    `stored GET https://shop.example.com/p { header Cache-Control no-store; } ${request} expect cache hit;`,
    /the response would not be stored: response-no-store/,
  ],
  [
    `stored GET https://shop.example.com/api/p; ${request} expect cache hit;`,
    /route api @ shop\.conf:19 uses no cache/,
  ],
]

test('each kind of expectation says what it wanted and what it got', async () => {
  const blocks = failures.map(([statements], index) => `test "${index}" { ${statements} }\n`)
  const { code, stderr } = await check(blocks.join(''))
  assert.equal(code, 1)
  const told = stderr.split('\n\n')
  for (const [index, [statements, message]] of failures.entries()) {
    const own = told.filter((text) => text.includes(`in test "${index}" `)).join('\n')
    assert.match(own, message, statements)
  }
  assert.match(stderr, new RegExp(`0 tests passed, ${failures.length} failed\\n$`))
})

test('tests are left out on demand, and of a configuration with errors', async () => {
  const failing = `test "x" { ${request} expect status 404; }`
  const left = await check(failing, '--no-tests')
  assert.deepEqual([left.code, left.stdout], [0, 'shop.conf: no problems\n1 test not run\n'])
  const broken = await check(`${failing} listenr x { address *:81; }`)
  assert.equal(broken.code, 1)
  assert.match(broken.stderr, /1 error\n1 test not run\n$/)
  const json = JSON.parse((await check(failing, '--json')).stdout)
  assert.deepEqual(
    json.map((one: { code: string; line: number }) => [one.code, one.line]),
    [['test-failed', 25]],
  )
})

/** A daemon's configuration with one test, which holds where `status` is 200. */
const daemonConfig = (status: number, answer: string, reload = 'require tests;') => `shellac 1;
process { workers 1; }
reload { watch off; ${reload} }
admin { listen unix:%dir%/admin.sock; }
listener web { address %listen%; }
site * { route all { path /**; respond 200 "${answer}"; } }
test "it answers" { request GET http://a.example/; expect status ${status}; }
`

test('a reload whose tests fail is refused where they are required, and told', async () => {
  const shellac = await startShellac({ config: daemonConfig(200, 'first') })
  await shellac.reload(daemonConfig(200, 'second'))
  await shellac.writeConfig(daemonConfig(404, 'third'))
  const previewed = await shellac.command('diff')
  assert.equal(previewed.code, 1)
  const refused = await shellac.command('reload')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /:7:52: error: expected status 404, got 200 \[test-failed\]/)
  assert.match(refused.stderr, /not reloaded: 1 test failed; the old configuration stays/)
  assert.equal(await body(shellac.port), 'second')
  await shellac.reload(daemonConfig(404, 'fourth', ''))
  assert.equal(await body(shellac.port), 'fourth')
})

test('a start is not refused, but the failures are logged', async () => {
  const shellac = await startShellac({ config: daemonConfig(404, 'first') })
  assert.equal(await body(shellac.port), 'first')
  const record = await shellac.waitForLog('tests of the configuration fail')
  assert.match(String(record.diagnostics), /expected status 404, got 200/)
})

async function body(port: number): Promise<string> {
  const client = await connectClient(port)
  const response = await client.get('/')
  client.socket.destroy()
  return response.body.toString()
}
