/** HTTP/2 over TLS: agreed upon by ALPN, with the same engine behind it; real clients. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statsOf } from '../support/admin.ts'
import { makeAuthority } from '../support/certificates.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { connectH2, fieldOf, type H2Client } from '../support/h2-client.ts'
import { runProgram } from '../support/process.ts'
import { curl } from '../support/programs.ts'
import { ok, type RequestScript, type ScriptedOrigin, startOrigin } from '../support/scripted-origin.ts'

const root = makeAuthority()
const { chain, key } = root.issue({ names: ['localhost', 'shop.example'] })

interface Site {
  readonly origin: ScriptedOrigin
  readonly shellac: Daemon
  readonly url: string
}

async function setUp(script: RequestScript, { listener = '', site = '', workers = 1 } = {}): Promise<Site> {
  const origin = await startOrigin(script)
  const shellac = await startShellac({
    config: `shellac 1;
      process { workers ${workers}; }
      admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; ${listener} tls { certificate ${chain} key ${key}; } }
      backend app { server a 127.0.0.1:${origin.port}; }
      cache main { tier memory 16MiB; }
      site * { proxy app; use-cache main; ${site} }`,
  })
  return { origin, shellac, url: `https://localhost:${shellac.port}` }
}

async function connect(site: Site): Promise<H2Client> {
  return connectH2(site.url)
}

test('ALPN chooses, and without it HTTP/1.1 is spoken', async () => {
  const { url } = await setUp(() => ok('hello', 'Cache-Control: max-age=60'))
  const spoken = async (...args: string[]) =>
    (await curl('--cacert', root.certificate, '-w', '%{http_version}', '-o', '/dev/null', ...args, `${url}/a`)).stdout
  assert.equal(await spoken(), '2')
  assert.equal(await spoken('--http2'), '2')
  assert.equal(await spoken('--http1.1'), '1.1')
  assert.equal(await spoken('--no-alpn'), '1.1')
})

test('a listener that would rather speak HTTP/1.1, or nothing else, does', async () => {
  const rather = await setUp(() => ok('hello'), { listener: 'protocols h1 h2;' })
  const only = await setUp(() => ok('hello'), { listener: 'protocols h1;' })
  const new_ = await setUp(() => ok('hello'), { listener: 'protocols h2;' })
  const spoken = async (url: string, ...args: string[]) =>
    (await curl('-k', '-w', '%{http_version}', '-o', '/dev/null', ...args, url)).stdout
  assert.equal(await spoken(rather.url), '1.1')
  assert.equal(await spoken(only.url), '1.1')
  assert.equal(await spoken(new_.url), '2')
  assert.equal((await (await connect(rather)).get('/')).status, 200)
})

test('rules see the scheme and the TLS of a request, and :scheme must agree', async () => {
  const site = await setUp(() => ok('hello'), {
    site: 'headers { response set X-Tls "$request.scheme $tls.version $tls.protocol $tls.sni"; }',
  })
  const client = await connect(site)
  const answer = await client.get('/a')
  assert.equal(fieldOf(answer.raw, 'x-tls'), 'https 1.3 h2 localhost')
  assert.equal(site.origin.requests[0]!.fields.get('x-forwarded-proto'), 'https')
  assert.equal((await client.get('/a', { ':scheme': 'http' })).status, 400)
})

test('constant edits are made in hits too', async () => {
  const site = await setUp(() => ok('hello', 'Cache-Control: max-age=60', 'X-Old: 1'), {
    site: 'headers { response set X-New 1; response remove X-Old; } hsts 1d;',
  })
  const client = await connect(site)
  for (const how of [/fwd/, /hit/, /hit/]) {
    const { raw, body } = await client.get('/a')
    assert.match(fieldOf(raw, 'cache-status') ?? '', how)
    assert.equal(fieldOf(raw, 'x-new'), '1')
    assert.equal(fieldOf(raw, 'x-old'), undefined)
    assert.equal(fieldOf(raw, 'strict-transport-security'), 'max-age=86400')
    assert.equal(body.toString(), 'hello')
  }
})

test('h2load gets every answer whole, from several connections with many streams', async () => {
  const body = Buffer.alloc(5000, 'x').toString()
  const { url, shellac } = await setUp(() => ok(body, 'Cache-Control: max-age=60'), { workers: 2 })
  const { stdout } = await runProgram('h2load', ['-n', '20000', '-c', '8', '-m', '100', `${url}/a`])
  assert.match(stdout, /20000 done, 20000 succeeded, 0 failed, 0 errored/)
  assert.match(stdout, new RegExp(`${5000 * 20_000}\\) data`))
  const { counters } = await statsOf(shellac)
  assert.equal(counters.h2Streams, 20_000)
  assert.equal(counters.h2Connections, 8)
  assert.equal(counters.h2Resets, 0)
})

test('nghttp is served with its tree of priorities, its continuations and its upload', async () => {
  const { url, origin } = await setUp(({ body }) => ok(`got ${body.length}`))
  const { stdout } = await runProgram('nghttp', ['-v', '-d', chain, `${url}/a`, `${url}/b`])
  assert.match(stdout, /:status: 200/)
  assert.match(stdout, /got \d+/)
  assert.equal(origin.requests.length, 2)
})
