import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fingerprint, newestChangeMs, planWatch } from '../../../src/daemon/config-files.ts'
import { tempDir } from '../../support/temp.ts'

test('every link on the way is watched where it lies', () => {
  const dir = tempDir()
  mkdirSync(join(dir, 'v1'))
  writeFileSync(join(dir, 'v1', 'a.conf'), '')
  symlinkSync('v1', join(dir, 'data'))
  symlinkSync(join('data', 'a.conf'), join(dir, 'a.conf'))
  const plan = planWatch([join(dir, 'a.conf'), join(dir, 'v1')])
  assert.deepEqual([...plan.folders].sort(), [dir, join(dir, 'v1')])
  assert.deepEqual([...plan.entries].sort(), [join(dir, 'a.conf'), join(dir, 'data'), join(dir, 'v1', 'a.conf')])
  assert.deepEqual([...plan.wholeFolders], [join(dir, 'v1')])
})

test('links in a circle, files where folders should be: no error, no end', () => {
  const dir = tempDir()
  symlinkSync('b', join(dir, 'a'))
  symlinkSync('a', join(dir, 'b'))
  writeFileSync(join(dir, 'file'), '')
  const paths = [join(dir, 'a'), join(dir, 'file', 'below'), join(dir, 'none', 'below')]
  assert.doesNotThrow(() => planWatch(paths))
  assert.equal(fingerprint(paths), fingerprint(paths))
  assert.doesNotThrow(() => newestChangeMs(paths))
})
