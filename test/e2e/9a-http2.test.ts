/** HTTP/2 from clients: a request means what it means over HTTP/1.1, and so does its answer. */
import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { statsOf } from '../support/admin.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { answerOf, connectH2, fieldOf, type H2Client } from '../support/h2-client.ts'
import { curl } from '../support/programs.ts'
import { connectClient } from '../support/scripted-client.ts'
import {
  ok,
  type RequestScript,
  reply,
  type ScriptedOrigin,
  startConnectionOrigin,
  startOrigin,
} from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

interface Site {
  readonly origin: ScriptedOrigin
  readonly shellac: Daemon
  readonly client: H2Client
}

function config(port: number, { listener = '', site = '', more = '' } = {}): string {
  return `shellac 1;
    process { workers 1; }
    admin { listen unix:%dir%/admin.sock; }
    log access { to file:%dir%/access.log; }
    listener web { address %listen%; protocols h1 h2c; ${listener} }
    backend app { server a 127.0.0.1:${port}; }
    cache main { tier memory 16MiB; max-object 8MiB; }
    ${more}
    site * { proxy app; use-cache main; ${site} }`
}

async function setUp(script: RequestScript, options = {}): Promise<Site> {
  const origin = await startOrigin(script)
  const shellac = await startShellac({ config: config(origin.port, options) })
  return { origin, shellac, client: await connectH2(shellac.url('')) }
}

test('a request reaches the origin as one of HTTP/1.1, and its answer comes back', async () => {
  const { origin, client } = await setUp(() =>
    ok('hello', 'X-Odd: \xc4\x8d', 'Connection: X-Hop', 'X-Hop: 1', 'X-A: 1', 'x-a: 2'),
  )
  const answer = await client.get('/a%2Fb?x=1', {
    ':authority': 'shop.example:81',
    accept: ['a/b', 'c/d'],
    cookie: ['a=1', 'b=2'],
    te: 'trailers',
    'x-odd': '\xe9',
  })
  assert.equal(answer.status, 200)
  assert.equal(answer.body.toString(), 'hello')
  assert.equal(fieldOf(answer.raw, 'x-odd'), '\xc4\x8d')
  assert.equal(fieldOf(answer.raw, 'x-a'), '1, 2')
  assert.equal(fieldOf(answer.raw, 'content-length'), '5')
  assert.equal(fieldOf(answer.raw, 'via'), '1.1 shellac')
  for (const name of ['connection', 'x-hop', 'transfer-encoding']) assert.equal(fieldOf(answer.raw, name), undefined)
  const [request] = origin.requests
  assert.equal(request!.target, '/a%2Fb?x=1')
  assert.equal(request!.fields.get('host'), 'shop.example:81')
  assert.equal(request!.fields.get('cookie'), 'a=1; b=2')
  assert.equal(request!.fields.get('x-odd'), '\xe9')
  assert.equal(request!.fields.get('via'), '2.0 shellac')
  for (const name of ['te', 'connection', 'transfer-encoding']) assert.equal(request!.fields.get(name), undefined, name)
})

test('what one protocol has stored answers the other', async () => {
  const { origin, shellac, client } = await setUp(() => ok('hello', 'Cache-Control: max-age=60', 'ETag: "e"'))
  const old = await connectClient(shellac.port)
  await old.get('/a', ['Host: shop.example'])
  const hit = await client.get('/a', { ':authority': 'shop.example' })
  assert.match(fieldOf(hit.raw, 'cache-status') ?? '', /hit/)
  assert.equal(hit.body.toString(), 'hello')
  const again = await client.get('/a', { ':authority': 'shop.example' })
  assert.deepEqual(again.body.toString(), 'hello')
  assert.equal((await old.get('/a', ['Host: shop.example'])).body.toString(), 'hello')
  assert.equal(origin.requests.length, 1)
})

test('answers without a body end with their head', async () => {
  const { client } = await setUp(() => ok('hello', 'Cache-Control: max-age=60', 'ETag: "e"'))
  await client.get('/a')
  for (const [headers, status, length] of [
    [{ ':method': 'HEAD' }, 200, '5'],
    [{ 'if-none-match': '"e"' }, 304, undefined],
    [{ ':method': 'OPTIONS', 'max-forwards': '0' }, 200, '0'],
  ] as const) {
    const stream = client.open({ ':path': '/a', ...headers }, true)
    let flags = 0
    stream.on('response', (_, given) => {
      flags = given
    })
    const answer = await answerOf(stream)
    assert.equal(answer.status, status)
    assert.equal(answer.body.length, 0)
    assert.equal(fieldOf(answer.raw, 'content-length'), length)
    assert.equal(flags & 1, 1, `END_STREAM of ${status}`)
  }
})

test('ranges, errors and redirects are what they are elsewhere', async () => {
  const { client } = await setUp(() => ok('0123456789', 'Cache-Control: max-age=60', 'ETag: "e"'), {
    site: 'route old { path /old; redirect 301 /new; } route all { path /**; }',
  })
  await client.get('/a')
  const part = await client.get('/a', { range: 'bytes=2-4' })
  assert.equal(part.status, 206)
  assert.equal(part.body.toString(), '234')
  assert.equal(fieldOf(part.raw, 'content-range'), 'bytes 2-4/10')
  const moved = await client.get('/old')
  assert.equal(moved.status, 301)
  assert.match(fieldOf(moved.raw, 'location') ?? '', /\/new$/)
  assert.equal((await client.get('/a/../b')).status, 400)
  assert.equal((await client.get('/a', { ':method': 'TRACE' })).status, 405)
})

test('an answer whose last pieces come together is whole', async () => {
  const chunks = Array.from({ length: 40 }, (_, i) => `5\r\n${String(i).padStart(5, '.')}\r\n`).join('')
  const { client } = await setUp(({ target }) =>
    target === '/chunks'
      ? `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`
      : ok('0123456789'.repeat(30_000), 'Cache-Control: max-age=60', 'ETag: "e"'),
  )
  const passed = await client.get('/chunks')
  assert.equal(passed.body.length, 200)
  assert.ok(passed.body.toString().endsWith('...38...39'))
  // Small parts, large ones, and both: the pieces of one answer.
  for (const ranges of ['0-1,4-5,8-9', '0-99999,100001-200000,200002-200003', '1-2,10-40009,-5']) {
    for (const when of ['miss', 'hit']) {
      const { status, raw, body } = await client.get('/a', { range: `bytes=${ranges}` })
      assert.equal(status, 206, when)
      assert.equal(fieldOf(raw, 'content-length'), String(body.length))
      const boundary = /boundary=(\S+)/.exec(fieldOf(raw, 'content-type') ?? '')![1]!
      assert.ok(body.toString().endsWith(`--${boundary}--\r\n`))
      await client.get('/a')
    }
  }
})

test('a 205 with content has it, as over HTTP/1.1', async () => {
  const { client } = await setUp(({ target }) =>
    target === '/sized'
      ? reply(205, 'hello')
      : 'HTTP/1.1 205 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  )
  for (const path of ['/sized', '/chunked']) {
    const answer = await client.get(path)
    assert.equal(answer.status, 205)
    assert.equal(answer.body.toString(), 'hello')
  }
})

test('streams are served side by side, none waits for another', async () => {
  const held: (() => void)[] = []
  const { client } = await setUp(async ({ target }) => {
    if (target === '/slow') await new Promise<void>((resolve) => held.push(resolve))
    return ok(target)
  })
  const slow = client.get('/slow')
  await waitFor('the slow one', () => held.length === 1)
  const quick = await Promise.all(Array.from({ length: 50 }, (_, i) => client.get(`/${i}`)))
  for (const [i, answer] of quick.entries()) assert.equal(answer.body.toString(), `/${i}`)
  held[0]!()
  assert.equal((await slow).body.toString(), '/slow')
})

test('large bodies come whole, from the origin and from the cache, read fast or slowly', async () => {
  const body = Buffer.alloc(3 * 1024 * 1024, 'abcdefghijklmnopqrstuvwxyz012345').toString('latin1')
  const { origin, client } = await setUp(() => ok(body, 'Cache-Control: max-age=60'))
  const answers = await Promise.all([client.get('/a'), client.get('/a'), client.get('/a')])
  const hits = await Promise.all([client.get('/a'), client.get('/a')])
  for (const answer of [...answers, ...hits]) assert.equal(answer.body.toString('latin1') === body, true)
  assert.equal(origin.requests.length, 1)
  const stream = client.open({ ':path': '/a' }, true)
  await new Promise((resolve) => stream.once('response', resolve))
  assert.equal((await client.get('/a', { range: 'bytes=0-9' })).body.toString(), body.slice(0, 10))
  assert.equal((await buffer(stream)).toString('latin1') === body, true)
})

test('request bodies go on as they come, with a length or without', async () => {
  const { origin, client } = await setUp(({ body }) => ok(`${body.length}`))
  const body = Buffer.alloc(2 * 1024 * 1024, 'x')
  const sized = await client.post('/a', body, { 'content-length': body.length })
  assert.equal(sized.body.toString(), `${body.length}`)
  const unsized = await client.post('/a', body)
  assert.equal(unsized.body.toString(), `${body.length}`)
  assert.equal(origin.requests[0]!.fields.get('content-length'), `${body.length}`)
  assert.equal(origin.requests[1]!.fields.get('transfer-encoding'), 'chunked')
  const empty = await client.post('/a', '')
  assert.equal(empty.body.toString(), '0')
})

test('a body over the limit is refused, announced or not, and the connection serves on', async () => {
  const { client } = await setUp(({ body }) => ok(`${body.length}`), { listener: 'limits { body-bytes 100KiB; }' })
  const body = Buffer.alloc(300 * 1024, 'x')
  const announced = client.open({ ':path': '/a', ':method': 'POST', 'content-length': body.length })
  announced.write(body)
  assert.equal((await answerOf(announced)).status, 413)
  const unannounced = client.open({ ':path': '/a', ':method': 'POST' })
  unannounced.write(body)
  assert.equal((await answerOf(unannounced)).status, 413)
  assert.equal((await client.get('/a')).body.toString(), '0')
})

test('interim answers, 100-continue and trailers come through', async () => {
  const origin = await startConnectionOrigin(async (peer) => {
    const head = await peer.requestHead()
    assert.equal(head!.fields.get('expect'), '100-continue')
    peer.send('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
    assert.equal((await peer.readThrough('0\r\nx-sum: 7\r\n\r\n')).endsWith('x-sum: 7\r\n\r\n'), true)
    peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Check: yes\r\n\r\n')
  })
  const shellac = await startShellac({ config: config(origin.port) })
  const client = await connectH2(shellac.url(''))
  const stream = client.session.request(
    { ':path': '/a', ':method': 'POST', expect: '100-continue' },
    { waitForTrailers: true },
  )
  const continued = new Promise((resolve) => stream.once('continue', resolve))
  const answer = answerOf(stream)
  await continued
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7', 'content-type': 'no/where' }))
  stream.end('body')
  const { status, body, interims, trailers } = await answer
  assert.equal(status, 200)
  assert.equal(body.toString(), 'abc')
  assert.deepEqual(interims[0], [':status', '103', 'link', '</a.css>'])
  assert.deepEqual(trailers, ['x-check', 'yes'])
  assert.deepEqual(origin.errors, [])
})

test('an answer that breaks off is reset, never ended', async () => {
  const origin = await startConnectionOrigin(async (peer) => {
    await peer.request()
    peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    peer.socket.end()
  })
  const shellac = await startShellac({ config: config(origin.port) })
  const client = await connectH2(shellac.url(''))
  await assert.rejects(client.get('/a'), /reset with 2/)
})

test('a client that resets its stream frees the origin, and the other streams go on', async () => {
  let gone = 0
  const origin = await startConnectionOrigin(async (peer) => {
    const request = await peer.request()
    if (request?.target === '/b') return void peer.send('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb')
    peer.send('HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 100000000\r\n\r\nabc')
    await peer.expectClose()
    gone++
  })
  const shellac = await startShellac({ config: config(origin.port) })
  const client = await connectH2(shellac.url(''))
  const stream = client.open({ ':path': '/a' }, true)
  await new Promise((resolve) => stream.once('data', resolve))
  stream.close(8)
  await waitFor('the origin to be left', () => gone === 1)
  assert.equal((await client.get('/b')).body.toString(), 'b')
  const { counters } = await statsOf(shellac)
  assert.equal(counters.h2Resets, 1)
  assert.equal(counters.clientAborts, 1)
})

test('HTTP/1.1 is served on the same listener, and the access log tells them apart', async () => {
  const { shellac, client } = await setUp(() => ok('hello'))
  await client.get('/new')
  const old = await connectClient(shellac.port)
  await old.get('/old')
  const split = await connectClient(shellac.port)
  split.send('PRI')
  await split.expectQuiet(50)
  split.send(' /old HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal((await split.response()).status, 200)
  await shellac.stop()
  const { stdout } = await import('../support/process.ts').then(({ runProgram }) =>
    runProgram('cat', [`${shellac.dir}/access.log`]),
  )
  const protocols = stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { protocol: string }).protocol)
  assert.deepEqual(protocols, ['HTTP/2.0', 'HTTP/1.1', 'HTTP/1.1'])
})

test('the beginning of a request of HTTP/1.1 is kept apart from what others send meanwhile', async () => {
  const { shellac, origin } = await setUp(({ target }) => ok(target))
  const slow = await connectClient(shellac.port)
  slow.send('GET /whole HTTP/1.1\r\nHost: a\r\n\r\nGET /the-half HTT')
  assert.equal((await slow.response()).body.toString(), '/whole')
  const other = await connectClient(shellac.port)
  await other.get(`/${'x'.repeat(200)}`)
  slow.send('P/1.1\r\nHost: a\r\n\r\n')
  assert.equal((await slow.response()).body.toString(), '/the-half')
  assert.equal(origin.requests.length, 3)
})

test('a listener without h2c refuses the preface, and one without h1 everything else', async () => {
  const origin = await startOrigin(() => ok('hello'))
  const shellac = await startShellac({
    config: config(origin.port, {
      more: 'listener old { address %listen:old%; } listener new { address %listen:new%; protocols h2c; }',
    }),
  })
  const preface = await connectClient(shellac.portOf('old'))
  preface.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  assert.equal((await preface.response()).status, 505)
  const plain = await connectClient(shellac.portOf('new'))
  plain.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal(await plain.expectClose(), 'end')
  const client = await connectH2(`http://127.0.0.1:${shellac.portOf('new')}`)
  assert.equal((await client.get('/')).status, 200)
})

test('Upgrade never leads to HTTP/2', async () => {
  const { shellac } = await setUp(() => ok('hello'))
  const { stdout } = await curl('--http2', '-D-', shellac.url('/a'))
  assert.match(stdout, /^HTTP\/1\.1 200/)
  const prior = await curl('--http2-prior-knowledge', '-D-', shellac.url('/a'))
  assert.match(prior.stdout, /^HTTP\/2 200/)
})

test('after so many requests the connection is closed in order', async () => {
  const { client } = await setUp(() => ok('hello'), { listener: 'limits { requests 3; }' })
  const closed = new Promise((resolve) => client.session.once('close', resolve))
  for (let i = 0; i < 3; i++) assert.equal((await client.get('/a')).status, 200)
  await closed
  assert.deepEqual(new Set(client.goaways), new Set([0]))
})

test('a connection without requests is closed after the idle timeout, with GOAWAY', async () => {
  const { client } = await setUp(() => ok('hello'), { listener: 'limits { idle-timeout 2s; }' })
  const closed = new Promise((resolve) => client.session.once('close', resolve))
  await client.get('/a')
  await closed
  assert.deepEqual(new Set(client.goaways), new Set([0])) // Node may say it again as it closes
})

test('open sessions follow a reload; those of a listener that is taken away finish and go', async () => {
  let release = (): void => {}
  const { origin, shellac, client } = await setUp(async ({ target }) => {
    if (target === '/slow') await new Promise<void>((resolve) => (release = resolve))
    return reply(200, target)
  })
  assert.equal(fieldOf((await client.get('/a')).raw, 'x-new'), undefined)
  await shellac.reload(config(origin.port, { site: 'headers { response set X-New 1; }' }))
  assert.equal(fieldOf((await client.get('/a')).raw, 'x-new'), '1')
  const slow = client.get('/slow')
  await waitFor('the slow request', () => origin.requests.some(({ target }) => target === '/slow'))
  const closed = new Promise((resolve) => client.session.once('close', resolve))
  await shellac.reload(config(origin.port).replace('%listen%', '%listen:other%'))
  await waitFor('the GOAWAY', () => client.goaways.length === 1)
  release()
  assert.equal((await slow).body.toString(), '/slow')
  await closed
  assert.deepEqual(new Set(client.goaways), new Set([0]))
})

test('SIGTERM lets streams in work finish', async () => {
  let release = (): void => {}
  const { origin, shellac, client } = await setUp(async ({ target }) => {
    if (target === '/slow') await new Promise<void>((resolve) => (release = resolve))
    return ok(target)
  })
  const slow = client.get('/slow')
  await waitFor('the slow request', () => origin.connections === 1)
  const stopped = shellac.stop()
  await waitFor('the GOAWAY', () => client.goaways.length === 1)
  release()
  assert.equal((await slow).body.toString(), '/slow')
  await stopped
})

test('bodies that turn out to be empty before anybody wants them end the request all the same', async () => {
  const { origin, client } = await setUp(({ body }) => ok(`${body.length} bytes`))
  // The origin is not connected to yet.
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => client.post(`/${i}`, '')))
  for (const { status, body } of answers) assert.deepEqual([status, body.toString()], [200, '0 bytes'])
  assert.equal(origin.requests.length, 20)
})
