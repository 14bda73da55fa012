/** The connections to origins: kept, shared, bounded, and closed when they are not clean. One daemon, one backend per matter. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import type { ReceivedRequest } from '../support/http-message.ts'
import { freePort } from '../support/ports.ts'
import { connectClient, exchange, type ScriptedClient } from '../support/scripted-client.ts'
import { type OriginPeer, ok, ScriptedOrigin, startOrigin } from '../support/scripted-origin.ts'
import { tempDir } from '../support/temp.ts'
import { waitFor } from '../support/wait.ts'

/** Requests the origin has received and not answered: the test answers them. */
const held: { target: string; peer: OriginPeer }[] = []
const hold = (request: ReceivedRequest, peer: OriginPeer) => {
  held.push({ target: request.target, peer })
  return undefined
}
const answerHeld = (target: string) => {
  const at = held.findIndex((request) => request.target === target)
  held.splice(at, 1)[0]!.peer.send(ok(target))
}
const waitHeld = (count: number) => waitFor(`${count} requests at the origin`, () => held.length === count)

const fromPeer = (_: ReceivedRequest, peer: OriginPeer) => ok(String(peer.index))
const kept = await startOrigin((request, peer) =>
  request.target === '/' ? fromPeer(request, peer) : hold(request, peer),
)
const single = await startOrigin((request, peer) =>
  request.target.startsWith('/hold') ? hold(request, peer) : fromPeer(request, peer),
)
const brief = await startOrigin(fromPeer)
const closing = await startOrigin((_, peer) => ok(String(peer.index), 'Connection: close'))
const oneIdle = await startOrigin(hold)
const bounded = await startOrigin(hold)
const impatient = await startOrigin(hold)
const waiting = await startOrigin(hold)
const pair = [await startOrigin(hold), await startOrigin((_, peer) => ok(`second ${peer.index}`))]
const left = await startOrigin(hold)
const STRAY = ok('not an answer')
const strayBehind = await startOrigin((_, peer) => ok(String(peer.index)) + STRAY)
const strayLater = await startOrigin((_, peer) => {
  peer.send(ok(String(peer.index)))
  setTimeout(() => peer.send(STRAY), 50)
  return undefined
})

const unused = await freePort()
const folder = tempDir()
const onUnixSocket = new ScriptedOrigin(answerOnce)
const onIpv6 = new ScriptedOrigin(answerOnce)
await new Promise<void>((resolve) => onUnixSocket.server.listen(join(folder, 'app.sock'), resolve))
await new Promise<void>((resolve) => onIpv6.server.listen(0, '::1', resolve))
const ipv6Port = (onIpv6.server.address() as AddressInfo).port

async function answerOnce(peer: OriginPeer): Promise<void> {
  const request = await peer.request()
  if (request !== undefined) peer.send(ok(request.fields.get('host') ?? '', 'Connection: close'))
  peer.end()
}

const at = ({ port }: ScriptedOrigin) => `server a 127.0.0.1:${port};`
const shellac = await startShellac({
  config: `shellac 1;
    process { workers 1; }
    admin { listen unix:%dir%/admin.sock; }
    log access { to file:%dir%/access.log; }
    listener web { address %listen%; }
    cache pages { tier memory 16MiB; ttl 200 1h; }
    backend kept { ${at(kept)} }
    backend single { ${at(single)} keep-alive 0; }
    backend closing { ${at(closing)} }
    backend brief { ${at(brief)} idle-timeout 300ms; }
    backend one-idle { ${at(oneIdle)} keep-alive 1; }
    backend bounded { ${at(bounded)} connections 1; queue 0 for 10s; }
    backend impatient { ${at(impatient)} connections 1; queue 10 for 200ms; }
    backend waiting { ${at(waiting)} connections 1; queue 10 for 10s; }
    backend pair {
      server a 127.0.0.1:${pair[0]!.port}; server b 127.0.0.1:${pair[1]!.port}; connections 1; queue 0 for 10s;
    }
    backend left { ${at(left)} }
    backend by-name-only { server a localhost:${unused}; }
    backend stray-behind { ${at(strayBehind)} }
    backend stray-later { ${at(strayLater)} }
    backend unix { server a unix:${join(folder, 'app.sock')}; host server; }
    backend ipv6 { server a "[::1]:${ipv6Port}"; host server; }
    backend by-name { server a localhost:${kept.port}; }
    backend nowhere { server a no-such-name.invalid:80; }
    site kept.example { proxy kept; }
    site single.example { proxy single; }
    site closing.example { proxy closing; }
    site brief.example { proxy brief; }
    site one-idle.example { proxy one-idle; }
    site bounded.example { proxy bounded; }
    site impatient.example { proxy impatient; }
    site waiting.example { proxy waiting; }
    site pair.example { proxy pair; }
    site left.example { proxy left; }
    site left.cached.example { proxy left; use-cache pages; }
    site by-name-only.example { proxy by-name-only; }
    site stray-behind.example { proxy stray-behind; }
    site stray-later.example { proxy stray-later; }
    site unix.example { proxy unix; }
    site ipv6.example { proxy ipv6; }
    site by-name.example { proxy by-name; }
    site nowhere.example { proxy nowhere; }`,
})

const ask = (host: string, target = '/') => exchange(shellac.port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)

/** A client that has sent a request which the origin has not answered yet. */
async function askAndHold(host: string, target: string): Promise<ScriptedClient> {
  const client = await connectClient(shellac.port)
  client.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  await waitFor('the request at the origin', () => held.some((request) => request.target === target))
  return client
}

test('one connection to the origin serves the requests of many clients', async () => {
  for (let i = 0; i < 5; i++) assert.equal((await ask('kept.example')).body.toString(), '0')
  assert.equal(kept.connections, 1)
})

test('of several idle connections the one used last is used next', async () => {
  const one = await askAndHold('kept.example', '/one')
  const two = await askAndHold('kept.example', '/two')
  const indexOfTwo = held.find(({ target }) => target === '/two')!.peer.index
  answerHeld('/one')
  await one.response()
  answerHeld('/two')
  await two.response()
  for (let i = 0; i < 3; i++) assert.equal((await ask('kept.example')).body.toString(), String(indexOfTwo))
})

test('with keep-alive 0 every request gets a connection of its own, which is closed', async () => {
  assert.equal((await ask('single.example')).body.toString(), '0')
  assert.equal((await ask('single.example')).body.toString(), '1')
  await waitFor('no open connection', () => single.openConnections === 0)
})

test('a connection of which the origin says "close" is not used again', async () => {
  assert.equal((await ask('closing.example')).body.toString(), '0')
  assert.equal((await ask('closing.example')).body.toString(), '1')
})

test('an idle connection is closed after idle-timeout', async () => {
  await ask('brief.example')
  await waitFor('no open connection', () => brief.openConnections === 0)
  assert.equal((await ask('brief.example')).body.toString(), '1')
})

test('no more idle connections are kept than keep-alive says', async () => {
  const clients = [await askAndHold('one-idle.example', '/1'), await askAndHold('one-idle.example', '/2')]
  assert.equal(oneIdle.openConnections, 2)
  answerHeld('/1')
  answerHeld('/2')
  for (const client of clients) await client.response()
  await waitFor('one open connection', () => oneIdle.openConnections === 1)
})

test('a request that finds every connection in use waits for one', async () => {
  const first = await askAndHold('waiting.example', '/first')
  const second = await connectClient(shellac.port)
  second.send('GET /second HTTP/1.1\r\nHost: waiting.example\r\n\r\n')
  await second.expectQuiet(100)
  answerHeld('/first')
  await first.response()
  await waitHeld(1)
  answerHeld('/second')
  assert.equal((await second.response()).body.toString(), '/second')
  assert.equal(waiting.connections, 1)
})

test('a client that goes away gives up its place in the queue', async () => {
  const first = await askAndHold('waiting.example', '/first')
  const leaver = await connectClient(shellac.port)
  leaver.send('GET /leaver HTTP/1.1\r\nHost: waiting.example\r\n\r\n')
  const stayer = await connectClient(shellac.port)
  stayer.send('GET /stayer HTTP/1.1\r\nHost: waiting.example\r\n\r\n')
  await stayer.expectQuiet(100)
  leaver.reset()
  await stayer.expectQuiet(100)
  answerHeld('/first')
  await first.response()
  await waitHeld(1)
  answerHeld('/stayer')
  assert.equal((await stayer.response()).body.toString(), '/stayer')
  assert.ok(!waiting.requests.some(({ target }) => target === '/leaver'))
})

test('a request that finds the queue full is answered 503', async () => {
  const first = await askAndHold('bounded.example', '/first')
  const refused = await ask('bounded.example')
  assert.equal(refused.status, 503)
  assert.equal(refused.body.toString(), '503 Service Unavailable: every connection is in use and the queue is full\n')
  answerHeld('/first')
  assert.equal((await first.response()).status, 200)
})

test('a request that finds the queue of one server full goes to another', async () => {
  const first = await askAndHold('pair.example', '/first')
  for (let i = 0; i < 4; i++) assert.equal((await ask('pair.example')).body.toString(), 'second 0')
  answerHeld('/first')
  assert.equal((await first.response()).status, 200)
})

test('a request that has waited its time in the queue is answered 503', async () => {
  const first = await askAndHold('impatient.example', '/first')
  const refused = await ask('impatient.example')
  assert.equal(refused.status, 503)
  assert.equal(refused.body.toString(), '503 Service Unavailable: no connection became free in time\n')
  answerHeld('/first')
  assert.equal((await first.response()).status, 200)
  assert.equal(impatient.requests.length, 1)
})

test('a connection with bytes behind the answer is closed, and they are given to nobody', async () => {
  for (let i = 0; i < 3; i++) assert.equal((await ask('stray-behind.example')).body.toString(), String(i))
  await waitFor('no open connection', () => strayBehind.openConnections === 0)
})

test('bytes on an idle connection close it, and are given to nobody', async () => {
  for (let i = 0; i < 3; i++) {
    assert.equal((await ask('stray-later.example')).body.toString(), String(i))
    await waitFor('no open connection', () => strayLater.openConnections === 0)
  }
})

test('a client that goes away takes its request at the origin with it', async () => {
  const client = await askAndHold('left.example', '/')
  assert.equal(left.openConnections, 1)
  client.reset()
  await waitFor('no open connection', () => left.openConnections === 0)
})

test('an answer that its client breaks off is logged', async () => {
  for (const host of ['left.example', 'left.cached.example']) {
    const client = await askAndHold(host, `/${host}`)
    held.pop()!.peer.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart')
    await client.readThrough('part')
    client.reset()
    await waitFor('the line', () => {
      const lines = readFileSync(join(shellac.dir, 'access.log'), 'utf8').split('\n')
      return lines.some((line) => line.includes(`/${host}`) && line.includes('200'))
    })
  }
})

test('an origin may listen on a unix socket', async () => {
  assert.equal((await ask('unix.example')).body.toString(), 'localhost')
})

test('an origin may have an IPv6 address', async () => {
  assert.equal((await ask('ipv6.example')).body.toString(), `[::1]:${ipv6Port}`)
})

test('a name is tried at all its addresses until one answers', async () => {
  assert.equal((await ask('by-name.example')).status, 200)
})

test('a name of which no address answers is a 502 that says why', async () => {
  const answer = await ask('by-name-only.example')
  assert.equal(answer.status, 502)
  assert.equal(answer.body.toString(), '502 Bad Gateway: the server refused the connection\n')
})

test('a name that does not resolve is a 502 that says so', async () => {
  const answer = await ask('nowhere.example')
  assert.equal(answer.status, 502)
  assert.equal(answer.body.toString(), '502 Bad Gateway: the name of the server does not resolve\n')
  assert.equal(answer.fields.get('cache-status'), 'Shellac; detail=origin-error')
})
