/** `ranges whole;`: the whole is fetched and stored, and ranges are cut out of it while it comes in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok } from '../support/scripted-origin.ts'
import { bodyFor, cacheStatus, gate, isHit, startSite } from './caching-site.ts'
import { contentRange, partsOf, ranged } from './range-origin.ts'

const site = await startSite({ cache: 'ranges whole; max-object 1MiB;', workers: 2 })
const LENGTH = 300_000

/** An origin that sends the first 100,000 bytes, and the rest when the gate opens. */
function slow(path: string, isSized = true): { body: Buffer; open: () => void } {
  const body = bodyFor(path, LENGTH)
  const held = gate()
  site.answer(path, async (_request, peer) => {
    const framing = isSized ? `Content-Length: ${LENGTH}` : 'Transfer-Encoding: chunked'
    peer.send(`HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nETag: "v"\r\n${framing}\r\n\r\n`)
    await peer.sendAll(isSized ? body.subarray(0, 100_000) : chunk(body.subarray(0, 100_000)))
    await held.opened
    await peer.sendAll(isSized ? body.subarray(100_000) : chunk(body.subarray(100_000)))
    return isSized ? undefined : '0\r\n\r\n'
  })
  return { body, open: held.open }
}

function chunk(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')])
}

test('the origin is asked for the whole, and the client gets its range', async () => {
  site.answer('/a', ranged('0123456789', '"v"'))
  const answer = await site.get('/a', ['Range: bytes=2-3', 'If-Range: "v"'])
  assert.deepEqual([answer.status, answer.body.toString(), contentRange(answer)], [206, '23', 'bytes 2-3/10'])
  assert.equal(cacheStatus(answer), 'Shellac; fwd=uri-miss; fwd-status=200; stored; detail=absent')
  const [request] = site.asked('/a')
  assert.deepEqual([request?.fields.get('range'), request?.fields.get('if-range')], [undefined, undefined])
  assert.equal(isHit(await site.get('/a')), true)
})

test('an If-Range that does not hold gives the whole', async () => {
  site.answer('/if-range', ranged('0123456789', '"v"'))
  const answer = await site.get('/if-range', ['Range: bytes=2-3', 'If-Range: "w"'])
  assert.deepEqual([answer.status, answer.body.toString()], [200, '0123456789'])
})

test('a range is answered as soon as its bytes have come, and the next answer follows on the connection', async () => {
  const { body, open } = slow('/early')
  const client = await site.connect()
  const answer = await client.get('/early', ['Range: bytes=50000-59999'])
  assert.deepEqual([answer.status, contentRange(answer)], [206, `bytes 50000-59999/${LENGTH}`])
  assert.ok(answer.body.equals(body.subarray(50_000, 60_000)))
  site.answer('/next', ok('next'))
  assert.equal((await client.get('/next')).body.toString(), 'next')
  open()
  const whole = await site.get('/early')
  assert.ok(whole.body.equals(body))
  assert.equal(site.asked('/early').length, 1)
})

test('all ranges of a missing object, and those who want all of it, wait for one fetch', async () => {
  const { body, open } = slow('/stampede')
  const answers = Array.from({ length: 40 }, async (_, i) => {
    const first = i * 7000
    const answer = await site.get('/stampede', i % 5 === 0 ? [] : [`Range: bytes=${first}-${first + 9999}`])
    const wanted = i % 5 === 0 ? body : body.subarray(first, first + 10_000)
    assert.equal(answer.status, i % 5 === 0 ? 200 : 206)
    assert.ok(answer.body.equals(wanted), `client ${i}`)
  })
  await site.origin.waitForRequests(1)
  open()
  await Promise.all(answers)
  assert.equal(site.asked('/stampede').length, 1)
})

test('several ranges come as they arrive, in the order of the body', async () => {
  const { body, open } = slow('/several')
  const client = await site.connect()
  client.send('GET /several HTTP/1.1\r\nHost: test.example\r\nRange: bytes=-10,0-9,99995-100004\r\n\r\n')
  await client.until('the first range', () => client.buffer.includes(body.subarray(0, 10)))
  open()
  const answer = await client.response()
  const end = LENGTH - 1
  assert.deepEqual(
    partsOf(answer).map(({ range }) => range),
    [`bytes 0-9/${LENGTH}`, `bytes 99995-100004/${LENGTH}`, `bytes ${LENGTH - 10}-${end}/${LENGTH}`],
  )
  assert.deepEqual(
    partsOf(answer).map((part) => part.body),
    [body.subarray(0, 10), body.subarray(99_995, 100_005), body.subarray(-10)].map((bytes) => bytes.toString()),
  )
})

test('a range of what turns out shorter is answered with 416', async () => {
  site.answer('/short', ok('0123456789', 'Cache-Control: max-age=60'))
  const answer = await site.get('/short', ['Range: bytes=10-'])
  assert.deepEqual([answer.status, contentRange(answer)], [416, 'bytes */10'])
})

test('while the length is not known, a range is answered with the whole; afterwards with the range', async () => {
  const { body, open } = slow('/unknown', false)
  open()
  const first = await site.get('/unknown', ['Range: bytes=0-9'])
  assert.deepEqual([first.status, first.body.equals(body)], [200, true])
  const second = await site.get('/unknown', ['Range: bytes=0-9'])
  assert.deepEqual([second.status, second.body.equals(body.subarray(0, 10))], [206, true])
})

test('a range of a response that is not stored passes as the origin sent it', async () => {
  site.answer('/private', ok('0123456789', 'Cache-Control: private'))
  const answer = await site.get('/private', ['Range: bytes=0-1'])
  assert.deepEqual([answer.status, answer.body.toString()], [200, '0123456789'])
  assert.match(cacheStatus(answer), /detail=response-private$/)
})

test('where the store has no room, ranges that read along get their bytes or are cut off', async () => {
  const tiny = await startSite({ size: '1MiB', cache: 'ranges whole; max-object 1MiB;' })
  const length = (1 << 20) - 2000
  const body = bodyFor('/full', length)
  tiny.answer('/full', async (_request, peer) => {
    peer.send(`HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nContent-Length: ${length}\r\n\r\n`)
    for (let at = 0; at < length; at += 100_000) await peer.sendAll(body.subarray(at, at + 100_000))
    return undefined
  })
  const client = await tiny.connect()
  for (const first of [0, 500_000, length - 1000]) {
    const answer = await client.get('/full', [`Range: bytes=${first}-${first + 999}`])
    const isWhole = answer.status === 200
    assert.ok(answer.body.equals(isWhole ? body : body.subarray(first, first + 1000)), `${answer.status} ${first}`)
  }
  assert.equal((await client.get('/full')).body.length, length, 'the connection is in order')
})
