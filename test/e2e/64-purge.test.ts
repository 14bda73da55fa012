/** What purges reach, and what they leave: by URL, tag, prefix, glob, and all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statsOf } from '../support/admin.ts'
import { ok, reply } from '../support/scripted-origin.ts'
import { type CachingSite, cacheStatus, isHit, startSite, WORKER_FIELD } from './caching-site.ts'

const OPS = 'X-Ops: 1'
const purgers = 'match @ops { header X-Ops present; }'
const site = await startSite({
  workers: 2,
  cache: 'key { cookie keep currency; class odd @odd; query sort drop utm_*; } purge { allow @ops; }',
  site: `${WORKER_FIELD} cache shop;`,
  more: `${purgers} match @odd { header X-Odd present; }
rule shop { tags { from Surrogate-Key Cache-Tag; } tag shop; }`,
})

/** Stores `old` under the target; from then on the origin answers `new`. */
async function keep(target: string, ...fields: string[]): Promise<void> {
  const [path] = target.split('?') as [string]
  site.answer(path, ok('old', 'Cache-Control: max-age=600', 'ETag: "v"', ...fields))
  await site.get(target)
  assert.equal(isHit(await site.get(target)), true)
  site.answer(path, ok('new', 'Cache-Control: max-age=600', 'ETag: "w"', ...fields))
}

async function purge(target: string, ...fields: string[]): Promise<unknown> {
  const answer = await site.get(
    target,
    [OPS, ...fields],
    fields.some((field) => /key:|tag:/i.test(field)) ? 'PURGEKEY' : 'PURGE',
  )
  assert.equal(answer.status, 200, answer.body.toString())
  assert.equal(answer.fields.get('content-type'), 'application/json')
  return JSON.parse(answer.body.toString())
}

async function bodyOf(target: string, ...fields: string[]): Promise<string> {
  return (await site.get(target, fields)).body.toString()
}

test('PURGE covers all variants, cookies and classes of a URL, hard or soft, and no other URL', async () => {
  for (const mode of ['hard', 'soft']) {
    const path = `/all/${mode}`
    let version = 0
    site.answer(path, ({ fields }) => {
      return ok(`${fields.get('x-color')} ${version}`, 'Vary: X-Color', 'Cache-Control: max-age=600')
    })
    const requests = ['red', 'blue'].flatMap((color) =>
      ['EUR', 'USD'].flatMap((currency) =>
        [['X-Odd: 1'], []].map((odd) => [`X-Color: ${color}`, `Cookie: currency=${currency}`, ...odd]),
      ),
    )
    for (const fields of requests) await site.get(path, fields)
    await keep(`${path}/other`)
    version = 1
    const answer = await purge(`${path}?utm_source=x`, `Purge-Mode: ${mode}`)
    assert.deepEqual(answer, { purged: 'url', mode, cache: 'main', targets: [`test.example|${path}`] })
    for (const fields of requests) {
      const after = await site.get(path, fields)
      assert.match(after.body.toString(), / 1$/)
      assert.match(cacheStatus(after), mode === 'hard' ? /fwd=stale.*detail=purged/ : /fwd=stale/)
    }
    assert.equal(await bodyOf(`${path}/other`), 'old')
  }
})

test('what was purged softly is validated, and a 304 makes it fresh again', async () => {
  await keep('/soft')
  await purge('/soft')
  site.answer('/soft', ({ fields }) =>
    fields.get('if-none-match') === '"v"' ? reply(304, '', 'ETag: "v"') : ok('new'),
  )
  const confirmed = await site.get('/soft')
  assert.deepEqual(
    [confirmed.body.toString(), cacheStatus(confirmed)],
    ['old', 'Shellac; fwd=stale; fwd-status=304; stored; detail=purged'],
  )
  assert.equal(isHit(await site.get('/soft')), true)
})

test('a tag purge covers what carries the tag in Surrogate-Key, in Cache-Tag, or by its rule', async () => {
  await keep('/tag/a', 'Surrogate-Key: news front-page')
  await keep('/tag/b', 'Cache-Tag: news, sport')
  await keep('/tag/c', 'Surrogate-Key: newsletter')
  assert.deepEqual(await purge('/', 'Surrogate-Key: other news'), {
    purged: 'tag',
    mode: 'soft',
    cache: 'main',
    targets: ['other', 'news'],
  })
  assert.deepEqual([await bodyOf('/tag/a'), await bodyOf('/tag/b'), await bodyOf('/tag/c')], ['new', 'new', 'old'])
  await purge('/', 'Cache-Tag: shop', 'Purge-Mode: hard')
  assert.equal(await bodyOf('/tag/c'), 'new')
})

test('one with more tags than are kept goes with any of them', async () => {
  const many = Array.from({ length: 200 }, (_, n) => `many-${n}`)
  await keep('/many', `Surrogate-Key: ${many.join(' ')}`)
  assert.ok((await statsOf(site.shellac)).counters.tagsCut > 0)
  await purge('/', 'xkey: many-199')
  assert.equal(await bodyOf('/many'), 'new')
})

test('prefix and glob cover the URLs of the host that begin or match so', async () => {
  for (const target of ['/img/a.png', '/img/b/c.png?v=1', '/img/d.jpg', '/imgs']) await keep(target)
  await purge('/img/**.png', 'Purge-Scope: glob')
  const globbed = ['/img/a.png', '/img/b/c.png?v=1', '/img/d.jpg', '/imgs'].map((target) => bodyOf(target))
  assert.deepEqual(await Promise.all(globbed), ['new', 'new', 'old', 'old'])
  const elsewhere = await site.connect()
  elsewhere.send('PURGE /img/ HTTP/1.1\r\nHost: other.example\r\nX-Ops: 1\r\nPurge-Scope: prefix\r\n\r\n')
  assert.equal((await elsewhere.response()).status, 200)
  assert.equal(await bodyOf('/img/d.jpg'), 'old', 'of another host')
  await purge('/img/', 'Purge-Scope: prefix', 'Purge-Mode: hard')
  assert.deepEqual([await bodyOf('/img/d.jpg'), await bodyOf('/imgs')], ['new', 'old'])
})

test('all is all, and what is stored afterwards is fresh', async () => {
  await keep('/everything')
  assert.deepEqual(await purge('/', 'Purge-Scope: all'), { purged: 'all', mode: 'soft', cache: 'main', targets: [] })
  assert.equal(await bodyOf('/everything'), 'new')
  assert.equal(isHit(await site.get('/everything')), true)
})

test('a purge that makes no sense is refused with the reason, and purges nothing', async () => {
  await keep('/refused')
  const wrong: [method: string, fields: string[], reason: RegExp][] = [
    ['PURGEKEY', [], /names tags/],
    ['PURGE', ['Purge-Scope: everything'], /Purge-Scope is one of url, prefix, glob, all/],
    ['PURGE', ['Purge-Mode: gentle'], /Purge-Mode is/],
    ['PURGE', ['Purge-Scope: all', 'xkey: a'], /not both/],
    ['PURGEKEY', [`xkey: ${Array.from({ length: 1001 }, (_, n) => n).join(' ')}`], /more than 1000/],
  ]
  for (const [method, fields, reason] of wrong) {
    const answer = await site.get('/refused', [OPS, ...fields], method)
    assert.equal(answer.status, 400)
    assert.match(answer.body.toString(), reason)
  }
  for (const method of ['PURGE', 'PURGEKEY']) {
    assert.equal((await site.get('/refused', ['xkey: shop'], method)).status, 403)
  }
  assert.equal(await bodyOf('/refused'), 'old')
})

test('"methods" renames them, "default" decides without Purge-Mode, and other methods go to the origin', async () => {
  const own: CachingSite = await startSite({
    cache: 'purge { allow @ops; default hard; methods BAN; }',
    more: purgers,
  })
  own.answer('/a', ({ method }) => (method === 'GET' ? ok('old', 'Cache-Control: max-age=600') : reply(405, '')))
  await own.get('/a')
  assert.equal((await own.get('/a', [OPS], 'PURGE')).status, 405)
  assert.equal(own.asked('/a').at(-1)?.method, 'PURGE')
  const answers = [[], ['Fastly-Soft-Purge: 1']].map((fields) => own.get('/a', [OPS, ...fields], 'BAN'))
  const modes = (await Promise.all(answers)).map(({ body }) => JSON.parse(body.toString()).mode)
  assert.deepEqual(modes, ['hard', 'soft'])
  assert.match(cacheStatus(await own.get('/a')), /detail=purged/)
})

test('an unsafe request that succeeds removes what is stored for its URL under every cookie and class', async () => {
  const requests = [['Cookie: currency=EUR'], ['Cookie: currency=USD'], ['X-Odd: 1'], []]
  let version = 0
  site.answer('/cart', ({ method }) =>
    method === 'GET' ? ok(`${version}`, 'Cache-Control: max-age=600') : reply(200, 'done'),
  )
  for (const fields of requests) assert.equal(await bodyOf('/cart', ...fields), '0')
  await keep('/cart/other')
  version = 1
  await site.get('/cart', ['Cookie: currency=EUR'], 'POST')
  for (const fields of requests) assert.equal(await bodyOf('/cart', ...fields), '1')
  assert.equal(await bodyOf('/cart/other'), 'old')
})
