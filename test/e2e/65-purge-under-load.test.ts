/** Once a purge has returned, no worker answers with the old response as fresh: under load, and whatever else happens. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { statusOf } from '../support/admin.ts'
import { wrk } from '../support/programs.ts'
import type { ScriptedClient } from '../support/scripted-client.ts'
import { ok } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { gate, isHit, startSite, WORKER_FIELD } from './caching-site.ts'

const HOOK = fileURLToPath(new URL('./daemon-crash-hook.ts', import.meta.url))
const OPS = ['X-Ops: 1']
const ROUNDS = 15
const site = await startSite({
  workers: 2,
  cache: 'purge { allow @ops; }',
  site: WORKER_FIELD,
  more: 'match @ops { header X-Ops present; }',
  daemon: { nodeArgs: ['--import', HOOK], env: { CRASH_FILE: '%dir%/crash' } },
})
const clients = await site.connectToEach(2)

/** The origin answers with this number, and caches may keep it for long. */
let version = 0
site.answer('/page', () => ok(`${version}`, 'Cache-Control: max-age=600', 'Cache-Tag: page', 'ETag: "x"'))

async function versionAt(client: ScriptedClient): Promise<number> {
  return Number.parseInt((await client.get('/page')).body.toString(), 10)
}

const kinds: [name: string, method: string, target: string, fields: string[]][] = [
  ['a URL', 'PURGE', '/page', []],
  ['a tag', 'PURGEKEY', '/', ['Cache-Tag: page']],
  ['a prefix', 'PURGE', '/pa', ['Purge-Scope: prefix']],
  ['everything', 'PURGE', '/', ['Purge-Scope: all']],
]

test('a purge by any worker is seen by every request that begins after it, under load', async () => {
  const load = wrk(site.shellac.url('/page'), { connections: 16, seconds: 4, extra: ['-H', 'Host: test.example'] })
  await waitFor('the load', async () => (await statusOf(site.shellac)).connections >= 16)
  for (const [name, method, target, fields] of kinds) {
    for (let round = 0; round < ROUNDS; round++) {
      const mode = round % 3 === 0 ? 'soft' : 'hard'
      version++
      const purged = await clients[round % 2]!.get(target, [...OPS, ...fields, `Purge-Mode: ${mode}`], method)
      assert.equal(purged.status, 200)
      for (const client of [...clients, ...clients]) {
        assert.equal(await versionAt(client), version, `${name}, ${mode}, round ${round}`)
      }
    }
  }
  const report = await load
  assert.equal(report.non2xx, 0)
})

for (const [mode, before] of [
  ['soft', 'before its head has come'],
  ['hard', 'before its head has come'],
  ['hard', 'while its body comes'],
] as const) {
  test(`a fetch that runs during a ${mode} purge, ${before}, answers those who asked before, and nobody later`, async () => {
    const path = `/running/${mode}/${before.replaceAll(' ', '-')}`
    const held = gate()
    let asked = 0
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nCache-Control: max-age=600\r\n\r\n'
    site.answer(path, async (_, peer) => {
      asked++
      if (asked > 1) return ok('second', 'Cache-Control: max-age=600')
      if (before === 'while its body comes') peer.send(`${head}fir`)
      await held.opened
      return before === 'while its body comes' ? 'st!' : ok('first!', 'Cache-Control: max-age=600')
    })
    const [first, later] = [await site.connect(), clients[1]!]
    const old = first.get(path)
    await waitFor('the fetch', () => asked === 1)
    assert.equal((await site.get(path, [...OPS, `Purge-Mode: ${mode}`], 'PURGE')).status, 200)
    const young = later.get(path)
    assert.equal((await young).body.toString(), 'second', 'although the first fetch still runs')
    held.open()
    assert.equal((await old).body.toString(), 'first!')
    for (const client of clients) {
      const after = await client.get(path)
      assert.deepEqual([after.body.toString(), isHit(after)], ['second', true])
    }
    first.socket.destroy()
  })
}

test('purges go on, and are seen by all, when a worker dies between them', async () => {
  await versionAt(clients[0]!)
  version++
  await clients[0]!.get('/page', OPS, 'PURGE')
  writeFileSync(join(site.shellac.dir, 'crash'), '1')
  await site.shellac.waitForLog('worker replaced')
  const living = await site.connectToEach(2)
  for (const client of living) assert.equal(await versionAt(client), version)
  version++
  assert.equal((await living[0]!.get('/page', OPS, 'PURGE')).status, 200)
  for (const client of living) assert.equal(await versionAt(client), version)
})
