/**
 * Every answer has the bytes of its URL: many clients that read by fits and starts, over few origin connections, so that
 * buffers are used again while their bytes wait elsewhere.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { ScriptedClient } from '../support/scripted-client.ts'
import { type OriginPeer, startConnectionOrigin } from '../support/scripted-origin.ts'
import { DEADLINE_MS, within } from '../support/wait.ts'

const KIB = 1024
/** More than socket buffers hold. */
const BODY_BYTES = 12 * KIB * KIB + 4712
/** Twice as many as connections to the origin, so that one is used again as soon as it is free. */
const CLIENTS = 8
const PIECE_BYTES = 64 * KIB
const PAUSE_MS = 1

/** A body that tells every offset of every URL apart. */
function bodyOf(target: string): Buffer {
  let seed = 0
  for (const letter of target) seed = (seed * 31 + letter.charCodeAt(0)) % 65_521
  const words = new Uint32Array(BODY_BYTES / 4)
  for (let i = 0; i < words.length; i++) words[i] = i + seed * 65_536
  const body = Buffer.from(words.buffer)
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
    cache small { tier memory 128MiB; max-object 8MiB; }
    cache large { tier memory 128MiB; max-object 16MiB; }
    site pass.example { proxy app; }
    site overflow.example { proxy app; use-cache small; }
    site fill.example { proxy app; use-cache large; }`,
})

/** One request; between the pieces it takes, the client takes nothing, so that the origin is far ahead of it. */
async function readByFits(host: string, target: string): Promise<void> {
  const pieces: Buffer[] = []
  const takePiece = (length: number, bytes: Uint8Array) => {
    pieces.push(Buffer.from(bytes.subarray(0, length)))
    setTimeout(() => socket.resume(), PAUSE_MS)
    return false // until then
  }
  const onread = { buffer: Buffer.alloc(PIECE_BYTES), callback: takePiece }
  const socket = connect({ port: shellac.port, host: '127.0.0.1', onread })
  socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  await within(`the end of ${target}`, once(socket, 'end'), 3 * DEADLINE_MS)
  const client = new ScriptedClient(socket)
  client.buffer = Buffer.concat(pieces)
  const { body } = await client.response()
  const expected = bodyOf(target)
  assert.ok(body.equals(expected), `${host}${target} differs at ${body.findIndex((byte, i) => byte !== expected[i])}`)
  socket.destroy()
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
