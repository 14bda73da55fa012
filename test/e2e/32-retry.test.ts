/** When a request is sent again, and when it must not be. One daemon, one backend per matter. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { exchange } from '../support/scripted-client.ts'
import {
  type OriginPeer,
  ok,
  type ScriptedOrigin,
  startConnectionOrigin,
  startOrigin,
} from '../support/scripted-origin.ts'

const up = await startOrigin((request) => ok(`${request.method} ${request.body}`))
const unused = await freePort()

/** Answers one request on each connection and closes at the next one without a word. */
const answersOnce = async (peer: OriginPeer) => {
  await peer.request()
  peer.send(ok(String(peer.index)))
  await peer.request()
  peer.end()
}
const forGet = await startConnectionOrigin(answersOnce)
const forPost = await startConnectionOrigin(answersOnce)

/** Takes a request and closes. */
const mute = (): Promise<ScriptedOrigin> =>
  startConnectionOrigin(async (peer) => {
    await peer.request()
    peer.end()
  })
const mutes = [await mute(), await mute(), await mute(), await mute(), await mute()]

/** Begins an answer and closes. */
const begins = async (peer: OriginPeer) => {
  await peer.request()
  peer.send('HTTP/1.1 200 O')
  peer.end()
}
const beginning = [await startConnectionOrigin(begins), await startConnectionOrigin(begins)]
const interim = [
  await startConnectionOrigin(async (peer) => {
    await peer.request()
    peer.send('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n')
    peer.end()
  }),
  await startOrigin(() => ok('second')),
]

const at = (...ports: number[]) => ports.map((port, i) => `server s${i} 127.0.0.1:${port};`).join(' ')
const many = 'eject after 1000 for 1s;'
const shellac = await startShellac({
  config: `shellac 1;
    process { workers 1; }
    admin { listen unix:%dir%/admin.sock; }
    listener web { address %listen%; }
    backend half { ${at(unused, up.port)} ${many} retry { attempts 2; } }
    backend once { ${at(unused, up.port)} ${many} retry { attempts 1; } }
    backend for-get { ${at(forGet.port)} ${many} retry { attempts 1; } }
    backend for-post { ${at(forPost.port)} ${many} retry { attempts 2; } }
    backend mutes { ${at(mutes[0]!.port, mutes[1]!.port, mutes[2]!.port)} ${many} retry { attempts 3; } }
    backend mute-pair { ${at(mutes[3]!.port, mutes[4]!.port)} ${many} retry { attempts 2; } }
    backend beginning { ${at(...beginning.map(({ port }) => port))} ${many} retry { attempts 2; } }
    backend interim { ${at(...interim.map(({ port }) => port))} ${many} retry { attempts 2; } }
    site half.example { proxy half; }
    site once.example { proxy once; }
    site for-get.example { proxy for-get; }
    site for-post.example { proxy for-post; }
    site mutes.example { proxy mutes; }
    site mute-pair.example { proxy mute-pair; }
    site beginning.example { proxy beginning; }
    site interim.example { proxy interim; }`,
})

const get = (host: string) => exchange(shellac.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
const send = (host: string, method: string, body: string) =>
  exchange(
    shellac.port,
    `${method} / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    method,
  )
const requestsAt = (...origins: ScriptedOrigin[]) => origins.reduce((sum, { requests }) => sum + requests.length, 0)

test('a request whose connection was refused goes to another server', async () => {
  for (let i = 0; i < 4; i++) assert.equal((await get('half.example')).status, 200)
})

test('so does a POST with its body, since none of it was sent', async () => {
  const before = up.requests.length
  for (let i = 0; i < 4; i++) assert.equal((await send('half.example', 'POST', 'data')).body.toString(), 'POST data')
  assert.equal(up.requests.length - before, 4)
})

test('with one attempt nothing is tried again', async () => {
  const statuses = [(await get('once.example')).status, (await get('once.example')).status]
  assert.deepEqual(statuses.sort(), [200, 502])
})

test('a kept connection that closes instead of answering is replaced, and this is no attempt', async () => {
  for (let i = 0; i < 3; i++) assert.equal((await get('for-get.example')).body.toString(), String(i))
  // Each request but the first was sent on the old connection, then on a new one.
  assert.equal(forGet.requests.length, 5)
})

test('a POST is not repeated when a kept connection closes instead of answering', async () => {
  assert.equal((await send('for-post.example', 'POST', '')).body.toString(), '0')
  const answer = await send('for-post.example', 'POST', '')
  assert.equal(answer.status, 502)
  assert.equal(answer.body.toString(), '502 Bad Gateway: the server closed the connection before it answered\n')
  assert.equal(forPost.requests.length, 2)
})

test('an idempotent request goes to every server within "attempts" when they close without an answer', async () => {
  assert.equal((await get('mutes.example')).status, 502)
  assert.deepEqual(
    mutes.slice(0, 3).map((origin) => origin.requests.length),
    [1, 1, 1],
  )
})

test('a request with a body is sent once, whatever its method', async () => {
  for (const [i, method] of ['POST', 'PATCH', 'PUT', 'DELETE'].entries()) {
    assert.equal((await send('mute-pair.example', method, 'data')).status, 502)
    assert.equal(requestsAt(mutes[3]!, mutes[4]!), i + 1)
  }
})

test('a method that is not idempotent is sent once, even without a body', async () => {
  const before = requestsAt(mutes[3]!, mutes[4]!)
  const post = await exchange(shellac.port, 'POST / HTTP/1.1\r\nHost: mute-pair.example\r\n\r\n', 'POST')
  assert.equal(post.status, 502)
  assert.equal(requestsAt(mutes[3]!, mutes[4]!), before + 1)
})

test('a request whose answer has begun is not sent again', async () => {
  const answer = await get('beginning.example')
  assert.equal(answer.status, 502)
  assert.equal(answer.body.toString(), '502 Bad Gateway: the server closed before its response was complete\n')
  assert.equal(requestsAt(...beginning), 1)
})

test('an interim response is the beginning of an answer', async () => {
  const answers = [await get('interim.example'), await get('interim.example')]
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 502])
  assert.equal(requestsAt(...interim), 2)
})
