/** `shellac purge`, and what becomes of purges in the daemon: across reloads, and when the sweep has applied them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { askDaemon } from '../../src/admin/client.ts'
import type { AdminAnswer } from '../../src/admin/protocol.ts'
import { EXIT_FAILED, EXIT_OK } from '../../src/daemon/exit-codes.ts'
import type { PurgeArguments } from '../../src/daemon/purge-command.ts'
import { objectAt, statusOf } from '../support/admin.ts'
import { ok } from '../support/scripted-origin.ts'
import { DEADLINE_MS, waitFor } from '../support/wait.ts'
import { gate, isHit, startSite } from './caching-site.ts'

const site = await startSite({
  workers: 2,
  cache: 'purge { allow @nobody; }',
  more: 'match @nobody { source 192.0.2.1; }',
})
const { shellac } = site

/** Stores `old` for a path of its own; from then on the origin answers `new`. */
async function keep(path: string, ...fields: string[]): Promise<void> {
  site.answer(path, ok('old', 'Cache-Control: max-age=600', ...fields))
  assert.equal(await bodyOf(path), 'old')
  assert.equal(isHit(await site.get(path)), true)
  site.answer(path, ok('new', 'Cache-Control: max-age=600', ...fields))
}

async function bodyOf(path: string): Promise<string> {
  return (await site.get(path)).body.toString()
}

/** As `shellac purge` asks the daemon, without a process for it. */
async function purge(
  scope: PurgeArguments['scope'],
  targets: readonly string[],
  rest: object = {},
): Promise<AdminAnswer> {
  return askDaemon(shellac.adminSocket, 'purge', { scope, targets, ...rest }, DEADLINE_MS)
}

const clients = await Promise.all([site.connect(), site.connect(), site.connect(), site.connect()])
const commands: [args: string[], says: RegExp][] = [
  [['http://test.example/page/0'], /^cache "main": purged 1 URL \(soft\)\n$/],
  [['--hard', '--prefix', '/page/1', '/x'], /2 prefixes \(hard\)/],
  [['--glob', '--cache', 'main', 'http://*.example/**2'], /1 glob \(soft\)/],
  [['--tag', 'news', 'sport'], /2 tags \(soft\)/],
  [['--all', '--hard'], /everything \(hard\)/],
]

for (const [at, [args, says]] of commands.entries()) {
  test(`shellac purge ${args.join(' ')}: seen by every worker when the command has ended`, async () => {
    const path = `/page/${at}`
    await keep(path, 'Surrogate-Key: news')
    for (const client of clients) assert.equal((await client.get(path)).body.toString(), 'old')
    const { code, stdout, stderr } = await shellac.command('purge', ...args)
    assert.equal(code, EXIT_OK, stderr)
    assert.match(stdout, says)
    for (const client of clients) assert.equal((await client.get(path)).body.toString(), 'new')
  })
}

test('a purge leaves alone what it does not name', async () => {
  await keep('/kept')
  await purge('url', ['http://other.example/kept', 'http://test.example/kept/'])
  await purge('tag', ['kept'])
  assert.equal(await bodyOf('/kept'), 'old')
})

test('with --json it says what it did for programs', async () => {
  const { stdout } = await shellac.command('purge', '--json', '--tag', 'x')
  assert.deepEqual(JSON.parse(stdout), { scope: 'tag', caches: [{ name: 'main', mode: 'soft' }] })
})

test('what cannot be purged is refused with a reason, and nothing is', async () => {
  await keep('/refused')
  const wrong: [scope: PurgeArguments['scope'], targets: string[], rest: object, code: string, says: RegExp][] = [
    ['url', ['/refused'], {}, 'bad-url', /"\/refused" is no URL; write it as http:\/\/HOST\/PATH/],
    ['prefix', ['refused'], {}, 'bad-url', /"refused" is no pattern/],
    ['all', [], { cache: 'mian' }, 'no-cache', /there is no cache "mian"; there is "main"/],
    ['all', ['http://test.example/refused'], {}, 'bad-request', /all is all/],
    ['tag', [], {}, 'bad-request', /nothing to purge/],
    ['glob', [`/${'x'.repeat(2000)}`], {}, 'bad-request', /a glob has at most 1024 letters/],
    ['url', ['http://test.example/refused', '/refused'], {}, 'bad-url', /is no URL/],
    ['all', [], { mode: 'gentle' }, 'bad-request', /"mode" is/],
  ]
  for (const [scope, targets, rest, code, says] of wrong) {
    const answer = await purge(scope, targets, rest)
    assert.ok(!answer.ok)
    assert.equal(answer.error.code, code)
    assert.match(answer.error.message, says)
  }
  const { code, stderr } = await shellac.command('purge', '/refused')
  assert.deepEqual([code, /is no URL/.test(stderr)], [EXIT_FAILED, true])
  assert.equal(await bodyOf('/refused'), 'old')
})

test('what is stored is told with its tags, and as purged before anybody has asked for it', async () => {
  await keep('/told', 'Surrogate-Key: told me')
  const report = async () => {
    const { state, object } = await objectAt(shellac, 'main', 'http|test.example|/told')
    return [state, object?.softPurged, object?.tags]
  }
  assert.deepEqual(await report(), ['complete', false, ['told', 'me']])
  await purge('tag', ['told'])
  assert.deepEqual(await report(), ['complete', true, ['told', 'me']])
  await purge('tag', ['me'], { mode: 'hard' })
  assert.deepEqual(await report(), ['absent', undefined, undefined])
})

test('a purge outlives a reload, as what it purged does', async () => {
  await keep('/reloaded', 'Cache-Tag: reloaded')
  await keep('/stays')
  await purge('tag', ['reloaded'])
  await shellac.reload(readFileSync(shellac.configFile!, 'utf8').replace('tier memory', 'grace 0s; tier memory'))
  assert.deepEqual([await bodyOf('/reloaded'), await bodyOf('/stays')], ['new', 'old'])
})

test('more purges than there is room for are told in the log, and none is lost', async () => {
  await keep('/first', 'Cache-Tag: first')
  // A fetch that runs keeps sweeps from making room meanwhile.
  const held = gate()
  site.answer('/held', async () => {
    await held.opened
    return ok('x')
  })
  const running = site.get('/held')
  await waitFor('the fetch', () => site.asked('/held').length === 1)
  await purge('tag', ['first'])
  for (let round = 0; round < 12; round++) {
    await purge(
      'tag',
      Array.from({ length: 999 }, (_, n) => `flood-${round}-${n}`),
    )
  }
  assert.equal(await bodyOf('/first'), 'new')
  const { cache } = await shellac.waitForLog(/^purges come faster/)
  assert.equal(cache, 'main')
  held.open()
  await running
})

test('what was purged hard gives its room back although nobody asks for it', async () => {
  for (let n = 0; n < 50; n++) {
    site.answer(`/room/${n}`, ok('x'.repeat(1000), 'Cache-Control: max-age=600', 'Cache-Tag: room'))
    await site.get(`/room/${n}`)
  }
  await keep('/unswept')
  const before = (await statusOf(shellac)).caches[0]!
  await purge('tag', ['room'], { mode: 'hard' })
  const after = await waitFor('the sweep', async () => {
    const cache = (await statusOf(shellac)).caches[0]!
    return cache.tier.objects <= before.tier.objects - 50 ? cache : undefined
  })
  assert.ok(after.tier.usedBytes < before.tier.usedBytes)
  assert.equal(await bodyOf('/unswept'), 'old')
})

test('bans are gone from the list once they are applied, and hold all the same', async () => {
  await keep('/banned/a')
  const globs = Array.from({ length: 40 }, (_, n) => `/banned/${n}/**`)
  await purge('glob', globs)
  await purge('prefix', ['/banned/'])
  await waitFor('the sweep', async () => (await statusOf(shellac)).caches[0]!.purges.bans === 0)
  assert.equal(await bodyOf('/banned/a'), 'new')
})
