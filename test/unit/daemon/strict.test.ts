import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkWorld, type Resolve } from '../../../src/daemon/strict.ts'
import type { BackendPlan, Plan } from '../../../src/plan/plan.ts'
import { tempDir } from '../../support/temp.ts'
import { makeBackend, makePlan, makePool } from './fixture/plans.ts'

const noSuchName: Resolve = (host) => {
  const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' })
  return host.startsWith('no-') ? Promise.reject(error) : Promise.resolve()
}

function backendOf(name: string, hosts: readonly string[]): BackendPlan {
  const servers = hosts.map((host, at) => ({
    ...makeBackend(name, [80]).servers[0]!,
    name: `s${at}`,
    address: { kind: 'tcp' as const, host, port: 80 },
    place: { file: 'shop.conf', line: at + 10, column: 5 },
  }))
  return { ...makeBackend(name, []), servers }
}

function logTo(path: string): Plan {
  return makePlan({ logs: { daemon: { to: { kind: 'file', path }, level: 'info' }, access: undefined } })
}

test('a name without an address is told with its server and place', async () => {
  const plan = makePlan({ backends: [backendOf('app', ['yes.test', 'no-such.test'])] })
  await assert.rejects(checkWorld(plan, noSuchName), {
    name: 'StrictError',
    message:
      'cannot resolve "no-such.test" (backend "app", server "s1", shop.conf:11): the name has no address (ENOTFOUND) ' +
      '(reload { strict; })',
  })
})

test('a memcached server without an address is told as well', async () => {
  const address = { kind: 'tcp', host: 'no-such.test', port: 11211 } as const
  const pool = makePool('edge', ['mc1 1', 'mc2 2'])
  const plan = makePlan({ memcached: [{ ...pool, servers: [pool.servers[0]!, { ...pool.servers[1]!, address }] }] })
  await assert.rejects(checkWorld(plan, noSuchName), {
    message:
      /^cannot resolve "no-such\.test" \(memcached "edge", server "mc2", test\.conf:1\): the name has no address/,
  })
})

test('all that is wrong is told at once, and a name is asked for once', async () => {
  const asked: string[] = []
  const hosts = ['no-1.test', 'no-2.test', 'no-3.test', 'no-4.test', 'no-5.test', 'no-6.test']
  const plan = makePlan({ backends: [backendOf('a', hosts), backendOf('b', ['no-1.test'])] })
  const resolve: Resolve = (host) => {
    asked.push(host)
    return noSuchName(host)
  }
  const message = await checkWorld(plan, resolve).then(
    () => '',
    (error: Error) => error.message,
  )
  for (const host of hosts) assert.ok(message.includes(`"${host}" (backend "a"`), host)
  assert.ok(message.includes('"no-1.test" (backend "b"'))
  assert.deepEqual(asked.sort(), hosts)
})

test('addresses and sockets are not asked for', async () => {
  const plan = makePlan({ backends: [backendOf('app', ['127.0.0.1', '::1'])] })
  await checkWorld(plan, () => assert.fail('asked'))
})

test('a name server that is silent refuses the configuration when the time is over', async () => {
  const plan = makePlan({ backends: [backendOf('app', ['slow.test'])] })
  await assert.rejects(
    checkWorld(plan, () => new Promise(() => {}), 20),
    /cannot resolve "slow\.test" .*no answer within 0\.02 s/,
  )
})

test('a log that can be made or appended to is fine; one without a folder is not', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'old.log'), '')
  await checkWorld(logTo(join(dir, 'old.log')))
  await checkWorld(logTo(join(dir, 'new.log')))
  await assert.rejects(
    checkWorld(logTo(join(dir, 'missing', 'x.log'))),
    /cannot write the daemon log ".*": its folder: no such/,
  )
  await assert.rejects(checkWorld(logTo(join(dir, 'old.log', 'x.log'))), /a part of the path is not a folder/)
})
