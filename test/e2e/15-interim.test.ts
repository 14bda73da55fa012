/** Interim responses and Expect: 100-continue: passed on, never stored, never taken for the final answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { ok, startConnectionOrigin } from '../support/scripted-origin.ts'
import { expectUsable } from './conversation.ts'

const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n'
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

/** What the origin says before it looks at the body, by target; the rest follows when the body is there. */
const firsts = new Map([
  ['/hints', HINTS],
  ['/hints/stored', HINTS],
  ['/many', `${HINTS}HTTP/1.1 102 Processing\r\n\r\n${HINTS}`],
  ['/continue', CONTINUE],
  ['/continue/hints', CONTINUE + HINTS],
  ['/endless', HINTS.repeat(100)],
  ['/with-length', 'HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n'],
  ['/with-coding', 'HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['/huge', `HTTP/1.1 103 Early Hints\r\nLink: ${'x'.repeat(100_000)}\r\n\r\n`],
  ['/switch', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'],
])

const finals = new Map([
  ['/no', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'],
  ['/417', 'HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n'],
])

const seen: string[] = []
const origin = await startConnectionOrigin(async (peer) => {
  for (let head = await peer.requestHead(); head; head = await peer.requestHead()) {
    seen.push(`${head.method} ${head.target} ${head.fields.get('expect') ?? '-'}`)
    const final = finals.get(head.target)
    if (final !== undefined) peer.send(final)
    else {
      peer.send(firsts.get(head.target) ?? '')
      const length = head.fields.get('content-length')
      const body = length === undefined ? '' : (await peer.read(Number(length))).toString()
      const cache = head.target.endsWith('stored') ? 'max-age=60' : 'no-store'
      peer.send(ok(`final ${body}`, `Cache-Control: ${cache}`))
    }
  }
})
const shellac = await startShellac({
  config: `shellac 1;
process { workers 1; }
listener web { address %listen%; }
backend app { server a 127.0.0.1:${origin.port}; retry { attempts 1; } }
cache pages { tier memory 8MiB; }
site * { proxy app; use-cache pages; route rest { path /**; } route denied { path /denied; deny all; } }`,
})

const expecting = (target: string, version = '1.1') =>
  `POST ${target} HTTP/${version}\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`

test('103 comes before the final answer, with its fields and without those of the hop', async () => {
  const client = await connectClient(shellac.port)
  const answer = await client.get('/hints')
  assert.deepEqual(
    answer.interim.map(({ status, fields }) => [status, fields.list]),
    [[103, [['Link', '</a.css>; rel=preload']]]],
  )
  assert.equal(answer.fields.get('link'), undefined)
  assert.equal(answer.body.toString(), 'final ')
  await expectUsable(client)
})

test('all of several interim responses come, in order', async () => {
  const client = await connectClient(shellac.port)
  const { interim } = await client.get('/many')
  assert.deepEqual(
    interim.map(({ status }) => status),
    [103, 102, 103],
  )
})

test('an interim response is no part of what is stored', async () => {
  const client = await connectClient(shellac.port)
  const miss = await client.get('/hints/stored')
  const hit = await client.get('/hints/stored')
  assert.deepEqual([miss.interim.length, hit.interim.length], [1, 0])
  assert.match(hit.fields.get('cache-status') ?? '', /hit/)
  assert.equal(hit.fields.get('link'), undefined)
})

test('a client of HTTP/1.0 is spared them', async () => {
  const client = await connectClient(shellac.port)
  client.send('GET /hints HTTP/1.0\r\n\r\n')
  assert.match((await client.readToEnd()).toString(), /^HTTP\/1\.1 200 /)
})

test('an unasked 100 goes no further', async () => {
  const client = await connectClient(shellac.port)
  assert.equal((await client.get('/continue')).interim.length, 0)
  await expectUsable(client)
})

test('101 that nobody asked for is a 502', async () => {
  assert.equal((await exchange(shellac.port, 'GET /switch HTTP/1.1\r\nHost: a\r\n\r\n')).status, 502)
})

test('an origin that sends interim responses without end is given up', async () => {
  const client = await connectClient(shellac.port)
  const answer = await client.get('/endless')
  assert.equal(answer.status, 502)
  assert.ok(answer.interim.length <= 32)
})

test('an interim response larger than a head may be is a 502', async () => {
  assert.equal((await exchange(shellac.port, 'GET /huge HTTP/1.1\r\nHost: a\r\n\r\n')).status, 502)
})

test('an interim response has no body, whatever it says', async () => {
  const client = await connectClient(shellac.port)
  for (const target of ['/with-length', '/with-coding']) {
    const answer = await client.get(target)
    assert.equal(answer.body.toString(), 'final ')
    for (const { fields } of answer.interim)
      assert.deepEqual([fields.get('content-length'), fields.get('transfer-encoding')], [undefined, undefined])
  }
})

test('Expect goes to the origin, its 100 to the client, then the body to the origin', async () => {
  const client = await connectClient(shellac.port)
  client.send(expecting('/continue/hints'))
  await client.expect(CONTINUE)
  client.send('hello')
  const answer = await client.response()
  assert.deepEqual([answer.body.toString(), answer.interim.length], ['final hello', 1])
  assert.equal(seen.at(-1), 'POST /continue/hints 100-continue')
  await expectUsable(client)
})

test('a client that does not wait is served as well', async () => {
  const client = await connectClient(shellac.port)
  client.send(`${expecting('/continue')}hello`)
  assert.equal((await client.response()).body.toString(), 'final hello')
  await expectUsable(client)
})

test('a final answer before the body ends the connection, for what comes next cannot be told', async () => {
  for (const [target, status] of [['/no', 403] as const, ['/417', 417] as const, ['/denied', 403] as const]) {
    const client = await connectClient(shellac.port)
    client.send(expecting(target))
    const answer = await client.response()
    assert.deepEqual([answer.status, answer.fields.get('connection')], [status, 'close'])
    client.send('GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.equal(await client.expectClose(), 'end')
  }
  assert.ok(!seen.some((line) => line.includes('smuggled')))
})

test('HTTP/1.0 has no expectations', async () => {
  const client = await connectClient(shellac.port)
  client.send(`${expecting('/continue', '1.0')}hello`)
  const answer = await client.response()
  assert.deepEqual([answer.body.toString(), answer.interim.length], ['final hello', 0])
  assert.equal(seen.at(-1), 'POST /continue -')
})

test('an expectation without a body is none', async () => {
  const client = await connectClient(shellac.port)
  const answer = await client.get('/continue', ['Host: a', 'Expect: 100-Continue'])
  assert.deepEqual([answer.status, answer.interim.length], [200, 0])
  assert.equal(seen.at(-1), 'GET /continue -')
})
