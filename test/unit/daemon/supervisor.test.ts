import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ReloadResult } from '../../../src/daemon/reloader.ts'
import type { DaemonStats } from '../../../src/daemon/status.ts'
import type { Plan } from '../../../src/plan/plan.ts'
import { freePort } from '../../support/ports.ts'
import { waitFor } from '../../support/wait.ts'
import { FixtureDaemon, portOf, talk, talkOver } from './fixture/daemon.ts'
import { makeBackend, makeCache, makeListener, makePlan } from './fixture/plans.ts'

function servingPlan(socket: string, changes: Partial<Plan> = {}): Plan {
  return makePlan({ admin: { socketPath: socket, mode: 0o600 }, listeners: [makeListener('web', 0)], ...changes })
}

test('starts every worker, says where it listens, and ends on SIGTERM with code 0', async () => {
  const daemon = new FixtureDaemon((dir, socket) =>
    servingPlan(socket, { process: { ...makePlan().process, pidFile: join(dir, 'pid') } }),
  )
  const ready = await daemon.ready()
  assert.equal(ready.generation, 1)
  assert.equal(ready.workers, 2)
  const port = portOf(ready, 'web')
  const answers = await Promise.all(Array.from({ length: 40 }, () => talk(port, '/')))
  const workers = new Set(answers.map((answer) => answer.split(' ')[1]))
  assert.deepEqual([...workers].sort(), ['0', '1'])
  assert.equal(readFileSync(join(daemon.dir, 'pid'), 'utf8'), `${daemon.process.pid}\n`)
  assert.equal(statSync(daemon.socket).mode & 0o777, 0o600)
  daemon.process.kill('SIGTERM')
  assert.equal(await daemon.process.waitForExit(), 0)
  assert.equal(existsSync(daemon.socket), false)
  assert.equal(existsSync(join(daemon.dir, 'pid')), false)
})

test('a broken configuration at the start is printed and is exit code 1', async () => {
  const daemon = new FixtureDaemon((_, socket) => servingPlan(socket))
  daemon.save('broken')
  assert.equal(await daemon.process.waitForExit(), 1)
  assert.ok(daemon.process.lines.some((line) => line.includes('plan.json:1:1: error: broken')))
})

test('a port in use is named with what to do, also when its owner shares it', async () => {
  for (const reusePort of [false, true]) {
    const port = await freePort()
    const owner = createServer()
    await new Promise<void>((resolve) => owner.listen({ port, host: '127.0.0.1', reusePort }, resolve))
    const daemon = new FixtureDaemon((_, socket) => servingPlan(socket, { listeners: [makeListener('web', port)] }))
    assert.equal(await daemon.process.waitForExit(), 4)
    const line = daemon.process.lines.find((one) => one.startsWith('shellac: '))
    assert.match(line ?? '', new RegExp(`cannot listen on 127.0.0.1:${port} \\(listener "web", test.conf:1\\)`))
    assert.match(line ?? '', /address already in use \(EADDRINUSE\); stop the program/)
    owner.close()
  }
})

test('follows a saved file; a broken one changes nothing and is told', async () => {
  const daemon = new FixtureDaemon((_, socket) => servingPlan(socket))
  const ready = await daemon.ready()
  const port = portOf(ready, 'web')
  const second = await freePort()
  daemon.save(servingPlan(daemon.socket, { listeners: [makeListener('web', 0), makeListener('more', second)] }))
  const reloaded = await daemon.waitForLog('reloaded')
  assert.match(String(reloaded.changes), /listeners \+more; 1 kept/)
  assert.match(await talk(second, '/'), /generation 2/)
  assert.match(await talk(port, '/'), /generation 2/, 'the port given for 0 stays')

  daemon.save('broken')
  const failed = await daemon.waitForLog('reload failed')
  assert.match(String(failed.diagnostics), /error: broken/)
  assert.match(await talk(port, '/'), /generation 2/)

  daemon.save(servingPlan(daemon.socket))
  await daemon.waitForLog('reloaded', 1)
  assert.match(await talk(port, '/'), /generation 3/)
  await assert.rejects(talk(second, '/'), /ECONNREFUSED/)
})

test('a plan that cannot be served is refused as a whole', async () => {
  const owner = createServer()
  await new Promise<void>((resolve) => owner.listen(0, '127.0.0.1', resolve))
  const taken = (owner.address() as { port: number }).port
  const daemon = new FixtureDaemon((_, socket) => servingPlan(socket))
  const port = portOf(await daemon.ready(), 'web')
  daemon.save(servingPlan(daemon.socket, { listeners: [makeListener('web', 0), makeListener('taken', taken)] }))
  const failed = await daemon.waitForLog('reload failed')
  assert.match(String(failed.error), new RegExp(`cannot listen on 127.0.0.1:${taken}.*the old configuration stays`))
  assert.match(await talk(port, '/'), /generation 1/)
  const status = await daemon.status()
  assert.equal(status.lastReload?.ok, false)
  assert.equal(status.generation, 1)
  owner.close()
})

test('a plan that kills one worker is forgotten by the others', async () => {
  const daemon = new FixtureDaemon((_, socket) => servingPlan(socket))
  const port = portOf(await daemon.ready(), 'web')
  const more = await freePort()
  const site = { name: 'crash-worker-1', hosts: ['*'], listeners: [], routes: [], place: makeListener('x', 1).place }
  daemon.save(
    servingPlan(daemon.socket, { sites: [site], listeners: [makeListener('web', 0), makeListener('more', more)] }),
  )
  const failed = await daemon.waitForLog('reload failed')
  assert.match(String(failed.error), /crashed by the plan/)
  await daemon.waitForLog('worker replaced')
  const answers = await Promise.all(Array.from({ length: 20 }, () => talk(port, '/')))
  assert.ok(
    answers.every((answer) => answer.includes('generation 1')),
    answers.join(),
  )
})

test('a worker that ends is replaced while the others serve', async () => {
  const daemon = new FixtureDaemon((_, socket) => servingPlan(socket))
  const port = portOf(await daemon.ready(), 'web')
  for (const [word, after] of [
    ['crash', 0],
    ['exit', 1],
  ] as const) {
    await talk(port, word).catch(() => {})
    await daemon.waitForLog('worker replaced', after)
  }
  const [crash, exit] = daemon.logs().filter((line) => line.msg === 'worker ended and is replaced')
  // One that has just started may be the one that ends the second time; it is then given a little time.
  assert.equal(crash!.delayMs, 0)
  assert.ok([0, 100].includes(Number(exit!.delayMs)), String(exit!.delayMs))
  assert.equal(crash!.error, 'thrown by a test')
  assert.match(String(crash!.stack), /throwAway/)
  assert.equal(exit!.exitCode, 7)
  const status = await daemon.status()
  assert.equal(status.workerRestarts, 2)
  assert.deepEqual(
    status.workers.map((worker) => worker.state),
    ['serving', 'serving'],
  )
})

test('reload is answered with the result, to everybody who asks', async () => {
  const daemon = new FixtureDaemon((_, socket) =>
    servingPlan(socket, {
      reload: { watch: false, debounceMs: 20, strict: false, requireTests: false },
      caches: [makeCache('shop', 1 << 20)],
    }),
  )
  await daemon.ready()
  const results = (await Promise.all(Array.from({ length: 8 }, () => daemon.ask('reload')))) as ReloadResult[]
  assert.ok(results.every((result) => result.ok))
  daemon.save(
    servingPlan(daemon.socket, {
      reload: { watch: false, debounceMs: 20, strict: false, requireTests: false },
      caches: [makeCache('shop', 2 << 20)],
      backends: [makeBackend('app', [1])],
    }),
  )
  const changed = (await daemon.ask('reload')) as ReloadResult
  assert.match(changed.summary, /backends \+app; caches ~shop; 1 kept; cache "shop" has a new size and starts empty/)
  daemon.save('broken')
  const refused = (await daemon.ask('reload')) as ReloadResult
  assert.equal(refused.ok, false)
  assert.equal(refused.configErrors, 1)
  assert.match(refused.diagnostics, /error: broken/)
})

test('status and stats tell of workers, caches and counters', async () => {
  const daemon = new FixtureDaemon((_, socket) =>
    servingPlan(socket, { caches: [makeCache('shop', 1 << 20)], backends: [makeBackend('app', [1, 2])] }),
  )
  const port = portOf(await daemon.ready(), 'web')
  await talk(port, '/')
  const status = await daemon.status()
  assert.equal(status.version, '1.2.3')
  assert.equal(status.state, 'serving')
  assert.equal(status.caches[0]?.name, 'shop')
  assert.deepEqual(
    status.backends[0]?.servers.map((server) => server.name),
    ['s0', 's1'],
  )
  const stats = (await daemon.ask('stats')) as DaemonStats
  assert.equal(stats.counters.connections, 1)
})

test('SIGUSR1 opens the access log by its name again', async () => {
  const daemon = new FixtureDaemon((dir, socket) => {
    const access = {
      to: { kind: 'file', path: join(dir, 'access.log') },
      format: 'combined',
      sample: 1,
      when: undefined,
    } as const
    return servingPlan(socket, { logs: { daemon: { to: { kind: 'stderr' }, level: 'info' }, access } })
  })
  const port = portOf(await daemon.ready(), 'web')
  const log = join(daemon.dir, 'access.log')
  await talk(port, '/before')
  await waitFor('the first line', () => existsSync(log) && readFileSync(log, 'utf8').includes('/before'))
  renameSync(log, `${log}.1`)
  daemon.process.kill('SIGUSR1')
  await daemon.waitForLog('logs reopened')
  await waitFor('the new file', () => existsSync(log))
  await talk(port, '/after')
  await waitFor('the second line', () => readFileSync(log, 'utf8').includes('/after'))
  assert.ok(!readFileSync(`${log}.1`, 'utf8').includes('/after'))
})

test('a full disk under the access log is told once and stops nothing', async () => {
  const daemon = new FixtureDaemon((_, socket) => {
    const access = { to: { kind: 'file', path: '/dev/full' }, format: 'json', sample: 1, when: undefined } as const
    return servingPlan(socket, { logs: { daemon: { to: { kind: 'stderr' }, level: 'info' }, access } })
  })
  const port = portOf(await daemon.ready(), 'web')
  for (let at = 0; at < 10; at++) assert.match(await talk(port, '/'), /generation 1/)
  const message = 'cannot write the access log "/dev/full": no space left on the device (ENOSPC)'
  await daemon.process.waitFor('the report', () => daemon.logs().some((line) => line.msg.startsWith(message)))
  for (let at = 0; at < 10; at++) assert.match(await talk(port, '/'), /generation 1/)
  assert.equal(daemon.logs().filter((line) => line.msg.startsWith(message)).length, 1)
})

test('SIGTERM waits for open requests, a second one does not', async () => {
  const drainMs = 60_000
  const plan = (socket: string) => servingPlan(socket, { process: { ...makePlan().process, drainMs } })
  const daemon = new FixtureDaemon((_, socket) => plan(socket))
  const port = portOf(await daemon.ready(), 'web')
  const hanging = talk(port, 'hang')
  await waitFor('the connection', async () => (await daemon.status()).connections === 1)
  daemon.process.kill('SIGTERM')
  await daemon.waitForLog('stopping')
  // The workers close their sockets a moment after the log says so.
  await waitFor('the port to be closed', () =>
    talk(port, '/').then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
    ),
  )
  assert.equal((await daemon.status()).state, 'draining')
  daemon.process.kill('SIGTERM')
  assert.equal(await daemon.process.waitForExit(), 6)
  assert.equal(existsSync(daemon.socket), false)
  await hanging
})

test('after the drain deadline open requests are cut, and said to be', async () => {
  const daemon = new FixtureDaemon((_, socket) =>
    servingPlan(socket, { process: { ...makePlan().process, drainMs: 50 } }),
  )
  const port = portOf(await daemon.ready(), 'web')
  const hanging = talk(port, 'hang')
  await waitFor('the connection', async () => (await daemon.status()).connections === 1)
  await daemon.ask('stop')
  const cut = await daemon.waitForLog('the drain deadline has passed; open connections are cut')
  assert.equal(cut.connections, 1)
  assert.equal(await daemon.process.waitForExit(), 0)
  await hanging
})

test('a second daemon on the same admin socket does not start; a stale socket is no obstacle', async () => {
  const first = new FixtureDaemon((_, socket) => servingPlan(socket))
  await first.ready()
  const second = new FixtureDaemon(() => servingPlan(first.socket))
  assert.equal(await second.process.waitForExit(), 4)
  assert.ok(second.process.lines.some((line) => line.includes('another daemon answers there; stop it first')))
  first.process.kill('SIGKILL')
  await first.process.waitForExit()
  assert.equal(existsSync(first.socket), true)
  const third = new FixtureDaemon(() => servingPlan(first.socket))
  await third.ready()
})

test('the admin socket moves with the configuration', async () => {
  const daemon = new FixtureDaemon((_, socket) => servingPlan(socket))
  await daemon.ready()
  const elsewhere = join(daemon.dir, 'other.sock')
  daemon.save(servingPlan(elsewhere))
  await waitFor('the new socket', () => existsSync(elsewhere))
  await waitFor('the end of the old socket', () => !existsSync(daemon.socket))
})

test('a file that vanishes keeps the daemon and is followed when it comes back', async () => {
  const daemon = new FixtureDaemon((_, socket) => servingPlan(socket))
  const port = portOf(await daemon.ready(), 'web')
  const text = readFileSync(daemon.file)
  rmSync(daemon.file)
  await daemon.waitForLog('reload failed')
  assert.match(await talk(port, '/'), /generation 1/)
  writeFileSync(daemon.file, text)
  await daemon.waitForLog('reloaded')
  assert.match(await talk(port, '/'), /generation 2/)
})

test('what a worker says too often is counted instead', async () => {
  const daemon = new FixtureDaemon((_, socket) =>
    servingPlan(socket, { process: { ...makePlan().process, workers: 1, drainMs: 50 } }),
  )
  const port = portOf(await daemon.ready(), 'web')
  const chat = talk(port, 'chatter')
  await daemon.waitForLog('chatter')
  await daemon.ask('stop')
  await daemon.process.waitForExit()
  await chat
  assert.ok(daemon.logs().filter((line) => line.msg === 'chatter').length <= 100)
})

test('a unix socket is served, also by the next worker and the next daemon', async () => {
  const listenOn = (dir: string) => {
    const address = { kind: 'unix', path: join(dir, 'web.sock'), mode: 0o660 } as const
    return { ...makeListener('web', 0), addresses: [address] }
  }
  const plan = (dir: string, socket: string) => servingPlan(socket, { listeners: [listenOn(dir)] })
  const daemon = new FixtureDaemon(plan)
  await daemon.ready()
  const path = join(daemon.dir, 'web.sock')
  assert.match(await talkOver(connect(path), '/'), /generation 1/)
  await talkOver(connect(path), 'exit').catch(() => {})
  await daemon.waitForLog('worker replaced')
  assert.match(await talkOver(connect(path), '/'), /generation 1/)
  daemon.process.kill('SIGKILL')
  await daemon.process.waitForExit()
  const next = new FixtureDaemon((_, socket) => plan(daemon.dir, socket))
  await next.ready()
  assert.match(await talkOver(connect(path), '/'), /generation 1/)
})
