/**
 * Every answer has the bytes of its URL: many clients that read by fits and starts, over few origin connections, so that
 * buffers are used again while their bytes wait elsewhere.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startShellac } from '../support/daemon.ts'
import { connectClient } from '../support/scripted-client.ts'
import { type OriginPeer, startConnectionOrigin } from '../support/scripted-origin.ts'

const KIB = 1024
/** More than socket buffers hold, and no multiple of anything. */
const BODY_BYTES = 3 * KIB * KIB + 4711
const CLIENTS = 8

/** A body that tells every offset of every URL apart. */
function bodyOf(target: string): Buffer {
  let seed = 0
  for (const letter of target) seed = (seed * 31 + letter.charCodeAt(0)) % 65_521
  const body = Buffer.allocUnsafe(BODY_BYTES)
  for (let i = 0; i < BODY_BYTES; i++) body[i] = (i * 7 + (i >> 8) * 13 + (i >> 16) * 29 + seed) & 0xff
  return body
}

/** Sends the body in pieces of all sizes, as fast as it is taken. */
async function sendBody(peer: OriginPeer, body: Buffer, chunked: boolean): Promise<void> {
  const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`
  peer.send(`HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n${framing}\r\n\r\n`)
  for (let at = 0, size = 1; at < body.length; at += size, size = ((size * 5) % 99_991) + 1) {
    const piece = body.subarray(at, at + size)
    if (chunked) peer.send(`${piece.length.toString(16)}\r\n`)
    await peer.sendAll(piece)
    if (chunked) peer.send('\r\n')
  }
  if (chunked) peer.send('0\r\n\r\n')
}

const origin = await startConnectionOrigin(async (peer) => {
  for (let request = await peer.request(); request; request = await peer.request())
    await sendBody(peer, bodyOf(request.target), request.target.includes('chunked'))
})
const shellac = await startShellac({
  config: `shellac 1;
    process { workers 1; }
    admin { listen unix:%dir%/admin.sock; }
    listener web { address %listen%; }
    backend app { server a 127.0.0.1:${origin.port}; connections 4; queue 100 for 60s; }
    cache small { tier memory 64MiB; max-object 700KiB; }
    cache large { tier memory 64MiB; max-object 8MiB; }
    site pass.example { proxy app; }
    site overflow.example { proxy app; use-cache small; }
    site fill.example { proxy app; use-cache large; }`,
})

/** One client, two requests on one connection; between the pieces it takes, it takes nothing. */
async function readByFits(host: string, target: string): Promise<void> {
  const expected = bodyOf(target)
  const client = await connectClient(shellac.port)
  for (let visit = 0; visit < 2; visit++) {
    client.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    for (let i = 0; i < 6; i++) {
      client.pause()
      await sleep(5)
      client.resume()
      const enough = client.buffer.length + 200 * KIB
      await client.until(`more of ${target}`, () => client.buffer.length >= enough)
    }
    const { body } = await client.response()
    assert.ok(body.equals(expected), `${host}${target} differs at ${body.findIndex((byte, i) => byte !== expected[i])}`)
  }
  client.socket.destroy()
}

for (const [host, what] of [
  ['pass.example', 'are passed on'],
  ['overflow.example', 'outgrow the store'],
  ['fill.example', 'are stored meanwhile'],
] as const) {
  test(`bodies that ${what} are whole for every client`, async () => {
    const targets = Array.from({ length: CLIENTS }, (_, i) => (i % 2 === 0 ? `/sized/${i}` : `/chunked/${i}`))
    await Promise.all(targets.map((target) => readByFits(host, target)))
  })
}
