/** What does not fit: objects too large, a cache that is full. Whatever is dropped, nobody gets a wrong byte. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OriginPeer } from '../support/scripted-origin.ts'
import { bodyFor, type CachingSite, cacheStatus, gate, isHit, startSite } from './caching-site.ts'

const MiB = 1 << 20
const bounded = await startSite({
  cache: 'max-object 1MiB; purge { allow @here; default hard; }',
  more: 'match @here { source 127.0.0.1; }',
  workers: 2,
})
const tiny = await startSite({ size: '1MiB', cache: 'max-object 1MiB;', workers: 2 })

type Framing = 'sized' | 'chunked' | 'until close'

/** Sends the body of a target in pieces, framed as told. */
function sending(site: CachingSite, path: string, length: number, framing: Framing): void {
  site.answer(path, async ({ target }, peer) => {
    const body = bodyFor(target, length)
    const field = {
      sized: `Content-Length: ${length}\r\n`,
      chunked: 'Transfer-Encoding: chunked\r\n',
      'until close': '',
    }
    peer.send(`HTTP/1.1 200 \r\nCache-Control: max-age=60\r\n${field[framing]}\r\n`)
    for (let at = 0; at < length; at += 100_000) await sendPiece(peer, body.subarray(at, at + 100_000), framing)
    return framing === 'chunked' ? '0\r\n\r\n' : framing === 'sized' ? '' : { close: '' }
  })
}

async function sendPiece(peer: OriginPeer, piece: Buffer, framing: Framing): Promise<void> {
  if (framing === 'chunked') peer.send(`${piece.length.toString(16)}\r\n`)
  await peer.sendAll(piece)
  if (framing === 'chunked') peer.send('\r\n')
}

for (const framing of ['sized', 'chunked', 'until close'] as const) {
  test(`an object larger than max-object passes through whole and is not kept (${framing})`, async () => {
    const path = `/over/${framing.slice(0, 5)}`
    const length = MiB + 300_000
    sending(bounded, path, length, framing)
    for (let round = 1; round <= 2; round++) {
      const answer = await bounded.get(path)
      assert.ok(answer.body.equals(bodyFor(path, length)), `${answer.body.length} bytes`)
      assert.equal(isHit(answer), false)
      assert.equal(bounded.asked(path).length, round)
    }
    assert.equal(
      cacheStatus(await bounded.get(path)),
      'Shellac; fwd=uri-miss; fwd-status=200; detail=hit-for-miss:too-large',
      'and nobody waits for such a fetch',
    )
  })

  test(`one just below it is kept (${framing})`, async () => {
    const path = `/under/${framing.slice(0, 5)}`
    const length = MiB - 2000
    sending(bounded, path, length, framing)
    for (let round = 0; round < 2; round++) {
      assert.ok((await bounded.get(path)).body.equals(bodyFor(path, length)))
    }
    assert.equal(bounded.asked(path).length, 1)
  })

  test(`an object within max-object, but larger than the room there is, passes through whole (${framing})`, async () => {
    const path = `/whole/${framing.slice(0, 5)}`
    sending(tiny, path, MiB - 2000, framing)
    for (let round = 0; round < 2; round++) {
      assert.ok((await tiny.get(path)).body.equals(bodyFor(path, MiB - 2000)))
    }
  })
}

for (const site of [bounded, tiny]) {
  test(`those who read along when an object outgrows the cache get it whole too (${site === tiny ? 'room' : 'max-object'})`, async () => {
    const length = site === tiny ? MiB - 2000 : MiB + 300_000
    const held = gate()
    const body = bodyFor('/along', length)
    site.answer('/along', async (_request, peer) => {
      peer.send('HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n')
      await sendPiece(peer, body.subarray(0, 300_000), 'chunked')
      await held.opened
      await sendPiece(peer, body.subarray(300_000), 'chunked')
      return '0\r\n\r\n'
    })
    const clients = await Promise.all(Array.from({ length: 6 }, () => site.connect()))
    for (const client of clients) client.send('GET /along HTTP/1.1\r\nHost: test.example\r\n\r\n')
    await Promise.all(clients.map((client) => client.until('the first bytes', () => client.buffer.length > 200_000)))
    assert.equal(site.asked('/along').length, 1)
    held.open()
    const answers = await Promise.all(clients.map((client) => client.response()))
    assert.ok(answers.every((answer) => answer.body.equals(body)))
    assert.equal(site.asked('/along').length, 6)
  })
}

test('one who read along is cut off rather than given parts of two bodies', async () => {
  const held = gate()
  let asked = 0
  bounded.answer('/two', async (_request, peer) => {
    const body = bodyFor(`version ${++asked}`, MiB + 300_000)
    peer.send('HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n')
    await sendPiece(peer, body.subarray(0, 300_000), 'chunked')
    await held.opened
    await sendPiece(peer, body.subarray(300_000), 'chunked').catch(() => {})
    return '0\r\n\r\n'
  })
  const clients = [await bounded.connect(), await bounded.connect()]
  for (const client of clients) {
    client.send('GET /two HTTP/1.1\r\nHost: test.example\r\n\r\n')
    await client.until('the first bytes', () => client.buffer.length > 200_000)
  }
  held.open()
  assert.ok((await clients[0]!.response()).body.equals(bodyFor('version 1', MiB + 300_000)))
  await assert.rejects(clients[1]!.response(), /closed/)
})

test('a larger object says why it is not kept, where that is known from the start', async () => {
  sending(bounded, '/why', MiB + 1, 'sized')
  assert.equal(cacheStatus(await bounded.get('/why')), 'Shellac; fwd=uri-miss; fwd-status=200; detail=too-large')
})

test('a client of HTTP/1.0 gets an object of unknown length whole, and knows its end by the close', async () => {
  sending(bounded, '/old', MiB + 300_000, 'chunked')
  const client = await bounded.connect()
  client.send('GET /old HTTP/1.0\r\nHost: test.example\r\n\r\n')
  const answer = await client.response()
  assert.deepEqual([answer.framing, answer.body.equals(bodyFor('/old', MiB + 300_000))], ['close', true])
})

test('a full cache drops what it must, and every answer has the bytes of its URL', async () => {
  tiny.answer('/many', ({ target }) => {
    const body = bodyFor(target, sizeOf(target)).toString()
    return `HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  })
  const rounds = 150
  const hits = await Promise.all(
    Array.from({ length: 8 }, async (_, worker) => {
      const client = await tiny.connect()
      let hits = 0
      for (let round = 0; round < rounds; round++) {
        // A few that everybody wants, many that are wanted once or twice: 300 URLs of 1 to 60 KB for 1 MiB.
        const popular = (round * 7 + worker) % 3 === 0
        const target = `/many?${popular ? round % 8 : (round * 31 + worker * 17) % 300}`
        const answer = await client.get(target)
        assert.ok(answer.body.equals(bodyFor(target, sizeOf(target))), `${target}: ${answer.body.length} bytes`)
        if (isHit(answer)) hits++
      }
      return hits
    }),
  )
  assert.ok(Math.min(...hits) > 0, `hits of each client: ${hits}`)
  const answers = 8 * rounds
  assert.ok(tiny.asked('/many').length < answers, 'the cache is of some use')
  assert.ok(tiny.asked('/many').length > 308, 'something was dropped')
})

test('a client that takes its time gets the bytes of its object, though that is dropped and its room used by others', async () => {
  sending(bounded, '/lasting', 900_000, 'sized')
  sending(bounded, '/filler', 900_000, 'sized')
  const body = bodyFor('/lasting', 900_000)
  await bounded.get('/lasting')
  const slow = await bounded.connect()
  slow.pause()
  // More than the buffers of the kernel hold, so that the daemon is left with some of them.
  const copies = 24
  slow.send('GET /lasting HTTP/1.1\r\nHost: test.example\r\n\r\n'.repeat(copies))
  await bounded.get('/lasting', [], 'PURGE')
  for (let at = 0; at < 40; at++) await bounded.get(`/filler?${at}`)
  slow.resume()
  for (let copy = 0; copy < copies; copy++) assert.ok((await slow.response()).body.equals(body), `copy ${copy}`)
  assert.ok(bounded.asked('/lasting').length > 1, 'it was dropped')
})

function sizeOf(target: string): number {
  return 1000 + ((Number(target.split('?')[1]) * 977) % 59_000)
}
