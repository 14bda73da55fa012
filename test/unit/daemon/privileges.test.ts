import assert from 'node:assert/strict'
import { chmodSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { findIdentity, portsLostWithRoot } from '../../../src/daemon/privileges.ts'
import { FixtureDaemon, portOf, talk } from './fixture/daemon.ts'
import { makeListener, makePlan } from './fixture/plans.ts'

const { process: base } = makePlan()
const onlyRoot = { skip: process.getuid!() !== 0 && 'needs root' }

test('users and groups are found by name and by number', () => {
  assert.equal(findIdentity(base), undefined)
  const nobody = findIdentity({ ...base, user: 'nobody' })
  assert.equal(nobody?.uid, 65534)
  assert.equal(nobody?.gid, 65534)
  assert.equal(findIdentity({ ...base, user: '65534', group: 'daemon' })?.gid, 1)
  assert.throws(() => findIdentity({ ...base, user: 'no-such-user' }), /user "no-such-user" does not exist/)
  assert.throws(() => findIdentity({ ...base, group: 'no-such-group' }), /group "no-such-group" does not exist/)
})

test('ports that need root are told apart', () => {
  const addresses = [80, 8080].map((port) => ({ kind: 'tcp', host: '*', port }) as const)
  const first = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1'))
  assert.deepEqual(
    portsLostWithRoot(addresses),
    addresses.filter(({ port }) => port < first),
  )
})

test('root becomes the user, and a worker that dies afterwards is replaced', onlyRoot, async () => {
  const daemon = new FixtureDaemon((_, socket) =>
    makePlan({
      admin: { socketPath: socket, mode: 0o600 },
      process: { ...base, user: 'nobody' },
      listeners: [makeListener('web', 0)],
    }),
  )
  chmodSync(daemon.dir, 0o755) // so that nobody finds the files of the test
  const port = portOf(await daemon.ready(), 'web')
  const status = readFileSync(`/proc/${daemon.process.pid}/status`, 'latin1')
  assert.match(status, /Uid:\t65534\t65534\t65534\t65534/)
  assert.match(status, /Gid:\t65534\t65534\t65534\t65534/)
  assert.match(status, /Groups:\t65534 ?\n/)
  await talk(port, 'crash').catch(() => {})
  await daemon.waitForLog('worker replaced')
  assert.match(await talk(port, '/'), /generation 1/)
})

test('a user that cannot be become is a clear end', onlyRoot, async () => {
  const daemon = new FixtureDaemon(() => makePlan({ process: { ...base, user: 'no-such-user' } }))
  assert.equal(await daemon.process.waitForExit(), 4)
  assert.ok(daemon.process.lines.some((line) => line.includes('process user "no-such-user" does not exist')))
})
