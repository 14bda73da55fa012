/** The shipped configurations do what their first lines say, in front of real origins. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeAuthority } from '../support/certificates.ts'
import { type Daemon, runShellac, startShellac } from '../support/daemon.ts'
import type { ReceivedResponse } from '../support/http-message.ts'
import { connectMemcached, startMemcached } from '../support/memcached.ts'
import { curl } from '../support/programs.ts'
import { connectSecure } from '../support/s-client.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { ok, reply, type ScriptedOrigin, startOrigin } from '../support/scripted-origin.ts'
import { tempDir } from '../support/temp.ts'
import { waitFor } from '../support/wait.ts'

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const MEBIBYTE = 1024 * 1024

test("the README's configuration has no problems, and its test passes", async () => {
  const readme = readFileSync(file('README.md'), 'utf8')
  const start = readme.indexOf('    # shellac.conf\n')
  const text = readme.slice(start, readme.indexOf('\n\n|', start)).replaceAll(/^ {4}/gm, '')
  const path = join(tempDir(), 'shellac.conf')
  writeFileSync(path, `${text}\n`)
  const checked = await runShellac(['check', path])
  assert.deepEqual([checked.code, checked.stdout], [0, `${path}: no problems\n1 test passed\n`], checked.stderr)
})

test("the README's pools and proxy make a configuration together with a site", async () => {
  const readme = readFileSync(file('README.md'), 'utf8')
  const start = readme.indexOf('    memcached edge {\n')
  const text = readme.slice(start, readme.indexOf('\n\n', start)).replaceAll(/^ {4}/gm, '')
  const path = join(tempDir(), 'shellac.conf')
  const frame =
    'listener web { address *:8000; } backend app { server a 127.0.0.1:8080; } site * { proxy app; use-cache pages; }'
  writeFileSync(path, `shellac 1; ${frame}\n${text}\n`)
  const checked = await runShellac(['check', path])
  assert.deepEqual([checked.code, checked.stdout], [0, `${path}: no problems\n`], checked.stderr)
})

test('the web accelerator asks its origin once for each page and asset', async () => {
  const origin = await startOrigin((request) => {
    const fields = request.target.startsWith('/assets/')
      ? ['Cache-Control: max-age=0', 'Set-Cookie: tracker=1', 'Server: origin']
      : ['Cache-Control: max-age=60']
    return ok(`body of ${request.target}`, ...fields)
  })
  const shellac = await startExample('web-accelerator', { ORIGIN: at(origin) })

  assert.equal(outcome(await get(shellac, '/news')), 'stored')
  assert.equal(outcome(await get(shellac, '/news')), 'hit')
  assert.match(origin.requests[0]?.fields.get('x-request-id') ?? '', /./)

  await get(shellac, '/list?b=2&a=1')
  assert.equal(outcome(await get(shellac, '/list?a=1&utm_source=mail&b=2')), 'hit')

  const first = await get(shellac, '/assets/site.css', 'Cookie: session=1')
  assert.equal(outcome(first), 'stored')
  assert.deepEqual(first.fields.all('set-cookie'), [])
  assert.deepEqual(first.fields.all('server'), [])
  const asset = await get(shellac, '/assets/site.css', 'Cookie: session=2')
  assert.equal(outcome(asset), 'hit')
  assert.equal(asset.body.toString(), 'body of /assets/site.css')
  assert.deepEqual(origin.requests[2]?.fields.all('cookie'), [])
  assert.equal(origin.requests.length, 3)
})

test('the web accelerator passes those who are logged in, and fetches anew what was purged', async () => {
  const origin = await startOrigin(() => ok('page', 'Cache-Control: max-age=60'))
  const shellac = await startExample('web-accelerator', { ORIGIN: at(origin) })
  await get(shellac, '/')
  assert.equal(outcome(await get(shellac, '/', 'Cookie: session=1')), 'bypass')
  assert.equal(outcome(await get(shellac, '/', 'Authorization: Basic eA==')), 'bypass')
  assert.equal(origin.requests.length, 3)
  const client = await connectClient(shellac.port)
  const purged = await client.get('/', ['Host: a'], 'PURGE')
  assert.deepEqual([purged.status, JSON.parse(purged.body.toString()).purged], [200, 'url'])
  await get(shellac, '/')
  await origin.waitForRequests(4)
})

test('the web accelerator answers what it has while its origin is down', async () => {
  const origin = await startOrigin(() => ok('page', 'Cache-Control: max-age=0', 'ETag: "1"'))
  const shellac = await startExample('web-accelerator', { ORIGIN: at(origin) })
  await get(shellac, '/')
  await origin.stop()
  const answer = await get(shellac, '/')
  assert.equal(answer.status, 200)
  assert.equal(answer.body.toString(), 'page')
  assert.equal((await get(shellac, '/never-seen')).status, 502)
})

test('the load balancer shares requests by weight, and asks the backup only when the others are gone', async () => {
  const [a, b, c] = await startThree()
  const shellac = await startExample('load-balancer', { SERVER_A: at(a), SERVER_B: at(b), SERVER_C: at(c) })
  for (let round = 0; round < 60; round++) assert.equal((await get(shellac, '/')).status, 200)
  // Not 20 to 40: each worker counts for itself, and an answer that has just reached its client may still count as one
  // that the server works on.
  assert.ok(b.requests.length > a.requests.length, `${a.requests.length} to ${b.requests.length}`)
  assert.equal(c.requests.length, 0)
  const asked = b.requests.length

  await b.stop()
  for (let round = 0; round < 20; round++) assert.equal((await get(shellac, '/')).body.toString(), 'a')
  assert.equal(b.requests.length, asked)

  await a.stop()
  for (let round = 0; round < 20; round++) assert.equal((await get(shellac, '/')).body.toString(), 'c')
})

test('the load balancer caches nothing, takes large bodies only where it should, and tells its state', async () => {
  const [a, b, c] = await startThree()
  const shellac = await startExample('load-balancer', { SERVER_A: at(a), SERVER_B: at(b), SERVER_C: at(c) })
  for (let round = 0; round < 6; round++) await get(shellac, '/same')
  assert.equal(a.requests.length + b.requests.length, 6)
  assert.equal((await post(shellac, '/form', 11 * MEBIBYTE)).status, 413)
  assert.equal((await post(shellac, '/upload/file', 11 * MEBIBYTE)).status, 200)
  assert.equal((await get(shellac, '/_status')).body.toString(), 'ok')
  assert.equal(c.requests.length, 0)
})

test('the caching load balancer shares what it passes on, and keeps the rest', async () => {
  const [a, b, files] = await startThree()
  const shellac = await startExample('caching-load-balancer', { APP_A: at(a), APP_B: at(b), FILES: at(files) })
  for (let round = 0; round < 20; round++) assert.equal(outcome(await get(shellac, '/api/orders')), 'bypass')
  assert.ok(Math.abs(a.requests.length - b.requests.length) <= 2, `${a.requests.length} to ${b.requests.length}`)

  assert.equal(outcome(await get(shellac, '/media/logo.png')), 'stored')
  assert.equal(outcome(await get(shellac, '/media/logo.png')), 'hit')
  assert.deepEqual(
    files.requests.map((request) => request.target),
    ['/logo.png'],
  )
  assert.equal(outcome(await get(shellac, '/site.css')), 'stored')
  assert.equal(outcome(await get(shellac, '/site.css', 'Cookie: session=1')), 'hit')

  assert.equal(outcome(await get(shellac, '/', 'Cookie: currency=EUR')), 'stored')
  assert.equal(outcome(await get(shellac, '/', 'Cookie: currency=USD')), 'stored')
  assert.equal(outcome(await get(shellac, '/', 'Cookie: currency=EUR; theme=dark')), 'hit')
  assert.equal(outcome(await get(shellac, '/', 'Cookie: session=1')), 'bypass')

  const moved = await get(shellac, '/old/page?q=1')
  assert.equal(moved.status, 308)
  assert.equal(moved.fields.get('location'), '/new/page')
})

test('the caching load balancer goes on with a server less, and without any where it has an answer', async () => {
  const [a, b, files] = await startThree()
  const shellac = await startExample('caching-load-balancer', { APP_A: at(a), APP_B: at(b), FILES: at(files) })
  await get(shellac, '/page')
  await a.stop()
  for (let round = 0; round < 20; round++) assert.equal((await get(shellac, '/api/orders')).body.toString(), 'b')
  await b.stop()
  assert.equal((await get(shellac, '/api/orders')).status, 502)
  assert.equal(outcome(await get(shellac, '/page')), 'hit')
})

test('the magazine withdraws by tag every page that shows an article, and keeps pages apart by screen and language', async () => {
  const cms = await startOrigin(({ target, fields }) =>
    target === '/draft'
      ? ok('draft', 'Cache-Control: max-age=60', 'X-Draft: 1')
      : ok(
          `${target} in ${fields.get('accept-language') ?? 'no language'}`,
          ...['Cache-Control: max-age=60', 'Vary: Accept-Language', 'Surrogate-Key: article-17 front', 'Server: cms'],
        ),
  )
  const shellac = await startMagazine(cms, cms)
  const german = await get(shellac, '/news/17', 'Accept-Language: de-AT')
  assert.equal(outcome(german), 'stored')
  assert.deepEqual([german.fields.all('surrogate-key'), german.fields.all('server')], [[], []])
  assert.equal(german.body.toString(), '/news/17 in de')
  assert.equal(outcome(await get(shellac, '/news//17?utm_source=x', 'Accept-Language: de')), 'hit')
  assert.equal(outcome(await get(shellac, '/news/17', 'Accept-Language: en')), 'stored')
  assert.equal(outcome(await get(shellac, '/news/17', 'Accept-Language: de', 'User-Agent: A Mobile')), 'stored')
  assert.equal(outcome(await get(shellac, '/news/17', 'Cookie: subscriber=1')), 'bypass')
  assert.match(outcome(await get(shellac, '/draft')), /detail=no-store-configured/)

  const asked = cms.requests.length
  const purged = await shellac.command('purge', '--tag', 'article-17')
  assert.equal(purged.stdout, 'cache "magazine": purged 1 tag (soft)\n')
  const stale = await get(shellac, '/news/17', 'Accept-Language: de')
  assert.match(stale.fields.get('cache-status') ?? '', /; hit; ttl=0; detail=purged$/)
  await cms.waitForRequests(asked + 1)
  const client = await connectClient(shellac.port)
  const byRequest = await client.get('/', ['Host: a', 'Surrogate-Key: front'], 'PURGEKEY')
  assert.deepEqual(JSON.parse(byRequest.body.toString()).targets, ['front'])
})

test('the magazine keeps ranges of films, and fetches a recording whole for whoever asks for a piece', async () => {
  const media = await startOrigin(({ target, fields }) => {
    const whole = '0123456789'
    const range = /^bytes=(\d)-(\d)$/.exec(fields.get('range') ?? '')
    if (target.startsWith('/recordings/') || range === null) return ok(whole, 'ETag: "r"')
    const [first, last] = [Number(range[1]), Number(range[2])]
    return reply(206, whole.slice(first, last + 1), 'ETag: "f"', `Content-Range: bytes ${first}-${last}/10`)
  })
  const shellac = await startMagazine(media, media)
  const piece = async (path: string, range: string): Promise<readonly [string, string]> => {
    const answer = await get(shellac, path, `Range: bytes=${range}`)
    assert.equal(answer.status, 206)
    return [outcome(answer), answer.body.toString()]
  }
  assert.match((await piece('/films/a', '0-3'))[0], /detail=min-uses/)
  assert.deepEqual(await piece('/films/a', '0-3'), ['stored', '0123'])
  assert.deepEqual(await piece('/films/a', '4-6'), ['stored', '456'])
  assert.deepEqual(await piece('/films/a', '2-5'), ['hit', '2345'])
  assert.deepEqual(await piece('/recordings/a', '7-8'), ['stored', '78'])
  assert.deepEqual(await piece('/recordings/a', '1-2'), ['hit', '12'])
  const asked = media.requests.filter(({ target }) => target === '/recordings/a')
  assert.deepEqual(
    asked.map(({ fields }) => fields.get('range')),
    [undefined],
  )
})

test('the memcached proxy has each key on one of three servers, and gets from the spare while one is out', async () => {
  const [mc1, mc2, mc3, spare] = await Promise.all([1, 2, 3, 4].map(() => startMemcached()))
  const shellac = await startExample('memcached-proxy', {
    MC1: mc1!.text,
    MC2: mc2!.text,
    MC3: mc3!.text,
    SPARE: spare!.text,
    STATS: '%listen:stats%',
    ADMIN: '%dir%/admin.sock',
    TIMEOUT: '5s',
  })
  const client = await connectMemcached({ port: shellac.port, host: '127.0.0.1' })
  const say = async (request: string, end: RegExp): Promise<string> => {
    client.send(request)
    return client.readUntil(end)
  }
  const keys = Array.from({ length: 60 }, (_, index) => `cart:{${index}}`)
  for (const key of keys) assert.equal(await say(`set ${key} 0 0 1\r\nx\r\n`, /\n$/), 'STORED\r\n')
  const items = await Promise.all([mc1!, mc2!, mc3!].map(async (server) => Number(await server.stat('curr_items'))))
  // Each server has the note of its own return besides, if it was ever out; none was.
  assert.equal(items[0]! + items[1]! + items[2]!, keys.length)
  assert.ok(items.every((count) => count > 0))

  assert.equal(await say('set spare:1 0 0 1\r\ny\r\n', /\n$/), 'STORED\r\n')
  assert.match(await spare!.ask('get spare:1\r\n', /END\r\n$/), /VALUE spare:1 /)

  const owners = JSON.parse((await shellac.command('pool', 'ring', '--json', '--pool', 'sessions', ...keys)).stdout)
  const lost = keys.find((_, index) => owners[index].owner === 'mc2')!
  assert.equal(await spare!.ask(`set ${lost} 0 0 1\r\nz\r\n`), 'STORED\r\n')
  await mc2!.kill()
  // While it is not yet ejected its gets fail over too.
  assert.equal(await say(`get ${lost}\r\n`, /END\r\n$/), `VALUE ${lost} 0 1\r\nz\r\nEND\r\n`)
  const statistics = await connectMemcached({ port: shellac.portOf('stats'), host: '127.0.0.1' })
  assert.equal(JSON.parse(await statistics.readUntil(/\n$/)).service, 'nutcracker')
})

test('two machines with the distributed cache ask the origin once, and a purge on one reaches the other', async () => {
  const origin = await startOrigin(() =>
    ok(`page ${origin.requests.length}`, 'Cache-Control: max-age=60', 'Surrogate-Key: product-17'),
  )
  const servers = await Promise.all([1, 2, 3].map(() => startMemcached()))
  const [mc1, mc2, mc3] = servers.map(({ text }) => text)
  const env = {
    APP: at(origin),
    MC1: mc1!,
    MC2: mc2!,
    MC3: mc3!,
    ADMIN: '%dir%/admin.sock',
    CACHE_SIZE: '16MiB',
    TIMEOUT: '5s',
  }
  const [here, there] = await Promise.all([1, 2].map(() => startExample('distributed-cache', env)))
  assert.equal(outcome(await get(here!, '/p/17')), 'stored')
  await waitFor('the page in the pool', async () => {
    const counts = await Promise.all(servers.map((server) => server.stat('curr_items')))
    return counts.some((count) => Number(count) > 0)
  })
  const shared = await get(there!, '/p/17')
  assert.equal(shared.body.toString(), 'page 1')
  assert.equal(origin.requests.length, 1)

  assert.equal((await here!.command('purge', '--hard', '--tag', 'product-17')).code, 0)
  assert.equal((await get(here!, '/p/17')).body.toString(), 'page 2')
  const bodyThere = async () => (await get(there!, '/p/17')).body.toString()
  await waitFor('the purge on the other machine', async () => (await bodyThere()) !== 'page 1')
  // From the pool, or, if that had it too late, from the origin; and then never again.
  const body = await bodyThere()
  assert.match(body, /^page [23]$/)
  assert.equal(await bodyThere(), body)
  assert.ok(origin.requests.length <= 3)
  assert.equal(outcome(await get(there!, '/api/cart')), 'bypass')
})

test('the default configuration starts as it is shipped, in front of a server on its port', async () => {
  const origin = await startOrigin(() => ok('page', 'Cache-Control: max-age=60'))
  const text = readFileSync(file('shellac.conf'), 'utf8')
  const config = text.replace('address *:8000;', 'address %listen%;').replace('127.0.0.1:8080;', `${at(origin)};`)
  assert.notEqual(config, text)
  const shellac = await startShellac({ config })
  assert.equal(outcome(await get(shellac, '/')), 'stored')
  assert.equal(outcome(await get(shellac, '/')), 'hit')
})

test('the HTTPS site has its certificate, leads plain HTTP to it, and lets the staff alone see what is theirs', async () => {
  const origin = await startOrigin(() => ok('page', 'Cache-Control: max-age=60'))
  const ca = makeAuthority()
  const shop = ca.issue({ names: ['shop.example.com'] })
  const ada = ca.issue({ commonName: 'ada', usage: 'clientAuth' })
  const shellac = await startExample('https', {
    ORIGIN: at(origin),
    LISTEN_PLAIN: '%listen:plain%',
    CERTIFICATE: shop.chain,
    KEY: shop.key,
    STAFF_CA: ca.certificate,
  })
  const host = ['Host: shop.example.com']
  const plain = await (await connectClient(shellac.portOf('plain'))).get('/a', host)
  assert.deepEqual([plain.status, plain.fields.get('location')], [308, 'https://shop.example.com/a'])

  const trust = { servername: 'shop.example.com', ca: readFileSync(ca.certificate), rejectUnauthorized: true }
  const stranger = await connectSecure(shellac.port, trust)
  const page = await stranger.get('/', host)
  assert.deepEqual([outcome(page), page.fields.get('strict-transport-security')], ['stored', 'max-age=31536000'])
  assert.equal(outcome(await stranger.get('/', host)), 'hit')
  assert.equal((await stranger.get('/staff/orders', host)).status, 403)

  const known = { ...trust, cert: readFileSync(ada.chain), key: readFileSync(ada.key) }
  const staff = await connectSecure(shellac.port, known)
  assert.equal((await staff.get('/staff/orders', host)).status, 200)
  assert.equal(origin.requests.at(-1)?.fields.get('x-client-certificate'), 'CN=ada')
  const two = await curl(
    '-k',
    '--http2',
    '--resolve',
    `shop.example.com:${shellac.port}:127.0.0.1`,
    '-w',
    '%{http_version}',
    `https://shop.example.com:${shellac.port}/`,
  )
  assert.deepEqual([two.code, two.stdout], [0, 'page2'])
})

function startExample(name: string, env: Readonly<Record<string, string>>): Promise<Daemon> {
  return startShellac({ config: { file: file(`examples/${name}.conf`) }, env: { LISTEN: '%listen%', ...env } })
}

function startMagazine(cms: ScriptedOrigin, media: ScriptedOrigin): Promise<Daemon> {
  return startExample('magazine', { CMS: at(cms), MEDIA: at(media), ADMIN: 'unix:%dir%/admin.sock' })
}

/** Origins that answer with their own letter, for a minute. */
async function startThree(): Promise<[ScriptedOrigin, ScriptedOrigin, ScriptedOrigin]> {
  const start = (name: string) => startOrigin(() => ok(name, 'Cache-Control: max-age=60'))
  return [await start('a'), await start('b'), await start('c')]
}

function at(origin: ScriptedOrigin): string {
  return `127.0.0.1:${origin.port}`
}

function get(shellac: Daemon, path: string, ...fields: string[]): Promise<ReceivedResponse> {
  return exchange(shellac.port, `GET ${path} HTTP/1.1\r\n${['Host: a', ...fields].join('\r\n')}\r\n\r\n`)
}

async function post(shellac: Daemon, path: string, bytes: number): Promise<ReceivedResponse> {
  const client = await connectClient(shellac.port)
  client.send(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`)
  client.send(Buffer.alloc(bytes))
  return client.response('POST')
}

/** What Cache-Status says became of the request. */
function outcome(response: ReceivedResponse): 'hit' | 'stored' | 'bypass' | string {
  const status = response.fields.get('cache-status') ?? ''
  if (/; hit/.test(status)) return 'hit'
  if (/; stored/.test(status)) return 'stored'
  return /fwd=bypass/.test(status) ? 'bypass' : status
}
