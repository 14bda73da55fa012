import assert from 'node:assert/strict'
import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DaemonLog } from '../../../src/log/daemon-log.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { tempDir } from '../../support/temp.ts'

interface Line {
  readonly level: string
  readonly msg: string
  readonly time: string
  readonly pid: number
  readonly worker?: number
  readonly text?: string
}

function readLines(path: string): Line[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

test('JSON lines with level, time and fields; the level filters and follows the plan', () => {
  const path = join(tempDir(), 'log')
  const log = new DaemonLog({ to: { kind: 'file', path }, level: 'warn' })
  onTestEnd(() => log.close())
  log.log('info', 'unheard')
  log.log('error', 'heard', { worker: 1, text: 'line\nend' })
  log.configure({ to: { kind: 'file', path }, level: 'debug' })
  log.log('debug', 'fine')
  const [heard, fine] = readLines(path)
  assert.deepEqual([heard!.level, heard!.msg, heard!.worker, heard!.text], ['error', 'heard', 1, 'line\nend'])
  assert.equal(heard!.pid, process.pid)
  assert.match(heard!.time, /^\d{4}-\d\d-\d\dT/)
  assert.equal(fine!.msg, 'fine')
})

test('moves to another file, and to a new one after a rotation', () => {
  const dir = tempDir()
  const log = new DaemonLog({ to: { kind: 'file', path: join(dir, 'a') }, level: 'info' })
  onTestEnd(() => log.close())
  log.log('info', 'one')
  log.configure({ to: { kind: 'file', path: join(dir, 'b') }, level: 'info' })
  log.log('info', 'two')
  renameSync(join(dir, 'b'), join(dir, 'b.1'))
  log.log('info', 'three')
  log.reopen()
  log.log('info', 'four')
  const words = (name: string) => readLines(join(dir, name)).map((line) => line.msg)
  assert.deepEqual(words('a'), ['one'])
  assert.deepEqual(words('b.1'), ['two', 'three'])
  assert.deepEqual(words('b'), ['four'])
})

test('a full disk and a missing folder do not throw', () => {
  for (const path of ['/dev/full', join(tempDir(), 'none', 'log')]) {
    const log = new DaemonLog({ to: { kind: 'file', path }, level: 'error' })
    onTestEnd(() => log.close())
    log.log('info', 'not logged')
    if (path === '/dev/full') for (let at = 0; at < 3; at++) log.log('error', 'lost')
  }
})
