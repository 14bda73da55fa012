import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AccessLog, type AccessLogOptions } from '../../../src/log/access-log.ts'
import type { AccessRecord } from '../../../src/log/access-record.ts'
import type { AccessLogPlan } from '../../../src/plan/plan.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { tempDir } from '../../support/temp.ts'

const record: AccessRecord = {
  timeMs: 1500.7,
  clientAddress: '192.0.2.1',
  method: 'GET',
  scheme: 'http',
  host: 'a',
  uri: '/',
  protocol: 'HTTP/1.1',
  status: 200,
  bytesSent: 1,
  durationMs: 1,
  cacheStatus: 'hit',
  reason: 'none',
  routeId: 'r',
  backend: '',
  server: '',
  requestId: undefined,
  userAgent: undefined,
  referer: undefined,
}

function plan(path: string, changes: Partial<AccessLogPlan> = {}): AccessLogPlan {
  return { to: { kind: 'file', path }, format: 'json', sample: 1, when: undefined, ...changes }
}

function openLog(first: AccessLogPlan | undefined, options: Partial<AccessLogOptions> = {}): AccessLog {
  const log = new AccessLog(first, { problem: () => {}, ...options })
  onTestEnd(() => log.close())
  return log
}

test('without a plan it is off and takes no line', () => {
  const log = openLog(undefined)
  assert.equal(log.enabled, false)
  log.write(record)
})

test('follows the plan: on, another format, another file, off', async () => {
  const dir = tempDir()
  const log = openLog(undefined)
  log.configure(plan(join(dir, 'a')))
  assert.equal(log.enabled, true)
  log.write(record)
  log.configure(plan(join(dir, 'a'), { format: 'combined' }))
  log.write(record)
  await log.flush()
  const [json, combined] = readFileSync(join(dir, 'a'), 'latin1').split('\n')
  assert.equal(JSON.parse(json!).time, '1970-01-01T00:00:01.500Z')
  assert.match(combined!, /^192\.0\.2\.1 - - \[01\/Jan\/1970:00:00:01 \+0000\]/)
  log.configure(plan(join(dir, 'b')))
  log.write(record)
  await log.flush()
  assert.equal(readFileSync(join(dir, 'b'), 'latin1').split('\n').length, 2)
  log.configure(undefined)
  assert.equal(log.enabled, false)
})

test('a sample takes its share', async () => {
  const path = join(tempDir(), 'a')
  const draws = [0.05, 0.5, 0.09, 0.1]
  let at = 0
  const log = openLog(plan(path, { sample: 0.1 }), { random: () => draws[at++]! })
  for (const _ of draws) log.write(record)
  await log.flush()
  assert.equal(readFileSync(path, 'latin1').split('\n').length, 3)
})

test('lost lines are told to who counts them', async () => {
  let lost = 0
  const log = openLog(plan('/dev/full'), {
    dropped: (lines) => {
      lost += lines
    },
  })
  log.write(record)
  await log.flush()
  log.write(record)
  assert.equal(lost, 1)
})
