import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogFile } from '../../../src/log/log-file.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { tempDir } from '../../support/temp.ts'

interface Report {
  readonly level: string
  readonly message: string
  readonly dropped: number
}

function openLog(path: string, now?: () => number): { log: LogFile; reports: Report[] } {
  const reports: Report[] = []
  const log = new LogFile(
    { kind: 'file', path },
    (level, message, { dropped }) => reports.push({ level, message, dropped }),
    now,
  )
  onTestEnd(() => log.close())
  return { log, reports }
}

test('lines arrive in order, in a file others cannot read', async () => {
  const path = join(tempDir(), 'log')
  const { log, reports } = openLog(path)
  for (let at = 0; at < 20_000; at++) log.write(`line ${at}\n`)
  await log.close()
  const expected = Array.from({ length: 20_000 }, (_, at) => `line ${at}\n`).join('')
  assert.equal(readFileSync(path, 'latin1'), expected)
  assert.equal(statSync(path).mode & 0o007, 0)
  assert.deepEqual(reports, [])
})

test('two writers append to one file', async () => {
  const path = join(tempDir(), 'log')
  const logs = [openLog(path).log, openLog(path).log]
  for (let at = 0; at < 100; at++) for (const log of logs) log.write(`line ${at}\n`)
  for (const log of logs) await log.close()
  assert.equal(readFileSync(path, 'latin1').split('\n').length, 201)
})

test('after a rotation a new file is made, even with nothing to write', async () => {
  const path = join(tempDir(), 'log')
  const { log } = openLog(path)
  log.write('before\n')
  await log.flush()
  renameSync(path, `${path}.1`)
  log.reopen()
  await log.flush()
  assert.ok(existsSync(path))
  log.write('after\n')
  await log.close()
  assert.equal(readFileSync(`${path}.1`, 'latin1'), 'before\n')
  assert.equal(readFileSync(path, 'latin1'), 'after\n')
})

test('a full disk drops lines, counts them, and is reported once a minute', async () => {
  let nowMs = 0
  const { log, reports } = openLog('/dev/full', () => nowMs)
  for (const minute of [0, 0, 1]) {
    nowMs = minute * 60_000
    log.write('one\n')
    log.write('two\n')
    await log.flush()
  }
  assert.equal(log.dropped, 6)
  assert.equal(reports.length, 2)
  assert.deepEqual(reports[0], {
    level: 'error',
    message:
      'cannot write the access log "/dev/full": no space left on the device (ENOSPC); lines are dropped until it can be written',
    dropped: 2,
  })
})

test('a folder that comes back is written again, and that is said', async () => {
  const dir = join(tempDir(), 'logs')
  const path = join(dir, 'log')
  const { log, reports } = openLog(path)
  log.write('lost\n')
  await log.flush()
  mkdirSync(dir)
  log.write('kept\n')
  await log.flush()
  assert.equal(readFileSync(path, 'latin1'), 'kept\n')
  assert.equal(log.dropped, 1)
  assert.deepEqual(
    reports.map(({ level }) => level),
    ['error', 'info'],
  )
  assert.match(reports[0]!.message, /no such file or folder \(ENOENT\)/)
})

test('memory is bounded while nothing can be written', async () => {
  const { log } = openLog(join(tempDir(), 'log'))
  const line = `${'x'.repeat(1023)}\n`
  for (let at = 0; at < 6000; at++) log.write(line)
  assert.ok(log.dropped >= 6000 - 4096, `${log.dropped} dropped`)
  await log.flush()
})

test('the last lines of a dying thread are written at once', async () => {
  const path = join(tempDir(), 'log')
  const { log } = openLog(path)
  await log.flush()
  log.write('last\n')
  log.flushSync()
  assert.equal(readFileSync(path, 'latin1'), 'last\n')
})
