/** The bounds of what a client may send: each holds exactly, says which it was, and closes the connection. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { expectRefused, expectUsable, forwarded } from './conversation.ts'

const origin = await startOrigin(() => ok('fine', 'Cache-Control: no-store'))
const shellac = await startShellac({
  config: `shellac 1;
process { workers 1; connections 20; }
listener web { address %listen%; limits { header-bytes 4KiB; headers 10; target-bytes 1KiB; requests 3; } }
backend app { server a 127.0.0.1:${origin.port}; }
site * { on web; proxy app; }`,
})

/** A head of exactly `bytes` bytes. */
function headOf(bytes: number): string {
  const head = (filler: string) => `GET /size HTTP/1.1\r\nHost: a\r\nX: ${filler}\r\n\r\n`
  return head('x'.repeat(bytes - head('').length))
}

/** A head of exactly `count` fields. */
function fieldsOf(count: number): string {
  return `GET /count HTTP/1.1\r\nHost: a\r\n${'X: 1\r\n'.repeat(count - 1)}\r\n`
}

function targetOf(bytes: number): string {
  return `GET /${'t'.repeat(bytes - 1)} HTTP/1.1\r\nHost: a\r\n\r\n`
}

const bounds: readonly (readonly [name: string, request: (size: number) => string, limit: number, status: number])[] = [
  ['bytes in a head', headOf, 4096, 431],
  ['fields in a head', fieldsOf, 10, 431],
  ['bytes in a target', targetOf, 1024, 414],
]

for (const [name, request, limit, status] of bounds) {
  test(`${limit} ${name} pass, one more is a ${status}`, async () => {
    await forwarded(shellac.port, origin, request(limit))
    await expectRefused(shellac.port, origin, request(limit + 1), status)
  })

  test(`far more ${name} is a ${status} that the client gets to read`, async () => {
    const answer = await exchange(shellac.port, request(limit * 200))
    assert.equal(answer.status, status)
  })

  test(`${limit + 1} ${name} are found in small pieces too`, async () => {
    const client = await connectClient(shellac.port)
    const text = request(limit + 1)
    for (let at = 0; at < text.length; at += 100) {
      client.send(text.slice(at, at + 100))
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.equal((await client.response()).status, status)
    await waitFor('the close', () => client.closed !== undefined)
  })
}

test('a head that never ends is refused when it reaches the limit', async () => {
  for (const endless of ['GET / HTTP/1.1\r\nX: ', 'GET /', 'X', 'GET / HTTP/1.1\r\nHost: a\r\nX']) {
    const client = await connectClient(shellac.port)
    client.send(endless + 'x'.repeat(5000))
    const { status } = await client.response()
    assert.ok([431, 414, 501].includes(status), `${status}`)
    assert.equal(await client.expectClose(), 'end')
  }
})

test('empty lines between requests do not go on for ever', async () => {
  const client = await connectClient(shellac.port)
  await expectUsable(client)
  client.send('\r\n'.repeat(100))
  assert.equal((await client.response()).status, 400)
  assert.equal(await client.expectClose(), 'end')
})

test('clients beyond the limit are turned away, and the others are served', async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectClient(shellac.port)))
  await Promise.all(clients.map((client) => expectUsable(client)))
  const extra = await connectClient(shellac.port)
  await waitFor('the close', () => extra.closed !== undefined)
  await Promise.all(clients.map((client) => expectUsable(client)))
  clients[0]!.socket.destroy()
  await waitFor('room for another', async () => {
    const client = await connectClient(shellac.port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    return client.response().then(
      ({ status }) => status === 200,
      () => false,
    )
  })
})

test('hostile heads within the limits cost no more than others', async () => {
  const heads = [
    `GET / HTTP/1.1\r\nHost: a\r\nCookie: ${'a=b; '.repeat(700)}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\nConnection: ${'close, '.repeat(500)}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: ${','.repeat(3500)}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\nCache-Control: ${'max-age="'.repeat(400)}\r\n\r\n`,
    `GET /${'%2e%2f'.repeat(150)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET /?${'a&'.repeat(500)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: ${'"a", '.repeat(700)}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=${'0-,'.repeat(1000)}\r\n\r\n`,
  ]
  const statuses = await Promise.all(heads.map(async (head) => (await exchange(shellac.port, head)).status))
  assert.deepEqual(statuses, [200, 200, 200, 200, 400, 200, 200, 200])
})

test('names that JavaScript objects have are names like any other', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype']
  const request = await forwarded(
    shellac.port,
    origin,
    `GET /__proto__?constructor=1&__proto__=2 HTTP/1.1\r\nHost: __proto__\r\n${names.map((n) => `${n}: 1\r\n`).join('')}\r\n`,
  )
  assert.equal(request.target, '/__proto__?constructor=1&__proto__=2')
  for (const name of names) assert.equal(request.fields.get(name), '1')
})
