/** Upgrade: a pipe behind a 101 that was asked for, and nothing of the kind in any other case. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient, type ScriptedClient } from '../support/scripted-client.ts'
import { type OriginPeer, ok, startConnectionOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { expectUsable } from './conversation.ts'

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Accept: 1\r\n\r\n'

/** What the origin answers to an upgrade, by target; elsewhere 200. */
const answers = new Map([
  ['/pipe', SWITCH],
  ['/pipe/greeting', `${SWITCH}hello`],
  ['/other', SWITCH.replace('websocket', 'h2c')],
  ['/two', SWITCH.replace('websocket', 'websocket, h2c')],
  ['/silent', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['/half', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'],
])

const seen: { target: string; upgrade: string | undefined; connection: string | undefined; index: number }[] = []
const pipes: OriginPeer[] = []
const origin = await startConnectionOrigin(async (peer) => {
  for (let head = await peer.requestHead(); head; head = await peer.requestHead()) {
    const { target, fields } = head
    seen.push({ target, upgrade: fields.get('upgrade'), connection: fields.get('connection'), index: peer.index })
    const length = fields.get('content-length')
    if (length !== undefined) await peer.read(Number(length))
    peer.send(answers.get(target) ?? ok('plain', 'Cache-Control: no-store'))
    if (!answers.has(target)) continue
    pipes.push(peer)
    return
  }
})
const shellac = await startShellac({
  config: `shellac 1;
process { workers 1; }
listener web { address %listen%; limits { idle-timeout 1s; } }
backend app { server a 127.0.0.1:${origin.port}; }
site * { on web; proxy app; upgrade websocket; }`,
})

const upgrading = (target: string, protocol = 'websocket', connection = 'Upgrade') =>
  `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\nUpgrade: ${protocol}\r\n\r\n`

async function opened(target = '/pipe'): Promise<{ client: ScriptedClient; peer: OriginPeer }> {
  const client = await connectClient(shellac.port)
  client.send(upgrading(target))
  assert.equal((await client.responseHead()).status, 101)
  await waitFor('the pipe', () => pipes.length > 0)
  return { client, peer: pipes.pop()! }
}

test('101 goes to the client with its fields, and then every byte both ways, whatever it looks like', async () => {
  const client = await connectClient(shellac.port)
  client.send(upgrading('/pipe/greeting', 'WebSocket', 'keep-alive, Upgrade'))
  const head = await client.responseHead()
  assert.deepEqual(
    ['connection', 'upgrade', 'x-accept'].map((name) => head.fields.get(name)),
    ['Upgrade', 'websocket', '1'],
  )
  await client.expect('hello')
  const peer = await waitFor('the pipe', () => pipes.pop())
  assert.deepEqual(seen.at(-1)?.connection, 'Upgrade')
  client.send('GET /admin HTTP/1.1\r\nHost: a\r\n\r\n\0\xff')
  await peer.expect('GET /admin HTTP/1.1\r\nHost: a\r\n\r\n\0\xff')
  peer.send('HTTP/1.1 200 OK\r\n\r\n')
  await client.expect('HTTP/1.1 200 OK\r\n\r\n')
})

test('neither connection of a pipe serves another request', async () => {
  const { client, peer } = await opened()
  client.end()
  await waitFor('the end at the origin', () => peer.closed !== undefined)
  peer.end()
  assert.equal(await client.expectClose(), 'end')
  const next = await connectClient(shellac.port)
  await expectUsable(next)
  assert.notEqual(seen.at(-1)?.index, peer.index)
})

test('a reset of one side ends the other', async () => {
  const one = await opened()
  one.client.reset()
  await waitFor('the end at the origin', () => one.peer.closed !== undefined)
  const two = await opened()
  two.peer.reset()
  await waitFor('the end at the client', () => two.client.closed !== undefined)
})

test('a pipe of which one side has ended is not kept for ever by the silence of the other', async () => {
  const { client, peer } = await opened()
  peer.end()
  await waitFor('the end at the client', () => client.closed !== undefined)
  await waitFor('the close at the origin', () => peer.socket.destroyed || peer.closed !== undefined)
})

test('an upgrade that the origin declines is an ordinary answer, and what came early the next request', async () => {
  const client = await connectClient(shellac.port)
  client.send(`${upgrading('/declined')}GET /early HTTP/1.1\r\nHost: a\r\n\r\n`)
  assert.equal((await client.response()).status, 200)
  assert.equal((await client.response()).status, 200)
  assert.deepEqual(
    seen.slice(-2).map(({ target }) => target),
    ['/declined', '/early'],
  )
})

test('a 101 for another protocol than was asked for, or for none, is a 502', async () => {
  for (const target of ['/other', '/two', '/silent', '/half']) {
    const client = await connectClient(shellac.port)
    client.send(upgrading(target))
    assert.equal((await client.response()).status, 502, target)
    client.send('smuggled')
    const peer = await waitFor('the peer', () => pipes.pop())
    await waitFor('its close', () => peer.closed !== undefined)
    assert.equal(peer.buffer.length, 0)
  }
})

const plain: readonly (readonly [claim: string, request: string])[] = [
  ['h2c', upgrading('/plain', 'h2c', 'Upgrade, HTTP2-Settings')],
  ['a list of protocols', upgrading('/plain', 'websocket, h2c')],
  ['a protocol the route does not name', upgrading('/plain', 'TLS/1.0')],
  ['Upgrade that Connection does not name', upgrading('/plain', 'websocket', 'keep-alive')],
  ['Upgrade in HTTP/1.0', upgrading('/plain').replace('HTTP/1.1', 'HTTP/1.0')],
  ['Connection: Upgrade alone', 'GET /plain HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\r\n'],
  [
    'an upgrade with a body',
    'POST /plain HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello',
  ],
]

for (const [claim, request] of plain) {
  test(`${claim} goes on as a request without Upgrade`, async () => {
    const client = await connectClient(shellac.port)
    client.send(request)
    assert.equal((await client.response()).body.toString(), 'plain')
    assert.deepEqual([seen.at(-1)?.upgrade, seen.at(-1)?.connection], [undefined, undefined])
  })
}
