/** Spellings of a path, what the origin offers, classes of clients: requests that share an object, and those that must not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok } from '../support/scripted-origin.ts'
import { isHit, startSite } from './caching-site.ts'

const site = await startSite({
  workers: 2,
  site: `
    route normal { path /normal/**; cache normal; }
    route merged { path /merged/**; cache merged; }
    route moved { path /moved/**; cache merged; strip-prefix /moved; }
    route offered { path /offered/**; cache offered; }
    route edited { path /edited/**; cache edited; }
    route classes { path /classes/**; cache classes; }`,
  more: `
    rule normal { key { path normalise; } }
    rule merged { key { path normalise merge-slashes; } }
    rule offered { key { vary accept-encoding br gzip; vary accept-language en de; } }
    rule edited {
      key { vary accept-encoding br gzip; class phone @phone; }
      headers { request set Accept-Encoding "gzip, deflate"; request remove User-Agent; }
    }
    rule classes { key { class phone @phone; class tablet @tablet; } }
    match @phone { header User-Agent *Phone*; }
    match @tablet { header User-Agent *Tablet*; }`,
})

/** Answers every path of the list with the target the origin was asked for, cacheable. */
function echoTargets(...paths: string[]): void {
  for (const path of paths) site.answer(path, ({ target }) => ok(target, 'Cache-Control: max-age=60'))
}

async function bodiesOf(targets: readonly string[]): Promise<string[]> {
  const bodies: string[] = []
  for (const target of targets) bodies.push((await site.get(target)).body.toString())
  return bodies
}

test('"path normalise": equivalent spellings share an object, which the origin is asked for in the common spelling', async () => {
  echoTargets('/normal/~a', '/normal/b%2Fc', '/normal/b/c', '/normal//d', '/normal/d')
  const targets = ['/normal/%7ea?x=%7e', '/normal/~%61?x=%7e', '/normal/b%2fc', '/normal/b%2Fc', '/normal/b/c']
  const common = ['/normal/~a?x=%7e', '/normal/~a?x=%7e', '/normal/b%2Fc', '/normal/b%2Fc', '/normal/b/c']
  assert.deepEqual(await bodiesOf(targets), common)
  assert.deepEqual(await bodiesOf(['/normal//d', '/normal/d']), ['/normal//d', '/normal/d'])
  assert.equal(site.asked('/normal/~a').length, 1)
})

test('"merge-slashes": runs of slashes share an object too, and an origin that redirects them is not asked about them', async () => {
  site.answer('/merged/a', ok('page', 'Cache-Control: max-age=60'))
  site.answer(
    '/merged//a',
    'HTTP/1.1 301 \r\nLocation: /merged/a\r\nContent-Length: 0\r\nCache-Control: max-age=60\r\n\r\n',
  )
  for (const target of ['/merged//a', '/merged/a', '//merged///a', '/merged//%61']) {
    const answer = await site.get(target)
    assert.deepEqual([answer.status, answer.body.toString()], [200, 'page'], target)
  }
  assert.equal(site.asked('/merged/a').length, 1)
})

test('a prefix is stripped from the common spelling', async () => {
  echoTargets('/x/y')
  assert.deepEqual(await bodiesOf(['//moved/x//%79', '/moved/x/y']), ['/x/y', '/x/y'])
  assert.equal(site.asked('/x/y').length, 1)
})

test('requests that are passed on are in the common spelling too, since they may fill, update or invalidate', async () => {
  echoTargets('/normal/~p')
  assert.equal((await site.get('/normal/%7ep', [], 'POST')).body.toString(), '/normal/~p')
  assert.equal((await site.get('/normal/~p')).body.toString(), '/normal/~p')
  assert.equal((await site.get('/normal/%7Ep', [], 'PUT')).body.toString(), '/normal/~p')
  assert.equal(isHit(await site.get('/normal/~p')), false)
})

test('without "path", spellings are different resources', async () => {
  echoTargets('/plain/%7e', '/plain/~')
  assert.deepEqual(await bodiesOf(['/plain/%7e', '/plain/~']), ['/plain/%7e', '/plain/~'])
})

test('"vary accept-encoding": a variant for each coding offered, and the origin is asked for that coding', async () => {
  site.answer('/offered/a', ({ fields }) =>
    ok(fields.get('accept-encoding') ?? 'none', 'Vary: Accept-Encoding', 'Cache-Control: max-age=60'),
  )
  const wanted: [field: string[], coding: string][] = [
    [['Accept-Encoding: gzip, deflate, br, zstd'], 'br'],
    [['Accept-Encoding: br;q=0.9, gzip;q=0.8'], 'br'],
    [['Accept-Encoding: gzip'], 'gzip'],
    [['Accept-Encoding: br;q=0', 'Accept-Encoding: x-gzip'], 'gzip'],
    [['Accept-Encoding: deflate'], 'none'],
    [[], 'none'],
    [['Accept-Encoding: zstd, *;q=0'], 'none'],
  ]
  for (const [fields, coding] of wanted) {
    assert.equal((await site.get('/offered/a', fields)).body.toString(), coding, fields.join())
  }
  assert.equal(site.asked('/offered/a').length, 3)
})

test('"vary accept-language": a variant for each language offered, found by look-up', async () => {
  site.answer('/offered/l', ({ fields }) =>
    ok(fields.get('accept-language') ?? 'none', 'Vary: Accept-Language', 'Cache-Control: max-age=60'),
  )
  for (const [value, language] of [
    ['de-AT, en;q=0.5', 'de'],
    ['fr, DE;q=0.4, en;q=0.1', 'de'],
    ['en-GB,en;q=0.9', 'en'],
    ['fr', 'none'],
    ['*', 'none'],
  ] as const) {
    const answer = await site.get('/offered/l', [`Accept-Language: ${value}`])
    assert.equal(answer.body.toString(), language, value)
  }
  assert.equal(site.asked('/offered/l').length, 3)
})

test('a HEAD updates the variant that is stored, since the origin is asked for the same coding', async () => {
  site.answer('/offered/h', ({ fields, method }) => {
    const coding = fields.get('accept-encoding') ?? 'none'
    const more = ['Vary: Accept-Encoding', 'Cache-Control: max-age=60', `ETag: "${coding}"`]
    if (method === 'GET') return ok(coding, ...more)
    return ['HTTP/1.1 200 OK', 'Content-Length: 2', 'X-Updated: yes', ...more, '', ''].join('\r\n')
  })
  const both = ['Accept-Encoding: gzip, br']
  assert.equal((await site.get('/offered/h', both)).body.toString(), 'br')
  await site.get('/offered/h', [...both, 'Cache-Control: no-cache'], 'HEAD')
  const hit = await site.get('/offered/h', ['Accept-Encoding: br'])
  assert.deepEqual([hit.body.toString(), isHit(hit), hit.fields.get('x-updated')], ['br', true, 'yes'])
})

test('a response that does not vary is one object, whatever is offered', async () => {
  site.answer('/offered/plain', ok('x', 'Cache-Control: max-age=60'))
  for (const coding of ['br', 'gzip', 'deflate']) await site.get('/offered/plain', [`Accept-Encoding: ${coding}`])
  assert.equal(site.asked('/offered/plain').length, 1)
})

test('request edits come first: the choice is made of what they leave, and classes of what was received', async () => {
  site.answer('/edited/a', ({ fields }) =>
    ok(
      `${fields.get('accept-encoding')} ${fields.get('user-agent')}`,
      'Vary: Accept-Encoding',
      'Cache-Control: max-age=60',
    ),
  )
  for (const agent of ['a Phone', 'a Phone', 'desk']) {
    const fields = ['Accept-Encoding: br', `User-Agent: ${agent}`]
    assert.equal((await site.get('/edited/a', fields)).body.toString(), 'gzip undefined')
  }
  assert.equal(site.asked('/edited/a').length, 2)
})

test('"class": clients of each class, of both and of none have objects of their own', async () => {
  site.answer('/classes/a', ({ fields }) => ok(fields.get('user-agent') ?? 'none', 'Cache-Control: max-age=60'))
  const seen: string[] = []
  for (const agent of [
    'x Phone 1',
    'x Tablet 1',
    'Phone Tablet',
    'desk',
    'Phone 2',
    'Tablet 2',
    'Tablet Phone',
    'fox',
  ]) {
    seen.push((await site.get('/classes/a', [`User-Agent: ${agent}`])).body.toString())
  }
  assert.deepEqual(seen.slice(4), seen.slice(0, 4))
  assert.equal(site.asked('/classes/a').length, 4)
  assert.equal(isHit(await site.get('/classes/a')), true)
})
