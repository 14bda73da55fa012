import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigWatch } from '../../../src/daemon/config-watch.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { tempDir } from '../../support/temp.ts'
import { waitFor } from '../../support/wait.ts'

const DEBOUNCE_MS = 30
/** What was written before the watch began, in a test's time. */
const OLD_MS = 5000

/** A watch and the number of changes it has told of; after each, it follows the same files, as a reload does. */
async function watchFiles(...files: string[]): Promise<{ changes: number }> {
  const seen = { changes: 0 }
  const watch = new ConfigWatch({
    onChange: () => {
      seen.changes++
      void watch.follow(files, Date.now() + OLD_MS, DEBOUNCE_MS)
    },
    onError: (error) => assert.fail(String(error)),
  })
  onTestEnd(() => watch.close())
  await watch.follow(files, Date.now() + OLD_MS, DEBOUNCE_MS)
  await sleep(3 * DEBOUNCE_MS)
  assert.equal(seen.changes, 0)
  return seen
}

function waitForChange(seen: { changes: number }, count: number): Promise<unknown> {
  return waitFor(`change ${count}`, () => seen.changes >= count)
}

test('a file saved in place', async () => {
  const file = join(tempDir(), 'a.conf')
  writeFileSync(file, '1')
  const seen = await watchFiles(file)
  writeFileSync(file, '2')
  await waitForChange(seen, 1)
  writeFileSync(file, '3')
  await waitForChange(seen, 2)
})

test('a file replaced by a rename, again and again', async () => {
  const file = join(tempDir(), 'a.conf')
  writeFileSync(file, '0')
  const seen = await watchFiles(file)
  for (let round = 1; round <= 3; round++) {
    writeFileSync(`${file}~`, String(round))
    renameSync(`${file}~`, file)
    await waitForChange(seen, round)
  }
})

test('Kubernetes: a link to a link to a folder that is swapped', async () => {
  const dir = tempDir()
  for (const version of ['1', '2', '3']) {
    mkdirSync(join(dir, `..${version}`))
    writeFileSync(join(dir, `..${version}`, 'shellac.conf'), version)
  }
  symlinkSync('..1', join(dir, '..data'))
  symlinkSync('..data/shellac.conf', join(dir, 'shellac.conf'))
  const seen = await watchFiles(join(dir, 'shellac.conf'))
  for (const [at, version] of ['2', '3'].entries()) {
    symlinkSync(`..${version}`, join(dir, '..data_tmp'))
    renameSync(join(dir, '..data_tmp'), join(dir, '..data'))
    await waitForChange(seen, at + 1)
  }
})

test('a deployment: a folder above the file is a link that is swapped', async () => {
  const dir = tempDir()
  for (const version of ['1', '2']) {
    mkdirSync(join(dir, version, 'etc'), { recursive: true })
    writeFileSync(join(dir, version, 'etc', 'a.conf'), version)
  }
  symlinkSync('1', join(dir, 'current'))
  const seen = await watchFiles(join(dir, 'current', 'etc', 'a.conf'))
  symlinkSync('2', join(dir, 'next'))
  renameSync(join(dir, 'next'), join(dir, 'current'))
  await waitForChange(seen, 1)
})

test('the folder of an include: files that come and go', async () => {
  const dir = tempDir()
  const seen = await watchFiles(dir)
  writeFileSync(join(dir, 'new.conf'), '1')
  await waitForChange(seen, 1)
  rmSync(join(dir, 'new.conf'))
  await waitForChange(seen, 2)
})

test('a file that is not there yet, nor its folder', async () => {
  const file = join(tempDir(), 'later', 'a.conf')
  const seen = await watchFiles(file)
  mkdirSync(join(file, '..'))
  writeFileSync(file, '1')
  await waitForChange(seen, 1)
})

test('a touch, and a file beside it, are no change', async () => {
  const dir = tempDir()
  const file = join(dir, 'a.conf')
  writeFileSync(file, '1')
  const seen = await watchFiles(file)
  utimesSync(file, new Date(), new Date())
  writeFileSync(join(dir, '.a.conf.swp'), 'x')
  await sleep(6 * DEBOUNCE_MS)
  assert.equal(seen.changes, 0)
})

test('many saves in a row are few changes', async () => {
  const file = join(tempDir(), 'a.conf')
  writeFileSync(file, '1')
  const seen = await watchFiles(file)
  for (let at = 0; at < 20; at++) {
    writeFileSync(file, `text ${at}`)
    await sleep(2)
  }
  await waitForChange(seen, 1)
  await sleep(6 * DEBOUNCE_MS)
  // One, where saves come as fast as they are meant to; a machine that is busy elsewhere stretches them.
  assert.ok(seen.changes < 10, `${seen.changes} changes`)
})

test('a file saved while it was read is looked at again', async () => {
  const file = join(tempDir(), 'a.conf')
  const loadedAtMs = Date.now()
  writeFileSync(file, 'half')
  let changes = 0
  const watch = new ConfigWatch({ onChange: () => changes++, onError: (error) => assert.fail(String(error)) })
  onTestEnd(() => watch.close())
  await watch.follow([file], loadedAtMs, DEBOUNCE_MS)
  await waitFor('the second look', () => changes === 1)
})

test('a watch that is closed while it begins leaves nothing open', async () => {
  const watch = new ConfigWatch({ onChange: () => assert.fail(), onError: (error) => assert.fail(String(error)) })
  const following = watch.follow([join(tempDir(), 'a.conf')], 0, DEBOUNCE_MS)
  await watch.close()
  await following
})
