import assert from 'node:assert/strict'
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { removePidFile, writePidFile } from '../../../src/daemon/pid-file.ts'
import { tempDir } from '../../support/temp.ts'

test('names this process, and only ours is removed', () => {
  const path = join(tempDir(), 'pid')
  writePidFile(path)
  assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`)
  removePidFile(path)
  assert.equal(existsSync(path), false)
  writeFileSync(path, '1\n')
  removePidFile(path)
  assert.equal(existsSync(path), true)
})

test('a file of a living process is left alone, anything else is replaced', () => {
  const path = join(tempDir(), 'pid')
  writeFileSync(path, `${process.ppid}\n`)
  assert.throws(() => writePidFile(path), new RegExp(`names process ${process.ppid}, which is running`))
  for (const stale of ['4194305\n', 'nonsense', '']) {
    writeFileSync(path, stale)
    writePidFile(path)
    assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`)
  }
})

test('what a link points to is not overwritten', () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'precious'), 'keep')
  symlinkSync('precious', join(dir, 'pid'))
  writePidFile(join(dir, 'pid'))
  assert.equal(readFileSync(join(dir, 'precious'), 'utf8'), 'keep')
})

test('a folder that does not exist is named', () => {
  const path = join(tempDir(), 'none', 'pid')
  assert.throws(() => writePidFile(path), /cannot write pid file ".*": no such file or folder \(ENOENT\)/)
})
