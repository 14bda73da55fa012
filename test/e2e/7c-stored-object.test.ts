/** The admin command `object`: what a cache holds under a key, now. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askDaemon } from '../../src/admin/client.ts'
import { objectAt } from '../support/admin.ts'
import { ok } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { isHit, startSite } from './caching-site.ts'

const site = await startSite({ workers: 2, cache: 'tags { from Surrogate-Key; }' })

function keyOf(path: string): string {
  return `http|test.example|${path}`
}

test('a stored answer is told with its fields, times, sizes and hits of all workers', async () => {
  site.answer('/a', () => ok('0123456789', 'Cache-Control: max-age=60, stale-while-revalidate=5', 'Age: 10', 'X-A: b'))
  for (const hit of [false, true, true, true]) assert.equal(isHit(await site.get('/a')), hit)
  const { v, state, tier, object, variants } = await waitFor('three hits', async () => {
    const report = await objectAt(site.shellac, 'main', keyOf('/a'))
    return (report.object?.hits ?? 0) >= 3 && report
  })
  assert.deepEqual([v, state, tier, variants], [1, 'complete', 'memory', null])
  assert.ok(object !== null)
  assert.deepEqual([object.status, object.bodyBytes, object.hits, object.softPurged], [200, 10, 3, false])
  assert.deepEqual([object.lifetimeSec, object.staleWhileRevalidateSec], [60, 5])
  assert.ok(object.ageSec >= 10 && object.remainingSec <= 50 && object.remainingSec > 0)
  assert.ok(object.fields.join('\n').includes('X-A\nb'))
  assert.ok(object.spaceBytes >= 10)
})

test('looking leaves no trace: it is no hit and starts no fetch', async () => {
  assert.equal((await objectAt(site.shellac, 'main', keyOf('/never'))).state, 'absent')
  assert.equal(site.asked('/never').length, 0)
})

test('what could not be stored is told as hit-for-miss, with the reason', async () => {
  site.answer('/no', () => ok('x', 'Cache-Control: no-store'))
  await site.get('/no')
  const { state, reason } = await objectAt(site.shellac, 'main', keyOf('/no'))
  assert.deepEqual([state, reason], ['hit-for-miss', 'response-no-store'])
})

test('variants are listed with what selects them and their own hits', async () => {
  site.answer('/v', ({ fields }) => ok(`for ${fields.get('x-color')}`, 'Cache-Control: max-age=60', 'Vary: X-Color'))
  for (const color of ['red', 'blue', 'red']) await site.get('/v', [`X-Color: ${color}`])
  // A hit is counted behind its answer, which may be here before it.
  const { state, object, variants } = await waitFor('the hit', async () => {
    const report = await objectAt(site.shellac, 'main', keyOf('/v'))
    return report.variants?.list.some((one) => one.object.hits > 0) && report
  })
  assert.deepEqual([state, object, variants?.names, variants?.isCut], ['varies', null, ['x-color'], false])
  const told = variants!.list.map((one) => [one.key.replace(/ [0-9]+:/, ' '), one.object.hits, one.object.bodyBytes])
  assert.deepEqual(told.sort(), [
    [`${keyOf('/v')} x-color=blue`, 0, 8],
    [`${keyOf('/v')} x-color=red`, 1, 7],
  ])
})

test('a purge is told at once, without a look-up that meets it first', async () => {
  const tagged = (path: string, tag: string) =>
    site.answer(path, () => ok('x', 'Cache-Control: max-age=60', `Surrogate-Key: ${tag} other`))
  tagged('/soft', 'mild')
  tagged('/hard', 'strict')
  for (const path of ['/soft', '/hard']) await site.get(path)
  assert.deepEqual((await objectAt(site.shellac, 'main', keyOf('/soft'))).object?.tags, ['mild', 'other'])
  await site.shellac.command('purge', '--tag', 'mild')
  await site.shellac.command('purge', '--hard', '--tag', 'strict')
  const soft = await objectAt(site.shellac, 'main', keyOf('/soft'))
  assert.deepEqual([soft.state, soft.object?.softPurged], ['complete', true])
  const hard = await objectAt(site.shellac, 'main', keyOf('/hard'))
  assert.deepEqual([hard.state, hard.object], ['absent', null])
})

test('questions that make no sense are refused by code', async () => {
  const codeOf = async (given: Readonly<Record<string, unknown>>) => {
    const answer = await askDaemon(site.shellac.adminSocket, 'object', given, 5000)
    return answer.ok ? 'ok' : answer.error.code
  }
  assert.equal(await codeOf({ cache: 'none', key: 'x' }), 'unknown-cache')
  assert.equal(await codeOf({ cache: 'main' }), 'bad-request')
  assert.equal(await codeOf({ cache: 'main', key: 7 }), 'bad-request')
})
