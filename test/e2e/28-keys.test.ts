/** What makes two requests ask for the same object, and that all workers share one copy of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectClient } from '../support/scripted-client.ts'
import { ok } from '../support/scripted-origin.ts'
import { bodyFor, isHit, startSite, WORKER_FIELD } from './caching-site.ts'

const site = await startSite({
  workers: 2,
  site: `${WORKER_FIELD}
    route sorted { path /sorted/**; cache sorted; }
    route kept { path /kept/**; cache kept; }
    route dropped { path /dropped/**; cache dropped; }
    route none { path /none/**; cache none; }
    route cookie { path /cookie/**; cache cookie; }
    route device { path /device/**; cache device; }
    route edited { path /edited/**; cache edited; }
    route located { path /located/**; cache located; }
    route hostless { path /hostless/**; cache hostless; }`,
  more: `
    rule sorted { key { query sort; } }
    rule kept { key { query keep page sort-by; } }
    rule dropped { key { query sort drop utm_* gclid; } }
    rule none { key { query none; } }
    rule cookie { key { cookie keep currency; } }
    rule device { key { header X-Device; } }
    rule edited { remove request Cookie; remove request Authorization; remove request X-Device; key { header X-Device; } }
    rule located {
      key { query none; header X-Country; }
      headers { request set X-Country $request.query; request set X-Tongue $request.query; }
    }
    rule hostless { key { host off; } }`,
})

/** Sends requests for targets of one path; which of them share an object, as numbers in order of first sight. */
async function objectsOf(requests: readonly (readonly [target: string, ...fields: string[]])[]): Promise<number[]> {
  const path = requests[0]![0].split('?')[0]!
  let made = 0
  site.answer(path, () => ok(String(++made), 'Cache-Control: max-age=60'))
  const objects: number[] = []
  for (const [target, ...fields] of requests) objects.push(Number((await site.get(target, fields)).body.toString()))
  assert.equal(site.asked(path).length, Math.max(...objects))
  return objects
}

const keys: [claim: string, requests: [target: string, ...fields: string[]][], objects: number[]][] = [
  [
    'by default the whole query counts, its order and its absence too',
    [['/plain?a=1&b=2'], ['/plain?b=2&a=1'], ['/plain'], ['/plain?'], ['/plain?a=1&b=2']],
    [1, 2, 3, 4, 1],
  ],
  [
    'the host counts, its letter case and default port do not',
    [['/host'], ['/host', 'Host: TEST.example'], ['/host', 'Host: test.example:80'], ['/host', 'Host: b.example']],
    [1, 1, 1, 2],
  ],
  [
    'another port is another origin',
    [
      ['/port', 'Host: a:81'],
      ['/port', 'Host: a:82'],
    ],
    [1, 2],
  ],
  ['"host off": names share', [['/hostless/a'], ['/hostless/a', 'Host: b.example']], [1, 1]],
  [
    'cookies and other fields do not count',
    [['/fields'], ['/fields', 'Cookie: a=1'], ['/fields', 'X-A: 1']],
    [1, 1, 1],
  ],
  [
    '"query sort": order does not count, but that of equal names',
    [['/sorted/a?x=1&y=2'], ['/sorted/a?y=2&x=1'], ['/sorted/a?x=1&x=2'], ['/sorted/a?x=2&x=1']],
    [1, 1, 2, 3],
  ],
  [
    '"query keep": other parameters do not count',
    [['/kept/a?page=1'], ['/kept/a?page=1&z=2'], ['/kept/a?z=3&page=1'], ['/kept/a?page=2'], ['/kept/a?%70age=2']],
    [1, 1, 1, 2, 3],
  ],
  [
    '"query drop": these parameters do not count, a * stands for any ending',
    [['/dropped/a?p=1'], ['/dropped/a?p=1&utm_source=x&gclid=y'], ['/dropped/a?utm_=1&p=1'], ['/dropped/a?p=1&utm=2']],
    [1, 1, 1, 2],
  ],
  [
    'a piece that an origin may read otherwise is never left out',
    [['/dropped/b?p=1'], ['/dropped/b?p=1&utm_a=1;p=2'], ['/dropped/b?p=1&utm_%zz=1']],
    [1, 2, 3],
  ],
  ['"query none": none counts', [['/none/a'], ['/none/a?x=1'], ['/none/a?y=2']], [1, 1, 1]],
  [
    '"cookie keep": this cookie counts, others do not, absent is not empty',
    [
      ['/cookie/a', 'Cookie: currency=EUR; id=1'],
      ['/cookie/a', 'Cookie: id=2; currency=EUR'],
      ['/cookie/a', 'Cookie: currency=USD'],
      ['/cookie/a'],
      ['/cookie/a', 'Cookie: currency='],
    ],
    [1, 1, 2, 3, 4],
  ],
  [
    '"header": this field counts, absent is not empty, and no value can pretend to be another part',
    [
      ['/device/a', 'X-Device: phone'],
      ['/device/a', 'X-Device: tablet'],
      ['/device/a'],
      ['/device/a', 'X-Device:'],
      ['/device/a', 'X-Device: phone|/device/a'],
      ['/device/a', 'X-Device: phone'],
    ],
    [1, 2, 3, 4, 5, 1],
  ],
]
test('a field that the route removes tells nothing apart: the origin does not see it', async () => {
  site.answer('/edited/a', ({ fields }) =>
    ok(fields.get('cookie') ?? 'no cookie', 'Vary: Cookie', 'Cache-Control: max-age=60'),
  )
  for (const field of ['Cookie: a=1', 'Cookie: a=2', 'Authorization: Basic eDp5', 'X-Device: phone', 'X-Any: 1']) {
    assert.equal((await site.get('/edited/a', [field])).body.toString(), 'no cookie')
  }
  assert.equal(site.asked('/edited/a').length, 1)
})

test('a field that the route sets tells apart what the origin sees, in the key and in Vary', async () => {
  for (const [path, vary] of [
    ['/located/key', 'Accept'],
    ['/located/vary', 'X-Tongue'],
  ] as const) {
    site.answer(path, ({ fields }) => ok(fields.get('x-country') ?? '', `Vary: ${vary}`, 'Cache-Control: max-age=60'))
    for (const country of ['de', 'fr', 'de', 'fr']) {
      assert.equal((await site.get(`${path}?${country}`, ['X-Country: us'])).body.toString(), country)
    }
    assert.equal(site.asked(path).length, 2)
  }
})

test('an origin that varies on the address of the client is believed', async () => {
  site.answer('/address', ({ fields }) =>
    ok(fields.get('x-forwarded-for') ?? '', 'Vary: X-Forwarded-For', 'Cache-Control: max-age=60'),
  )
  assert.equal((await site.get('/address')).body.toString(), '127.0.0.1')
  assert.equal(isHit(await site.get('/address')), true)
  const other = await connectClient({ port: site.shellac.port, host: '127.0.0.1', localAddress: '127.0.0.2' })
  assert.equal((await other.get('/address')).body.toString(), '127.0.0.2')
})

for (const [claim, requests, objects] of keys) {
  test(claim, async () => assert.deepEqual(await objectsOf(requests), objects))
}

test('two workers share one copy: what one fetched is a hit on the other', async () => {
  const [one, other] = await site.connectToEach(2)
  for (const length of [0, 100, 70_000, 2_000_000]) {
    const target = `/shared?${length}`
    site.answer('/shared', ({ target }) => {
      const body = bodyFor(target, length).toString()
      return ok(body, 'Cache-Control: max-age=60')
    })
    await one!.get(target)
    const hit = await other!.get(target)
    assert.equal(isHit(hit), true)
    assert.ok(hit.body.equals(bodyFor(target, length)))
  }
  assert.equal(site.asked('/shared').length, 4)
})

test('what one worker validated is fresh on the other', async () => {
  const [one, other] = await site.connectToEach(2)
  site.answer('/validated', ok('x', 'ETag: "v"', 'X-Version: 1', 'Cache-Control: max-age=60'))
  for (const client of [one!, other!]) await client.get('/validated')
  site.answer('/validated', 'HTTP/1.1 304 \r\nETag: "v"\r\nX-Version: 2\r\nCache-Control: max-age=60\r\n\r\n')
  await one!.get('/validated', ['Cache-Control: no-cache'])
  const hit = await other!.get('/validated')
  assert.deepEqual([isHit(hit), hit.fields.get('x-version')], [true, '2'])
  assert.equal(site.asked('/validated').length, 2)
})
