/** How many variants of one resource clients can make the cache store. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NEW_VARIANTS_PER_MINUTE } from '../../src/cache/variant-budget.ts'
import { ok } from '../support/scripted-origin.ts'
import { cacheStatus, isHit, startSite } from './caching-site.ts'

const site = await startSite()

test('past a hundred new variants in a minute a resource stores no more, and what it has goes on answering', async () => {
  site.answer('/flood', ({ fields }) => ok(fields.get('x-any') ?? '', 'Vary: X-Any', 'Cache-Control: max-age=60'))
  const client = await site.connect()
  for (let i = 0; i < NEW_VARIANTS_PER_MINUTE + 20; i++) {
    assert.equal((await client.get('/flood', [`X-Any: ${i}`])).body.toString(), String(i))
  }
  const stored = await client.get('/flood', ['X-Any: 0'])
  assert.deepEqual([stored.body.toString(), isHit(stored)], ['0', true])
  for (const round of [1, 2]) {
    const late = await client.get('/flood', ['X-Any: late'])
    assert.equal(late.body.toString(), 'late', `round ${round}`)
    assert.match(cacheStatus(late), /detail=too-many-variants$/)
  }
  assert.equal(isHit(await client.get('/flood', [`X-Any: ${NEW_VARIANTS_PER_MINUTE - 1}`])), true)
})

test('other resources are not touched by that', async () => {
  site.answer('/calm', ok('x', 'Vary: X-Any', 'Cache-Control: max-age=60'))
  await site.get('/calm', ['X-Any: 1'])
  assert.equal(isHit(await site.get('/calm', ['X-Any: 1'])), true)
})

test('a variant that is stored is renewed at any time', async () => {
  let version = 0
  site.answer('/renewed', () => ok(String(++version), 'Vary: X-Any', 'Cache-Control: max-age=60'))
  const client = await site.connect()
  for (let i = 0; i < NEW_VARIANTS_PER_MINUTE; i++) await client.get('/renewed', [`X-Any: ${i}`])
  const renewed = await client.get('/renewed', ['X-Any: 0', 'Cache-Control: no-cache'])
  assert.match(cacheStatus(renewed), /; stored; /)
  const hit = await client.get('/renewed', ['X-Any: 0'])
  assert.deepEqual([hit.body.toString(), isHit(hit)], [renewed.body.toString(), true])
})

test('the daemon warns of a setup that mixes answers up, and "class" cures it', async () => {
  const daemon = await startSite({
    site: `headers { request set X-Phone yes when @phone; }
      route phones { path /p; when @phone; add-prefix /phone; }`,
    more: 'match @phone { header User-Agent *Phone*; } ',
  })
  const check = await daemon.shellac.command('check')
  assert.equal(check.code, 0)
  assert.match(check.stdout + check.stderr, /routes "phones" and "all" ask the origin differently.*\[shared-key\]/)
  for (const path of ['/p', '/phone/p']) daemon.answer(path, ok(path, 'Cache-Control: max-age=60'))
  const phone = ['User-Agent: a Phone']
  assert.equal((await daemon.get('/p', phone)).body.toString(), '/phone/p')
  assert.equal((await daemon.get('/p')).body.toString(), '/phone/p') // what the warning is about

  const cured = await startSite({
    cache: 'key { class phone @phone; }',
    site: 'route phones { path /p; when @phone; add-prefix /phone; }',
    more: 'match @phone { header User-Agent *Phone*; }',
  })
  assert.doesNotMatch((await cured.shellac.command('check')).stdout, /warning/)
  for (const path of ['/p', '/phone/p']) cured.answer(path, ok(path, 'Cache-Control: max-age=60'))
  assert.equal((await cured.get('/p', phone)).body.toString(), '/phone/p')
  assert.equal((await cured.get('/p')).body.toString(), '/p')
})
