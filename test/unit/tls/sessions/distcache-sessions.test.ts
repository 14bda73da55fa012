/** Session servers as the place of sessions: the first that lives is asked, and nobody is kept waiting. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RemoteSessions, SessionOutcome } from '../../../../src/distcache/remote-sessions.ts'
import type { ListenAddress } from '../../../../src/plan/plan.ts'
import { DistcacheSessions, distcacheTarget } from '../../../../src/tls/sessions/distcache-sessions.ts'
import { onTestEnd } from '../../../support/cleanup.ts'
import { startDistcacheServer } from '../../../support/distcache.ts'
import { freePort } from '../../../support/ports.ts'
import { scriptedSessions } from '../../../support/scripted-sessions.ts'

const at = (port: number): ListenAddress => ({ kind: 'tcp', host: '127.0.0.1', port })
const id = Buffer.from('the id of a session')
const data = Buffer.from('the session')
const LIFE_MS = 60_000

function open(servers: readonly ListenAddress[], waitMs: number): DistcacheSessions {
  const sessions = new DistcacheSessions(servers, waitMs)
  onTestEnd(() => sessions.close())
  return sessions
}

type Ended = readonly [outcome: number, data: string]

function ask(begin: (sink: Parameters<RemoteSessions['get']>[1]) => void): Promise<Ended> {
  return new Promise((resolve) => begin({ onSession: (outcome, found) => resolve([outcome, found.toString()]) }))
}
const add = (sessions: RemoteSessions): Promise<Ended> => ask((sink) => sessions.add(id, data, LIFE_MS, sink))
const get = (sessions: RemoteSessions): Promise<Ended> => ask((sink) => sessions.get(id, sink))
const remove = (sessions: RemoteSessions): Promise<Ended> => ask((sink) => sessions.remove(id, sink))
const have = (sessions: RemoteSessions): Promise<Ended> => ask((sink) => sessions.have(id, sink))

test('sessions are stored, found, seen and removed', async () => {
  const { server } = await startDistcacheServer()
  const sessions = open([at(server.port)], 10_000)
  assert.deepEqual(await get(sessions), [SessionOutcome.absent, ''])
  assert.deepEqual(await add(sessions), [SessionOutcome.done, ''])
  assert.deepEqual(await add(sessions), [SessionOutcome.present, ''])
  assert.deepEqual(await get(sessions), [SessionOutcome.done, 'the session'])
  assert.deepEqual(await have(sessions), [SessionOutcome.done, ''])
  assert.deepEqual(await remove(sessions), [SessionOutcome.done, ''])
  assert.deepEqual(await remove(sessions), [SessionOutcome.absent, ''])
})

test('where nobody listens the answer is a failure, and the next server is asked', async () => {
  const nobody = at(await freePort())
  const alone = open([nobody], 10_000)
  for (let time = 0; time < 3; time++) assert.deepEqual(await get(alone), [SessionOutcome.failed, ''])
  const { server } = await startDistcacheServer()
  const both = open([nobody, at(server.port)], 10_000)
  assert.deepEqual(await add(both), [SessionOutcome.failed, ''], 'it is not known yet')
  assert.deepEqual(await add(both), [SessionOutcome.done, ''])
  assert.deepEqual(await get(both), [SessionOutcome.done, 'the session'])
})

test('a server that says nothing is a failure in time, and is passed over', async () => {
  const silent = await scriptedSessions()
  const { server } = await startDistcacheServer()
  const sessions = open([{ kind: 'unix', path: silent.path, mode: 0o600 }, at(server.port)], 20)
  let last: Ended = [SessionOutcome.failed, '']
  for (let time = 0; time < 200 && last[0] === SessionOutcome.failed; time++) last = await get(sessions)
  assert.deepEqual(last, [SessionOutcome.absent, ''], 'the other one knows nothing of it')
})

test('nobody is told before the call has returned', async () => {
  const sessions = open([at(await freePort())], 10_000)
  await get(sessions)
  let hasReturned = false
  const told = new Promise<boolean>((resolve) => sessions.get(id, { onSession: () => resolve(hasReturned) }))
  hasReturned = true
  assert.equal(await told, true)
})

test('addresses of the Plan are those of the library', () => {
  const target = (host: string) => distcacheTarget({ kind: 'tcp', host, port: 9001 })
  assert.deepEqual(target('10.0.0.9'), { kind: 'tcp', host: '10.0.0.9', port: 9001, family: 4 })
  assert.deepEqual(target('::1'), { kind: 'tcp', host: '::1', port: 9001, family: 6 })
  assert.deepEqual(distcacheTarget({ kind: 'unix', path: '/a', mode: 0o600 }), { kind: 'unix', path: '/a' })
})
