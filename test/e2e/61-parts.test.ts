/** Parts that are stored, found again, and put together (RFC 9111 §3.3, §3.4), with `ranges forward;`, the default. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok, reply } from '../support/scripted-origin.ts'
import { bodyFor, cacheStatus, dateIn, gate, isHit, startSite } from './caching-site.ts'
import { contentRange, ranged } from './range-origin.ts'

const site = await startSite({
  cache: 'max-object 1MiB; purge { allow @here; default hard; }',
  more: 'match @here { source 127.0.0.1; }',
})
const BODY = '0123456789'

/** Asks for a range, and tells what of it the client can see. */
async function ask(path: string, range?: string, ...fields: string[]) {
  const answer = await site.get(path, range === undefined ? fields : [`Range: bytes=${range}`, ...fields])
  return { answer, seen: [answer.status, answer.body.toString(), contentRange(answer)] as const }
}

/** The Range of each request for the path. */
function askedRanges(path: string): (string | undefined)[] {
  return site.asked(path).map((request) => request.fields.get('range'))
}

test('a range that is not stored is fetched as a range, and what lies in it is a hit from then on', async () => {
  site.answer('/hit', ranged(BODY, '"v"', 'X-One: 1'))
  const first = await ask('/hit', '2-6')
  assert.deepEqual(first.seen, [206, '23456', 'bytes 2-6/10'])
  assert.equal(cacheStatus(first.answer), 'Shellac; fwd=uri-miss; fwd-status=206; stored; detail=absent')
  for (const [range, body, written] of [
    ['2-6', '23456', 'bytes 2-6/10'],
    ['3-4', '34', 'bytes 3-4/10'],
    ['6-6', '6', 'bytes 6-6/10'],
  ] as const) {
    const again = await ask('/hit', range)
    assert.deepEqual(again.seen, [206, body, written])
    assert.equal(isHit(again.answer), true)
    assert.equal(again.answer.fields.get('x-one'), '1')
  }
  assert.deepEqual(askedRanges('/hit'), ['bytes=2-6'])
  assert.deepEqual((await ask('/hit', '50-')).seen, [416, '', 'bytes */10'], 'the length is known')
})

test('a part without a validator is stored and used, but nothing is joined to it', async () => {
  site.answer('/plain', ranged(BODY, ''))
  await ask('/plain', '0-4')
  assert.equal(isHit((await ask('/plain', '1-2')).answer), true)
  assert.deepEqual((await ask('/plain', '5-9')).seen, [206, '56789', 'bytes 5-9/10'])
  assert.deepEqual((await ask('/plain', '0-4')).seen, [206, '01234', 'bytes 0-4/10'])
  assert.deepEqual(askedRanges('/plain'), ['bytes=0-4', 'bytes=5-9', 'bytes=0-4'])
  assert.deepEqual((await ask('/plain')).seen, [200, BODY, undefined])
  assert.deepEqual(askedRanges('/plain').at(-1), undefined)
})

const joints: [claim: string, ranges: string[]][] = [
  ['the next bytes', ['0-3', '4-7', '0-7']],
  ['the bytes before', ['4-7', '0-3', '0-7']],
  ['bytes that overlap behind', ['1-5', '3-8', '1-8']],
  ['bytes that overlap before', ['3-8', '1-5', '1-8']],
  ['bytes around', ['3-5', '1-8', '1-8']],
]
for (const [index, [claim, [first, second, both]]] of joints.entries()) {
  test(`a part is joined with ${claim}`, async () => {
    const path = `/joined/${index}`
    site.answer(path, ranged(BODY, '"v"'))
    const bytes = (range: string) => {
      const [from, to] = range.split('-')
      return BODY.slice(Number(from), Number(to) + 1)
    }
    assert.deepEqual((await ask(path, first)).seen, [206, bytes(first!), `bytes ${first}/10`])
    const joining = await ask(path, second)
    assert.deepEqual(joining.seen, [206, bytes(second!), `bytes ${second}/10`])
    assert.match(cacheStatus(joining.answer), /fwd=partial; fwd-status=206; stored; detail=part-missing/)
    const hit = await ask(path, both)
    assert.deepEqual(hit.seen, [206, bytes(both!), `bytes ${both}/10`])
    assert.equal(isHit(hit.answer), true)
    assert.deepEqual(askedRanges(path), [`bytes=${first}`, `bytes=${second}`])
  })
}

test('parts that together are everything become a whole response', async () => {
  site.answer('/whole', ranged(BODY, '"v"'))
  await ask('/whole', '5-')
  await ask('/whole', '0-4')
  const whole = await ask('/whole')
  assert.deepEqual(whole.seen, [200, BODY, undefined])
  assert.equal(isHit(whole.answer), true)
  assert.equal(site.asked('/whole').length, 2)
})

test('a range that is everything is stored as a whole response', async () => {
  site.answer('/everything', ranged(BODY, '"v"'))
  assert.deepEqual((await ask('/everything', '0-')).seen, [206, BODY, 'bytes 0-9/10'])
  const whole = await ask('/everything')
  assert.deepEqual(whole.seen, [200, BODY, undefined])
  assert.equal(isHit(whole.answer), true)
})

test('parts with a gap between them are not joined: the newer takes the place of the older', async () => {
  site.answer('/gap', ranged(BODY, '"v"'))
  await ask('/gap', '0-1')
  await ask('/gap', '8-9')
  assert.equal(isHit((await ask('/gap', '8-9')).answer), true)
  assert.deepEqual((await ask('/gap', '0-1')).seen, [206, '01', 'bytes 0-1/10'])
  assert.equal(site.asked('/gap').length, 3)
})

for (const [claim, one, other] of [
  ['other', '"v"', '"w"'],
  ['weak', 'W/"v"', 'W/"v"'],
] as const) {
  test(`parts with ${claim} entity tags are not joined`, async () => {
    const path = `/tags/${claim}`
    site.answer(path, ranged(BODY, one))
    await ask(path, '0-4')
    site.answer(path, ranged('abcdefghij', other))
    assert.deepEqual((await ask(path, '5-9')).seen, [206, 'fghij', 'bytes 5-9/10'])
    assert.deepEqual((await ask(path, '0-9')).seen, [206, 'abcdefghij', 'bytes 0-9/10'])
  })
}

test('parts with the same strong Last-Modified are joined', async () => {
  site.answer('/dated', ranged(BODY, '', `Last-Modified: ${dateIn(-3600)}`, `Date: ${dateIn(0)}`))
  await ask('/dated', '0-4')
  await ask('/dated', '5-9')
  assert.equal(isHit((await ask('/dated')).answer), true)
})

test('a stored beginning is completed: the origin is asked for the rest, and the client gets the whole', async () => {
  site.answer('/rest', ranged(BODY, '"v"', 'X-Version: 1', 'X-Old: 1'))
  await ask('/rest', '0-4')
  site.answer('/rest', ranged(BODY, '"v"', 'X-Version: 2'))
  const { answer, seen } = await ask('/rest')
  assert.deepEqual(seen, [200, BODY, undefined])
  assert.equal(cacheStatus(answer), 'Shellac; fwd=partial; fwd-status=206; stored; detail=part-missing')
  assert.deepEqual([answer.fields.get('x-version'), answer.fields.get('x-old')], ['2', '1'], 'the newest of each field')
  assert.equal(isHit((await ask('/rest')).answer), true)
  const [, request] = site.asked('/rest')
  assert.deepEqual([request?.fields.get('range'), request?.fields.get('if-range')], ['bytes=5-', '"v"'])
})

test('a beginning of what has changed is replaced by the whole that the origin sends', async () => {
  site.answer('/changed', ranged(BODY, '"v"'))
  await ask('/changed', '0-4')
  site.answer('/changed', ranged('abcdefghij', '"w"'))
  assert.deepEqual((await ask('/changed')).seen, [200, 'abcdefghij', undefined])
  assert.equal(isHit((await ask('/changed', '0-1')).answer), true)
})

test('a beginning without a strong validator is asked about, never joined: the whole replaces it', async () => {
  for (const [path, etag] of [
    ['/unsure/none', ''],
    ['/unsure/weak', 'W/"v"'],
  ] as const) {
    site.answer(path, ranged(BODY, etag))
    await ask(path, '0-4')
    // It does not know ranges any more: its whole is the answer at once.
    site.answer(path, ok('a new whole', 'Cache-Control: max-age=60'))
    assert.deepEqual((await ask(path)).seen, [200, 'a new whole', undefined])
    assert.deepEqual(askedRanges(path), ['bytes=0-4', 'bytes=5-'])
    assert.equal(site.asked(path)[1]?.fields.get('if-range'), undefined)
    assert.equal(isHit((await ask(path)).answer), true)
  }
  site.answer('/unsure/rest', ranged(BODY, ''))
  await ask('/unsure/rest', '0-4')
  site.answer('/unsure/rest', ranged('abcdefghij', ''))
  assert.deepEqual((await ask('/unsure/rest')).seen, [200, 'abcdefghij', undefined])
  assert.deepEqual(askedRanges('/unsure/rest'), ['bytes=0-4', 'bytes=5-', undefined])
})

const liars: [claim: string, answer: string][] = [
  ['other bytes than were asked for', reply(206, '789', 'ETag: "v"', 'Content-Range: bytes 7-9/10')],
  ['the rest of another version', reply(206, '56789', 'ETag: "w"', 'Content-Range: bytes 5-9/10')],
  ['a rest of another length', reply(206, '56789', 'ETag: "v"', 'Content-Range: bytes 5-9/20')],
  ['a rest without saying which', reply(206, '56789', 'ETag: "v"')],
  ['416', reply(416, '', 'Content-Range: bytes */3')],
  ['304', 'HTTP/1.1 304 \r\nETag: "v"\r\n\r\n'],
]
for (const [index, [claim, lie]] of liars.entries()) {
  test(`where the origin gives ${claim} to complete a beginning, the whole is fetched`, async () => {
    const path = `/lies/${index}`
    site.answer(path, ranged(BODY, '"v"'))
    await ask(path, '0-4')
    site.answer(path, (request) => (request.fields.get('range') === undefined ? ok('whole') : lie))
    assert.deepEqual((await ask(path)).seen, [200, 'whole', undefined])
    assert.deepEqual(askedRanges(path), ['bytes=0-4', 'bytes=5-', undefined])
  })
}

const unstorable: [claim: string, answer: string][] = [
  [
    'a length that contradicts Content-Range',
    reply(206, '01', 'Cache-Control: max-age=60', 'Content-Range: bytes 0-4/10'),
  ],
  ['no Content-Range', reply(206, '01234', 'Cache-Control: max-age=60')],
  [
    'a Content-Range that contradicts itself',
    reply(206, '01', 'Cache-Control: max-age=60', 'Content-Range: bytes 4-3/10'),
  ],
  ['another unit', reply(206, '01', 'Cache-Control: max-age=60', 'Content-Range: items 0-1/10')],
]
for (const [index, [claim, answer]] of unstorable.entries()) {
  test(`a 206 with ${claim} passes and is not stored`, async () => {
    const path = `/unstorable/${index}`
    site.answer(path, answer)
    for (let round = 1; round <= 2; round++) {
      const passed = (await ask(path, '0-4')).answer
      assert.equal(passed.status, 206)
      assert.equal(cacheStatus(passed), 'Shellac; fwd=uri-miss; fwd-status=206; detail=partial')
      assert.equal(site.asked(path).length, round)
    }
  })
}

test('other bytes than were asked for go to the client as the origin sent them, and are stored', async () => {
  site.answer('/other', reply(206, '01234', 'Cache-Control: max-age=60', 'ETag: "v"', 'Content-Range: bytes 0-4/10'))
  assert.deepEqual((await ask('/other', '-5')).seen, [206, '01234', 'bytes 0-4/10'])
  assert.equal(isHit((await ask('/other', '0-2')).answer), true)
})

test('a range to which the origin sends the whole is cut out of that, which is stored', async () => {
  site.answer('/ignored', ok(BODY, 'Cache-Control: max-age=60'))
  assert.deepEqual((await ask('/ignored', '3-4')).seen, [206, '34', 'bytes 3-4/10'])
  assert.equal(isHit((await ask('/ignored')).answer), true)
})

test('If-Range goes on to the origin, whose answer decides', async () => {
  site.answer('/if-range', ranged(BODY, '"v"'))
  assert.deepEqual((await ask('/if-range', '0-1', 'If-Range: "w"')).seen, [200, BODY, undefined])
  assert.equal(site.asked('/if-range')[0]?.fields.get('if-range'), '"w"')
  assert.equal(isHit((await ask('/if-range', '0-1', 'If-Range: "v"')).answer), true)
})

test('several ranges go on as they are, and their answer is not stored', async () => {
  site.answer(
    '/several',
    reply(206, 'x', 'Cache-Control: max-age=60', 'Content-Type: multipart/byteranges; boundary=b'),
  )
  const { answer } = await ask('/several', '0-1,5-6')
  assert.equal(cacheStatus(answer), 'Shellac; fwd=uri-miss; fwd-status=206; detail=partial')
  assert.deepEqual(askedRanges('/several'), ['bytes=0-1,5-6'])
})

test('several ranges that lie in a stored part are a hit', async () => {
  site.answer('/inside', ranged(BODY, '"v"'))
  await ask('/inside', '2-8')
  const { answer } = await ask('/inside', '2-3,7-8')
  assert.deepEqual([answer.status, isHit(answer)], [206, true])
})

test('a stale part that the origin confirms answers again', async () => {
  const fields = ['ETag: "v"', `Date: ${dateIn(-100)}`]
  site.answer('/stale', reply(206, '01234', 'Cache-Control: max-age=1', ...fields, 'Content-Range: bytes 0-4/10'))
  await ask('/stale', '0-4')
  site.answer('/stale', 'HTTP/1.1 304 \r\nETag: "v"\r\nCache-Control: max-age=60\r\nX-New: 1\r\n\r\n')
  const { answer, seen } = await ask('/stale', '1-2')
  assert.deepEqual(seen, [206, '12', 'bytes 1-2/10'])
  assert.match(cacheStatus(answer), /fwd=stale; fwd-status=304; stored/)
  const hit = await ask('/stale', '0-4')
  assert.deepEqual([hit.seen[1], isHit(hit.answer), hit.answer.fields.get('x-new')], ['01234', true, '1'])
})

test('HEAD and a request for the whole are never answered from a part', async () => {
  site.answer('/part', ranged(BODY, ''))
  await ask('/part', '0-4')
  const head = await site.get('/part', [], 'HEAD')
  assert.equal(isHit(head), false)
  const conditional = await site.get('/part', ['If-None-Match: "other"'])
  assert.deepEqual([conditional.status, conditional.body.toString()], [200, BODY])
})

test('only-if-cached gets what a part holds, and 504 for the rest', async () => {
  site.answer('/only', ranged(BODY, '"v"'))
  await ask('/only', '0-4')
  assert.deepEqual((await ask('/only', '1-2', 'Cache-Control: only-if-cached')).seen[1], '12')
  assert.equal((await ask('/only', '5-6', 'Cache-Control: only-if-cached')).seen[0], 504)
  assert.equal((await ask('/only', undefined, 'Cache-Control: only-if-cached')).seen[0], 504)
})

test('parts of variants are kept apart', async () => {
  site.answer('/vary', (request) => {
    const body = `${request.fields.get('x-kind')}`.repeat(10)
    return ranged(body, `"${body}"`, 'Vary: X-Kind')(request)
  })
  for (const kind of ['a', 'b']) {
    assert.deepEqual((await ask('/vary', '0-4', `X-Kind: ${kind}`)).seen[1], kind.repeat(5))
  }
  for (const kind of ['a', 'b']) {
    const whole = await ask('/vary', undefined, `X-Kind: ${kind}`)
    assert.deepEqual(whole.seen, [200, kind.repeat(10), undefined])
    assert.match(cacheStatus(whole.answer), /fwd=partial; fwd-status=206; stored/)
  }
})

test('a response that breaks off is kept as a beginning if it has a strong validator, and completed', async () => {
  const body = bodyFor('/broken', 200_000)
  const whole = ranged(body, '"v"')
  site.answer('/broken', (request) => {
    const bytes = whole(request)
    return request.fields.get('range') === undefined ? { close: bytes.subarray(0, 120_000) } : bytes
  })
  const client = await site.connect()
  await assert.rejects(client.get('/broken'), /closed/)
  const answer = await site.get('/broken')
  assert.deepEqual([answer.status, answer.body.equals(body)], [200, true])
  const [first, second] = askedRanges('/broken')
  assert.equal(first, undefined)
  assert.match(second ?? '', /^bytes=1[0-9]{5}-$/)
})

test('a response that breaks off without a strong validator is not kept', async () => {
  const whole = ranged(bodyFor('/lost', 200_000), 'W/"v"')
  site.answer('/lost', (request) => ({ close: whole(request).subarray(0, 120_000) }))
  for (let round = 0; round < 2; round++) await assert.rejects((await site.connect()).get('/lost'), /closed/)
  assert.deepEqual(askedRanges('/lost'), [undefined, undefined])
})

test('requests for the same missing range wait for one fetch, one for another range does not', async () => {
  const held = gate()
  const whole = ranged(BODY, '"v"')
  site.answer('/same', async (request) => {
    if (request.fields.get('range') === 'bytes=0-4') await held.opened
    return whole(request)
  })
  const before = site.origin.requests.length
  const waiting = Array.from({ length: 5 }, () => ask('/same', '0-4'))
  await site.origin.waitForRequests(before + 1)
  const other = await ask('/same', '8-9')
  assert.deepEqual(other.seen, [206, '89', 'bytes 8-9/10'])
  assert.match(cacheStatus(other.answer), /detail=range$/)
  held.open()
  for (const { seen } of await Promise.all(waiting)) assert.deepEqual(seen, [206, '01234', 'bytes 0-4/10'])
  assert.deepEqual(askedRanges('/same').sort(), ['bytes=0-4', 'bytes=8-9'])
})

test('who wants the whole waits for a range that is being fetched, and then fetches the rest', async () => {
  const held = gate()
  const whole = ranged(BODY, '"v"')
  site.answer('/behind', async (request) => {
    if (request.fields.get('range') === 'bytes=0-4') await held.opened
    return whole(request)
  })
  const part = ask('/behind', '0-4')
  await site.origin.waitForRequests(site.origin.requests.length + 1)
  const wholes = Array.from({ length: 5 }, () => ask('/behind'))
  held.open()
  assert.deepEqual((await part).seen, [206, '01234', 'bytes 0-4/10'])
  for (const { seen } of await Promise.all(wholes)) assert.deepEqual(seen, [200, BODY, undefined])
  assert.deepEqual(askedRanges('/behind'), ['bytes=0-4', 'bytes=5-'])
})

test('a range that a running fetch has come to is read along with it', async () => {
  const body = bodyFor('/running', 300_000)
  const held = gate()
  site.answer('/running', async (_request, peer) => {
    peer.send(`HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nContent-Length: ${body.length}\r\n\r\n`)
    await peer.sendAll(body.subarray(0, 100_000))
    await held.opened
    await peer.sendAll(body.subarray(100_000))
    return undefined
  })
  const client = await site.connect()
  client.send('GET /running HTTP/1.1\r\nHost: test.example\r\n\r\n')
  await client.until('the beginning', () => client.buffer.length > 90_000)
  const answer = await site.get('/running', ['Range: bytes=1000-1999'])
  assert.deepEqual([answer.status, answer.body.equals(body.subarray(1000, 2000))], [206, true])
  assert.match(cacheStatus(answer), /collapsed/)
  held.open()
  assert.ok((await client.response()).body.equals(body))
  assert.equal(site.asked('/running').length, 1)
})

test('parts of what is too large to be stored whole are stored, and a request for the whole passes at once', async () => {
  const body = bodyFor('/huge', 2_000_000)
  site.answer('/huge', ranged(body, '"v"'))
  await ask('/huge', '0-99999')
  assert.equal(isHit((await ask('/huge', '1000-1999')).answer), true)
  assert.ok((await site.get('/huge')).body.equals(body))
  assert.deepEqual(askedRanges('/huge'), ['bytes=0-99999', undefined])
  await ask('/huge', '100000-1099999')
  assert.deepEqual((await ask('/huge', '100000-100001')).answer.status, 206)
})

test('a request for the whole of a part that was purged fetches all of it', async () => {
  site.answer('/purged', ranged(BODY, '"v"'))
  await ask('/purged', '0-4')
  await site.get('/purged', [], 'PURGE')
  assert.deepEqual((await ask('/purged')).seen, [200, BODY, undefined])
  assert.deepEqual(askedRanges('/purged'), ['bytes=0-4', undefined])
})

test('a part purged while it was fetched is not kept', async () => {
  const held = gate()
  const whole = ranged(BODY, '"v"')
  site.answer('/outrun', async (request) => {
    await held.opened
    return whole(request)
  })
  const before = site.origin.requests.length
  const part = ask('/outrun', '0-4')
  await site.origin.waitForRequests(before + 1)
  await site.get('/outrun', [], 'PURGE')
  held.open()
  assert.deepEqual((await part).seen, [206, '01234', 'bytes 0-4/10'])
  assert.equal(isHit((await ask('/outrun', '0-4')).answer), false)
})

test('while the origin fails, a stale part answers under stale-if-error, and nothing it does not hold', async () => {
  const fields = ['Cache-Control: max-age=1, stale-if-error=3600', 'ETag: "v"', `Date: ${dateIn(-100)}`]
  site.answer('/outage', reply(206, '01234', ...fields, 'Content-Range: bytes 0-4/10'))
  await ask('/outage', '0-4')
  site.answer('/outage', reply(503, 'down'))
  const stale = await ask('/outage', '1-2')
  assert.deepEqual(stale.seen, [206, '12', 'bytes 1-2/10'])
  assert.equal((await ask('/outage', '5-6')).seen[0], 503)
  assert.equal((await ask('/outage')).seen[0], 503)
})

test('one byte more is not joined with a large part, which stays', async () => {
  site.answer('/byte', ranged(bodyFor('/byte', 900_000), '"v"'))
  await ask('/byte', '0-799999')
  assert.match(
    cacheStatus((await ask('/byte', '800000-800000')).answer),
    /fwd=partial; fwd-status=206; detail=partial$/,
  )
  assert.equal(isHit((await ask('/byte', '799999-799999')).answer), true)
})
