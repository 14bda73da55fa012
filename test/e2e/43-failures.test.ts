/** What breaks around the proxy, or in it: an origin that is killed, a worker that dies under load, disks, ports, files. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { EXIT_CONFIG, EXIT_START } from '../../src/daemon/exit-codes.ts'
import { statsOf, statusOf } from '../support/admin.ts'
import { onTestEnd } from '../support/cleanup.ts'
import { type Daemon, launchShellac, runShellac, startShellac } from '../support/daemon.ts'
import { freePort, listens } from '../support/ports.ts'
import { Background } from '../support/process.ts'
import { wrk } from '../support/programs.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { tempDir } from '../support/temp.ts'
import { waitFor } from '../support/wait.ts'
import { config } from './daemon-config.ts'

const CRASH_HOOK = fileURLToPath(new URL('./daemon-crash-hook.ts', import.meta.url))
const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'

for (const framing of ['Content-Length', 'chunked']) {
  test(`an origin killed inside a ${framing} body: the client sees the break, nothing is stored, and all is well when it is back`, async () => {
    const port = await freePort()
    const origin = await startOriginProcess(port, framing)
    const shellac = await startShellac({ config: config(port) })
    const clients = await Promise.all(['/cached', '/cached', '/passed'].map((path) => begin(shellac, path)))
    origin.kill('SIGKILL')
    for (const client of clients) {
      await client.until('the break', () => client.closed !== undefined)
      assert.doesNotMatch(client.buffer.toString('latin1'), /\r\n0\r\n\r\n$/)
      assert.ok(client.buffer.length < 1000)
    }
    const refused = await exchange(shellac.port, 'GET /cached HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.equal(refused.status, 502)
    assert.equal((await statusOf(shellac)).caches[0]?.tier.objects, 0)

    await startOriginProcess(port, 'whole')
    const whole = await waitFor('an answer', async () => {
      const answer = await exchange(shellac.port, 'GET /cached HTTP/1.1\r\nHost: a\r\n\r\n')
      return answer.status === 200 && answer
    })
    assert.equal(whole.body.toString(), 'whole')
    await waitFor('no fetch', async () => (await statusOf(shellac)).backends[0]?.servers[0]?.inFlight === 0)
  })
}

test('a worker that dies takes its own clients along and nobody else, and leaves no count behind', async () => {
  const held = Promise.withResolvers<void>()
  const origin = await startOrigin(async (request) => {
    await held.promise
    return ok(`for ${request.target}`, 'Cache-Control: max-age=60')
  })
  const shellac = await startCrashing(config(origin.port))
  const clients = await Promise.all(Array.from({ length: 40 }, () => connectClient(shellac.port)))
  for (const [index, client] of clients.entries()) client.send(`GET /${index} HTTP/1.1\r\nHost: a\r\n\r\n`)
  await origin.waitForRequests(40)
  const servedByIt = (await statusOf(shellac)).workers[1]?.connections ?? 0
  await crash(shellac, 1)
  await waitFor('the clients of the worker', () => clients.filter((client) => client.closed).length === servedByIt)
  held.resolve()
  for (const [index, client] of clients.entries()) {
    if (client.closed !== undefined) continue
    assert.equal((await client.response()).body.toString(), `for /${index}`)
  }
  await waitFor('the counts', async () => {
    const { backends, caches } = await statusOf(shellac)
    return backends[0]?.servers[0]?.inFlight === 0 && caches[0]?.tier.fills === 0
  })
  // What the dead worker was fetching is fetched anew by whoever asks for it next.
  for (let index = 0; index < clients.length; index++) {
    const answer = await exchange(shellac.port, `GET /${index} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.equal(answer.body.toString(), `for /${index}`)
  }
})

test('workers that die one after the other under load are replaced, and no wrong byte is sent', async (t) => {
  const origin = await startOrigin((request) => ok(request.target.repeat(50), 'Cache-Control: max-age=60'))
  const shellac = await startCrashing(config(origin.port))
  const load = wrk(shellac.url('/load'), { connections: 32, seconds: 4 })
  await waitFor('the load', async () => (await statsOf(shellac)).counters.requests > 1000)
  for (const worker of [0, 1, 0]) {
    await crash(shellac, worker)
    for (let at = 0; at < 20; at++) {
      const answer = await exchange(shellac.port, `GET /${at} HTTP/1.1\r\nHost: a\r\n\r\n`)
      assert.equal(answer.body.toString(), `/${at}`.repeat(50))
    }
  }
  const report = await load
  t.diagnostic(`${report.requests} requests, ${JSON.stringify(report.socketErrors)}`)
  assert.equal(report.non2xx, 0)
  assert.ok(report.requests > 1000)
  assert.equal((await statusOf(shellac)).workerRestarts, 3)
  assert.equal((await statusOf(shellac)).caches[0]?.tier.fills, 0)
})

test('a full file system for the log of the daemon costs its lines, and stops nothing', async () => {
  const origin = await startOrigin(() => ok('x'))
  const shellac = await startShellac({ config: config(origin.port, 'log daemon { to file:/dev/full; }\n') })
  for (let at = 0; at < 5; at++) assert.equal((await exchange(shellac.port, GET)).status, 200)
  assert.equal((await shellac.command('reload')).code, 0)
  assert.equal((await exchange(shellac.port, GET)).status, 200)
  shellac.process.kill('SIGTERM')
  assert.equal(await shellac.process.waitForExit(), 0)
})

test('a log that cannot be opened is told at the start, with its file', async () => {
  const shellac = await launchShellac({ config: config(9, 'log access { to file:%dir%/missing/access.log; }\n') })
  const text = await shellac.process.waitFor('the message', () => {
    const all = shellac.process.lines.join('\n')
    return all.includes('access.log') && all
  })
  assert.match(text, /cannot (open|write) the access log \\?".*missing\/access\.log\\?": no such file or folder/)
})

test('a port held by another program is named with what to do, and nothing is left behind', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => void other.close())
  const { port } = other.address() as { port: number }
  const shellac = await launchShellac({ config: config(9, `listener taken { address 127.0.0.1:${port}; }\n`) })
  assert.equal(await shellac.process.waitForExit(), EXIT_START)
  assert.match(
    shellac.process.lines.join('\n'),
    new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} \\(listener "taken", .*\\): address already in use`),
  )
  assert.equal(await listens(shellac.port), false)
})

for (const { what, make, message } of [
  { what: 'a folder', make: (path: string) => mkdirSync(path), message: 'is a directory' },
  { what: 'no text', make: (path: string) => writeFileSync(path, '\xff\xfe', 'latin1'), message: 'not text in UTF-8' },
]) {
  test(`an include that is ${what} is an error at its place, and nothing starts`, async () => {
    const dir = tempDir()
    make(join(dir, 'sites.conf'))
    writeFileSync(join(dir, 'shellac.conf'), 'shellac 1;\ninclude sites.conf;\n')
    const { code, stderr } = await runShellac(['-c', join(dir, 'shellac.conf')])
    assert.equal(code, EXIT_CONFIG)
    assert.match(stderr, new RegExp(`shellac\\.conf:2:9: error: .*sites\\.conf.*${message}`))
    assert.match(stderr, /\^\^\^/)
  })
}

function startCrashing(text: string): Promise<Daemon> {
  return startShellac({ config: text, nodeArgs: ['--import', CRASH_HOOK], env: { CRASH_FILE: '%dir%/crash' } })
}

/** Has a worker throw, and waits for its replacement. */
async function crash(shellac: Daemon, worker: number): Promise<void> {
  const before = shellac.logs().length
  writeFileSync(join(shellac.dir, 'crash'), String(worker))
  await shellac.waitForLog('worker replaced', before)
}

/** Asks, and comes back when the answer has begun. */
async function begin(shellac: Daemon, path: string): Promise<Awaited<ReturnType<typeof connectClient>>> {
  const client = await connectClient(shellac.port)
  client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  await client.responseHead()
  await client.until('the first bytes', () => client.buffer.length > 0)
  return client
}

/** An origin in a process of its own, so that it can be killed. `whole`: it answers; else it stops inside the body. */
async function startOriginProcess(port: number, framing: string): Promise<Background> {
  const fields = framing === 'chunked' ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': 100_000 }
  const script = `
    require('node:http').createServer((request, response) => {
      const kept = { 'Cache-Control': request.url === '/cached' ? 'max-age=60' : 'no-store' }
      if (${framing === 'whole'}) return response.writeHead(200, kept).end('whole')
      response.writeHead(200, { ...kept, ...${JSON.stringify(fields)} }).write('begun')
    }).listen(${port}, '127.0.0.1')`
  const origin = new Background(process.execPath, ['-e', script])
  await origin.waitFor('the origin', () => listens(port))
  return origin
}
