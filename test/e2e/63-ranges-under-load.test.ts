/** Ranges as programs use them, and under load: whatever is asked, each answer has the bytes that belong there. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { curl } from '../support/programs.ts'
import { tempDir } from '../support/temp.ts'
import { bodyFor, isHit, startSite } from './caching-site.ts'
import { contentRange, partsOf, ranged } from './range-origin.ts'

const MiB = 1 << 20
const LARGE = 8 * MiB
const site = await startSite({
  workers: 2,
  size: '64MiB',
  cache: 'max-object 9MiB; purge { allow @here; default hard; }',
  site: 'route whole { path /whole/**; cache whole; }',
  more: 'match @here { source 127.0.0.1; } rule whole { ranges whole; }',
})
const url = (path: string) => `http://127.0.0.1:${site.shellac.port}${path}`

/** Ranges that look random and are the same in every run. */
function* randomRanges(seed: number, length: number, most: number): Generator<{ first: number; end: number }> {
  let state = seed + 1
  const next = (below: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  for (;;) {
    const first = next(length)
    yield { first, end: Math.min(length, first + 1 + next(most)) }
  }
}

for (const path of ['/curl', '/whole/curl']) {
  test(`curl -r and a resumed download get the right bytes, whether stored or not (${path})`, async () => {
    const body = bodyFor(path, 200_000)
    site.answer(path, ranged(body, '"v"'))
    const file = join(tempDir(), 'download')
    for (const range of ['1000-1999', '150000-', '-77']) {
      const ended = await curl('-f', '-o', file, '-r', range, url(path))
      assert.equal(ended.code, 0, ended.stderr)
      const [from, to] = range.split('-')
      const wanted =
        from === '' ? body.subarray(-Number(to)) : body.subarray(Number(from), to === '' ? undefined : Number(to) + 1)
      assert.ok(readFileSync(file).equals(wanted), range)
    }
    writeFileSync(file, body.subarray(0, 70_000))
    const resumed = await curl('-f', '-o', file, '-C', '-', url(path))
    assert.equal(resumed.code, 0, resumed.stderr)
    assert.ok(readFileSync(file).equals(body))
    const whole = await curl('-f', '-o', file, url(path))
    assert.equal(whole.code, 0, whole.stderr)
    assert.ok(readFileSync(file).equals(body))
  })
}

test('200 clients of two workers get random ranges of a stored object, single and several, to the byte', async () => {
  const body = bodyFor('/large', LARGE)
  site.answer('/large', ranged(body, '"v"'))
  assert.ok((await site.get('/large')).body.equals(body))
  await Promise.all(
    Array.from({ length: 200 }, async (_, seed) => {
      const client = await site.connect()
      const ranges = randomRanges(seed, LARGE, 100_000)
      for (let round = 0; round < 3; round++) {
        const { first, end } = ranges.next().value as { first: number; end: number }
        const answer = await client.get('/large', [`Range: bytes=${first}-${end - 1}`])
        assert.equal(contentRange(answer), `bytes ${first}-${end - 1}/${LARGE}`)
        assert.ok(answer.body.equals(body.subarray(first, end)))
        assert.equal(isHit(answer), true)
      }
      const several = await client.get('/large', [`Range: bytes=${seed}-${seed + 9},-${seed + 5},4000000-4000009`])
      assert.deepEqual(
        partsOf(several).map((part) => part.body),
        [body.subarray(seed, seed + 10), body.subarray(-seed - 5), body.subarray(4_000_000, 4_000_010)].map(String),
      )
      client.socket.destroy()
    }),
  )
  assert.equal(site.asked('/large').length, 1)
})

for (const path of ['/cold', '/whole/cold']) {
  test(`clients that ask for ranges and the whole of a missing object at once get them to the byte (${path})`, async () => {
    const length = MiB + 7
    const body = bodyFor(path, length)
    site.answer(path, ranged(body, '"v"'))
    await Promise.all(
      Array.from({ length: 60 }, async (_, seed) => {
        const client = await site.connect()
        const ranges = randomRanges(seed, length, 200_000)
        for (let round = 0; round < 6; round++) {
          const { first, end } = ranges.next().value as { first: number; end: number }
          const isWhole = (seed + round) % 7 === 0
          const answer = await client.get(path, isWhole ? [] : [`Range: bytes=${first}-${end - 1}`])
          assert.equal(answer.status, isWhole ? 200 : 206)
          assert.ok(answer.body.equals(isWhole ? body : body.subarray(first, end)), `${first}-${end}`)
        }
        client.socket.destroy()
      }),
    )
    assert.equal(isHit(await site.get(path)), true, 'it is stored in the end')
    if (path === '/whole/cold') assert.equal(site.asked(path).length, 1)
  })
}

test('slow readers of ranges get the bytes of their object, though that is dropped and its room used by others', async () => {
  const small = await startSite({
    workers: 2,
    size: '8MiB',
    cache: 'max-object 2MiB; purge { allow @here; default hard; }',
    more: 'match @here { source 127.0.0.1; }',
  })
  const length = MiB
  const body = bodyFor('/lasting', length)
  small.answer('/lasting', ranged(body, '"v"'))
  small.answer('/filler', (request) => ranged(bodyFor(request.target, length), '')(request))
  await small.get('/lasting')
  const slow = await small.connect()
  slow.pause()
  // More than the buffers of the kernel hold, so that the daemon is left with some of them.
  const rounds = 12
  const ask = (range: string) => `GET /lasting HTTP/1.1\r\nHost: test.example\r\nRange: bytes=${range}\r\n\r\n`
  slow.send((ask('1-') + ask('10-499999,500001-')).repeat(rounds))
  await small.get('/lasting', [], 'PURGE')
  for (let at = 0; at < 16; at++) await small.get(`/filler?${at}`)
  slow.resume()
  for (let round = 0; round < rounds; round++) {
    assert.ok((await slow.response()).body.equals(body.subarray(1)), `round ${round}`)
    const several = await slow.response()
    // Fetched anew, and so by an origin that knows single ranges only, after the first have been sent.
    const pieces = several.status === 206 ? partsOf(several).map((part) => part.body) : [several.body.toString()]
    const wanted = several.status === 206 ? [body.subarray(10, 500_000), body.subarray(500_001)] : [body]
    assert.ok(
      wanted.every((bytes, i) => bytes.equals(Buffer.from(pieces[i]!))),
      `round ${round}`,
    )
  }
  assert.ok(small.asked('/lasting').length > 1, 'it was dropped')
})

test('a part that is evicted while it is joined does no harm', async () => {
  const tiny = await startSite({ workers: 2, size: '2MiB', cache: 'max-object 1MiB;' })
  tiny.answer('/many', (request) => ranged(bodyFor(request.target, 300_000), `"${request.target}"`)(request))
  await Promise.all(
    Array.from({ length: 16 }, async (_, seed) => {
      const client = await tiny.connect()
      const ranges = randomRanges(seed, 300_000, 150_000)
      for (let round = 0; round < 25; round++) {
        const target = `/many?${(seed + round) % 12}`
        const { first, end } = ranges.next().value as { first: number; end: number }
        const isWhole = round % 9 === 8
        const answer = await client.get(target, isWhole ? [] : [`Range: bytes=${first}-${end - 1}`])
        const body = bodyFor(target, 300_000)
        assert.ok(
          answer.body.equals(isWhole ? body : body.subarray(first, end)),
          `${target} ${first}-${end} ${answer.status}`,
        )
      }
      client.socket.destroy()
    }),
  )
})
