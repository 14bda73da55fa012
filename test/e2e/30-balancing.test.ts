/** Which server gets a request: weights, load, backups, and servers that fail. One daemon, one backend per matter. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { connectClient, exchange } from '../support/scripted-client.ts'
import { ok, type ScriptedOrigin, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

/** An origin that answers with its name, or resets every connection while `isFailing`. */
class Server {
  isFailing = false
  origin!: ScriptedOrigin
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  async start(): Promise<this> {
    this.origin = await startOrigin((_, peer) => {
      if (!this.isFailing) return ok(this.name)
      peer.reset()
      return undefined
    })
    return this
  }
}

const start = (name: string) => new Server(name).start()

const light = await start('light')
const heavy = await start('heavy')
const lame = await start('lame')
const sound = await start('sound')
const main = await start('main')
const spare = await start('spare')
const broken = [await start('x'), await start('y'), await start('z')]
for (const server of broken) server.isFailing = true

/** Answers when the test lets it. */
let letGo: (() => void) | undefined
const busy = await startOrigin(async () => {
  await new Promise<void>((resolve) => {
    letGo = resolve
  })
  return ok('busy')
})
const free = await start('free')

const unused = await freePort()
const address = (server: Server) => `127.0.0.1:${server.origin.port}`
const shellac = await startShellac({
  config: `shellac 1;
    process { workers 1; }
    admin { listen unix:%dir%/admin.sock; }
    listener web { address %listen%; }
    backend weighted { server light ${address(light)}; server heavy ${address(heavy)} weight 3; }
    backend least { balance least-requests; server busy 127.0.0.1:${busy.port}; server free ${address(free)}; }
    backend ejecting { eject after 2 for 3s; server lame ${address(lame)}; server sound ${address(sound)}; }
    backend spared {
      eject after 1 for 60s; retry { attempts 1; }
      server main ${address(main)}; server spare ${address(spare)} backup;
    }
    backend twice {
      eject after 1000 for 1s; retry { attempts 2; }
      server x ${address(broken[0]!)}; server y ${address(broken[1]!)}; server z ${address(broken[2]!)};
    }
    backend down { server a 127.0.0.1:${unused}; server b 127.0.0.1:${unused}; }
    site weighted.example { proxy weighted; }
    site least.example { proxy least; }
    site ejecting.example { proxy ejecting; }
    site spared.example { proxy spared; }
    site twice.example { proxy twice; }
    site down.example { proxy down; }`,
})

const ask = (host: string) => exchange(shellac.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
const nameFrom = async (host: string) => (await ask(host)).body.toString()

test('servers get requests in the ratio of their weights', async () => {
  const client = await connectClient(shellac.port)
  const names: string[] = []
  for (let i = 0; i < 12; i++) names.push((await client.get('/', ['Host: weighted.example'])).body.toString())
  assert.deepEqual([light.origin.requests.length, heavy.origin.requests.length], [3, 9])
  assert.deepEqual([...new Set(names.slice(0, 4))].sort(), ['heavy', 'light'])
})

test('with least-requests a server that is at work gets nothing while another is idle', async () => {
  const waiting = await connectClient(shellac.port)
  while (letGo === undefined) {
    waiting.send('GET / HTTP/1.1\r\nHost: least.example\r\n\r\n')
    await waitFor('a request somewhere', () => letGo !== undefined || waiting.buffer.length > 0)
    if (letGo === undefined) await waiting.response()
  }
  for (let i = 0; i < 5; i++) assert.equal(await nameFrom('least.example'), 'free')
  letGo()
  assert.equal((await waiting.response()).body.toString(), 'busy')
  assert.equal(busy.requests.length, 1)
})

test('a server that fails again and again is avoided, and gets requests again once it answers a probe', async () => {
  lame.isFailing = true
  for (let i = 0; i < 10; i++) assert.equal(await nameFrom('ejecting.example'), 'sound')
  const failed = lame.origin.requests.length
  assert.ok(failed >= 2 && failed < 5, `${failed} requests of 10 were tried at the failing server`)
  lame.isFailing = false
  await waitFor('the server to be back', async () => (await nameFrom('ejecting.example')) === 'lame')
  const names = [await nameFrom('ejecting.example'), await nameFrom('ejecting.example')]
  assert.deepEqual(names.sort(), ['lame', 'sound'])
})

test('a backup gets requests only when the others are avoided', async () => {
  for (let i = 0; i < 4; i++) assert.equal(await nameFrom('spared.example'), 'main')
  main.isFailing = true
  assert.equal((await ask('spared.example')).status, 502)
  const failed = main.origin.requests.length
  for (let i = 0; i < 4; i++) assert.equal(await nameFrom('spared.example'), 'spare')
  assert.equal(main.origin.requests.length, failed)
})

test('a request is sent to no more servers than "attempts" says', async () => {
  const before = broken.map((server) => server.origin.requests.length)
  assert.equal((await ask('twice.example')).status, 502)
  const tried = broken.map((server, i) => server.origin.requests.length - before[i]!)
  assert.deepEqual(tried.sort(), [0, 1, 1])
})

test('with all servers down the client is told, and so is the log', async () => {
  for (let i = 0; i < 6; i++) {
    const answer = await ask('down.example')
    assert.equal(answer.status, 502)
    assert.equal(answer.body.toString(), '502 Bad Gateway: the server refused the connection\n')
    assert.equal(answer.fields.get('cache-status'), 'Shellac; detail=origin-error')
  }
  const record = await shellac.waitForLog('origin failed')
  const { backend, server, code } = shellac.logs().find((line) => line.backend === 'down') ?? record
  assert.deepEqual([backend, code], ['down', 'connect-refused'])
  assert.match(`${server}`, /^[a-z]/, 'the last server that was tried is named')
})
