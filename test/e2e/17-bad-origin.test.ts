/** Origins are strangers too: what they break is a 502 or visibly cut off, is never stored, and reaches no other request. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient, exchange, type ScriptedClient } from '../support/scripted-client.ts'
import { type OriginPeer, ok, startConnectionOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

/** How the origin answers, by target; then it leaves the connection open, unless the script ends it. */
const scripts = new Map<string, (peer: OriginPeer) => void>()
const seen: string[] = []
const peers: OriginPeer[] = []
const origin = await startConnectionOrigin(async (peer) => {
  for (let head = await peer.requestHead(); head; head = await peer.requestHead()) {
    seen.push(head.target)
    const script = scripts.get(head.target)
    if (script === undefined) peer.send(ok('fine', 'Cache-Control: no-store'))
    else {
      peers.push(peer)
      script(peer)
    }
  }
})
const shellac = await startShellac({
  config: `shellac 1;
process { workers 1; }
listener web { address %listen%; }
backend app {
    server a 127.0.0.1:${origin.port};
    retry { attempts 1; } eject after 1000 for 1s; between-bytes-timeout 500ms;
    response-limits { header-bytes 16KiB; headers 50; }
}
cache pages { tier memory 8MiB; max-object 256KiB; stale-if-error 0s; grace 0s; }
site * { on web; proxy app; route cached { path /cached/**; use-cache pages; } route plain { path /plain/**; } }`,
})

let number = 0

/** A target of its own for each case, below both a cached and a plain route. */
function targets(script: (peer: OriginPeer) => void): string[] {
  number++
  const both = [`/plain/${number}`, `/cached/${number}`]
  for (const target of both) scripts.set(target, script)
  return both
}

const get = (target: string, version = '1.1') => `GET ${target} HTTP/${version}\r\nHost: a\r\n\r\n`

async function expectClosed(peer: OriginPeer): Promise<void> {
  await waitFor('the close of the connection to the origin', () => peer.closed !== undefined)
}

const FRESH = 'Cache-Control: max-age=60\r\n'
const HEAD = `HTTP/1.1 200 OK\r\n${FRESH}`

const badResponses: readonly (readonly [claim: string, bytes: string])[] = [
  ['no HTTP at all', 'hello\r\n\r\n'],
  ['an HTTP/0.9 body', '<html></html>'.padEnd(100, ' ')],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['HTTP/1.2', 'HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a version in lower case', 'http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a signed status', 'HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n'],
  ['two spaces before the status', 'HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['LF as line end', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['a bare CR in a value', `${HEAD}X: a\rb\r\nContent-Length: 0\r\n\r\n`],
  ['a bare LF in a value', `${HEAD}X: a\nSet-Cookie: evil=1\r\nContent-Length: 0\r\n\r\n`],
  ['NUL in a value', `${HEAD}X: a\0b\r\nContent-Length: 0\r\n\r\n`],
  ['NUL in the reason', 'HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n'],
  ['a bare CR in the reason', 'HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n'],
  ['a space before a colon', `${HEAD}Content-Length : 0\r\n\r\n`],
  ['a folded line', `${HEAD}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
  ['a field without colon', `${HEAD}X\r\nContent-Length: 0\r\n\r\n`],
  ['a field name with a space', `${HEAD}X Y: a\r\nContent-Length: 0\r\n\r\n`],
  ['both framings', `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['two lengths', `${HEAD}Content-Length: 2\r\nContent-Length: 5\r\n\r\nhello`],
  ['the same length twice', `${HEAD}Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi`],
  ['a list of lengths', `${HEAD}Content-Length: 2, 2\r\n\r\nhi`],
  ['a signed length', `${HEAD}Content-Length: +2\r\n\r\nhi`],
  ['a negative length', `${HEAD}Content-Length: -2\r\n\r\nhi`],
  ['an empty length', `${HEAD}Content-Length: \r\n\r\nhi`],
  ['a length beyond 2^64', `${HEAD}Content-Length: 99999999999999999999\r\n\r\nhi`],
  ['a coding that changes the body', `${HEAD}Transfer-Encoding: gzip\r\n\r\nhi`],
  ['an unknown coding before chunked', `${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  ['a coding that looks like chunked', `${HEAD}Transfer-Encoding: xchunked\r\n\r\nhi`],
  ['chunked twice', `${HEAD}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
  ['chunked on two lines', `${HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a coding in HTTP/1.0', `HTTP/1.0 200 OK\r\n${FRESH}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['Connection naming Content-Length', `${HEAD}Connection: content-length\r\nContent-Length: 2\r\n\r\nhi`],
  ['a head beyond the limit', `${HEAD}X: ${'x'.repeat(17_000)}\r\nContent-Length: 0\r\n\r\n`],
  ['a head that never ends', `${HEAD}${'X: y\r\n'.repeat(4000)}`],
  ['too many fields', `${HEAD}${'X: y\r\n'.repeat(60)}Content-Length: 0\r\n\r\n`],
  ['a 101', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
]

for (const [claim, bytes] of badResponses) {
  test(`${claim}: 502, and the connection to the origin is closed`, async () => {
    for (const target of targets((peer) => peer.send(bytes))) {
      const answer = await exchange(shellac.port, get(target))
      assert.equal(answer.status, 502)
      assert.equal(answer.fields.get('set-cookie'), undefined)
      await expectClosed(peers.pop()!)
    }
  })
}

const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`

/** What an origin sends of a body before it fails: a piece that surely has reached the client, and then the fault. */
const cutBodies: readonly (readonly [claim: string, first: string, fault: (peer: OriginPeer) => void])[] = [
  ['a sized body cut short', `${HEAD}Content-Length: 10\r\n\r\nhello`, (peer) => peer.end()],
  ['a sized body reset', `${HEAD}Content-Length: 10\r\n\r\nhello`, (peer) => peer.reset()],
  ['a sized body that stops', `${HEAD}Content-Length: 10\r\n\r\nhello`, () => {}],
  ['a chunked body without end', `${CHUNKED}5\r\nhello\r\n`, (peer) => peer.end()],
  ['a chunked body cut in a chunk', `${CHUNKED}9\r\nhello`, (peer) => peer.end()],
  ['a chunked body reset', `${CHUNKED}5\r\nhello\r\n`, (peer) => peer.reset()],
  [
    'a chunked body cut in its end',
    `${CHUNKED}5\r\nhello\r\n`,
    (peer) => {
      peer.send('0\r\n')
      peer.end()
    },
  ],
  ['a chunk size that is none', `${CHUNKED}5\r\nhello\r\n`, (peer) => peer.send('xyz\r\n0\r\n\r\n')],
  ['a chunk of negative size', `${CHUNKED}5\r\nhello\r\n`, (peer) => peer.send('-1\r\n0\r\n\r\n')],
  ['a chunk size too large', `${CHUNKED}5\r\nhello\r\n`, (peer) => peer.send('fffffffff\r\nx')],
  ['a chunk without its line end', `${CHUNKED}5\r\nhello\r\n`, (peer) => peer.send('1\r\nab\r\n0\r\n\r\n')],
  ['LF behind a chunk size', `${CHUNKED}5\r\nhello\r\n`, (peer) => peer.send('0\n\r\n')],
  ['a bad trailer', `${CHUNKED}5\r\nhello\r\n`, (peer) => peer.send('0\r\nX : 1\r\n\r\n')],
  ['a length in the trailers', `${CHUNKED}5\r\nhello\r\n`, (peer) => peer.send('0\r\nContent-Length: 5\r\n\r\n')],
  ['a body until close that is reset', `${HEAD}\r\nhello`, (peer) => peer.reset()],
]

/** Reads the head and the beginning of the body, in whatever framing they come. */
async function readBeginning(client: ScriptedClient): Promise<string> {
  const { raw } = await client.responseHead()
  await client.until('the beginning of the body', () => client.buffer.includes('hello'))
  return raw
}

for (const [claim, first, fault] of cutBodies) {
  for (const version of ['1.1', '1.0']) {
    test(`${claim} is not complete for a client of HTTP/${version}, and is not stored`, async () => {
      for (const target of targets((peer) => peer.send(first))) {
        const client = await connectClient(shellac.port)
        client.send(get(target, version))
        const head = await readBeginning(client)
        fault(peers.pop()!)
        await waitFor('the end of the connection', () => client.closed !== undefined)
        const rest = client.buffer.toString('latin1')
        assert.doesNotMatch(rest, /\r\n0\r\n/, 'no last chunk')
        // Without length or chunks only a reset tells this end from a good one.
        if (!/content-length|transfer-encoding/i.test(head)) assert.equal(client.closed, 'ECONNRESET')
        const before = seen.length
        scripts.set(target, (peer) => peer.send(ok('whole')))
        assert.equal((await exchange(shellac.port, get(target))).body.toString(), 'whole')
        assert.equal(seen.length, before + 1)
      }
    })
  }
}

const SMUGGLED = `HTTP/1.1 200 OK\r\n${FRESH}Content-Length: 4\r\n\r\nEVIL`

const leftovers: readonly (readonly [claim: string, method: string, bytes: string])[] = [
  ['behind a sized body', 'GET', `${HEAD}Content-Length: 2\r\n\r\nhi${SMUGGLED}`],
  ['behind a chunked body', 'GET', `${CHUNKED}2\r\nhi\r\n0\r\n\r\n${SMUGGLED}`],
  ['behind an empty body', 'GET', `${HEAD}Content-Length: 0\r\n\r\n${SMUGGLED}`],
  ['as the body of 204', 'GET', `HTTP/1.1 204 No Content\r\n\r\n${SMUGGLED}`],
  ['as the body of 204 with a length', 'GET', `HTTP/1.1 204 No Content\r\nContent-Length: 60\r\n\r\n${SMUGGLED}`],
  ['as the body of 304', 'GET', `HTTP/1.1 304 Not Modified\r\nContent-Length: 60\r\n\r\n${SMUGGLED}`],
  ['as the body to HEAD', 'HEAD', `${HEAD}Content-Length: 60\r\n\r\n${SMUGGLED}`],
  ['as the chunked body to HEAD', 'HEAD', `${CHUNKED}${SMUGGLED}`],
]

for (const [claim, method, bytes] of leftovers) {
  test(`a second response ${claim} is nobody's: the connection is closed`, async () => {
    for (const target of targets((peer) => peer.send(bytes))) {
      const client = await connectClient(shellac.port)
      client.send(`${get(target).replace('GET', method)}${get('/plain/next')}${get(`${target}/next`)}`)
      const first = await client.response(method)
      assert.doesNotMatch(first.body.toString(), /EVIL/)
      for (let i = 0; i < 2; i++) assert.equal((await client.response()).body.toString(), 'fine')
      await expectClosed(peers.pop()!)
    }
  })
}

test('an answer before the question, on a connection that waits, is never given to anyone', async () => {
  for (const [target] of [targets((peer) => peer.send(ok('first'))), targets((peer) => peer.send(ok('first')))]) {
    const client = await connectClient(shellac.port)
    assert.equal((await client.get(target!)).body.toString(), 'first')
    const peer = peers.pop()!
    peer.send(SMUGGLED)
    await expectClosed(peer)
    assert.equal((await client.get('/plain/next')).body.toString(), 'fine')
  }
})

test('an end of a waiting connection is no failure of the next request', async () => {
  const [target] = targets((peer) => {
    peer.send(ok('first'))
    peer.end()
  })
  const client = await connectClient(shellac.port)
  for (let i = 0; i < 10; i++) assert.equal((await client.get(target!)).body.toString(), 'first')
})

test('bytes above ASCII in reasons and values go through as they are, and back out of the cache', async () => {
  const [, cached] = targets((peer) =>
    peer.send(`HTTP/1.1 200 \xc4\r\n${FRESH}X-High: \xe4\xff\r\nContent-Length: 0\r\n\r\n`),
  )
  for (let i = 0; i < 2; i++)
    assert.equal((await exchange(shellac.port, get(cached!))).fields.get('x-high'), '\xe4\xff')
})

test('a status without reason, and one no list knows, go through', async () => {
  for (const [line, status] of [
    ['HTTP/1.1 200 ', 200] as const,
    ['HTTP/1.1 299', 299] as const,
    ['HTTP/1.1 599 x', 599] as const,
  ]) {
    const [target] = targets((peer) => peer.send(`${line}\r\nContent-Length: 0\r\n\r\n`))
    assert.equal((await exchange(shellac.port, get(target!))).status, status)
  }
})

test('a head that drips in is read, and costs little', async () => {
  const [target] = targets(async (peer) => {
    for (const byte of `${HEAD}X: ${'y'.repeat(2000)}\r\nContent-Length: 2\r\n\r\nhi`) {
      peer.send(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
  assert.equal((await exchange(shellac.port, get(target!))).body.toString(), 'hi')
})

test('a body of unknown length beyond max-object reaches a slow reader whole, chunk by chunk', async () => {
  const chunk = `400\r\n${'0123456789abcdef'.repeat(64)}\r\n`
  const [, cached] = targets((peer) => peer.send(`${CHUNKED}${chunk.repeat(6000)}0\r\n\r\n`))
  const client = await connectClient(shellac.port)
  client.pause()
  client.send(get(cached!))
  await waitFor('the request', () => seen.includes(cached!))
  client.resume()
  const answer = await client.response()
  assert.equal(answer.body.length, 6000 * 1024)
  assert.ok(answer.body.equals(Buffer.from('0123456789abcdef'.repeat(64 * 6000))))
  assert.equal((await client.get('/plain/next')).status, 200)
})
