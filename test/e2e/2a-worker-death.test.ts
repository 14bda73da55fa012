/** What the death of a worker costs those whose requests waited for its fetch: nothing. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ok } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { gate, startSite, WORKER_FIELD, workerOf } from './caching-site.ts'

const HOOK = fileURLToPath(new URL('./daemon-crash-hook.ts', import.meta.url))

test('those who waited for the fetch of a worker that dies are answered by another fetch', async () => {
  const site = await startSite({
    workers: 2,
    site: WORKER_FIELD,
    daemon: { nodeArgs: ['--import', HOOK], env: { CRASH_FILE: '%dir%/crash' } },
  })
  const held = gate()
  let asked = 0
  site.answer('/a', async () => {
    asked++
    if (asked === 1) await held.opened
    return ok('hello', 'Cache-Control: max-age=60')
  })
  const [dying, living] = await site.connectToEach(2)
  const number = workerOf(await dying!.get('/which-worker'))
  const lost = dying!.get('/a')
  await waitFor('the fetch', () => asked === 1)
  const saved = living!.get('/a')
  writeFileSync(join(site.shellac.dir, 'crash'), number)
  await assert.rejects(lost, /closed/)
  assert.equal((await saved).body.toString(), 'hello')
  assert.equal(asked, 2)
  held.open()
})
