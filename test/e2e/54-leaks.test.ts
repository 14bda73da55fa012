/**
 * Clients and origins that misbehave in every combination, again and again: afterwards nothing is held for any of them.
 * What happens is drawn from a seed, so that a failure can be repeated.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { statsOf, statusOf } from '../support/admin.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { exchange } from '../support/scripted-client.ts'
import { type OriginPeer, startConnectionOrigin } from '../support/scripted-origin.ts'
import { sized } from '../support/soak.ts'
import { waitFor } from '../support/wait.ts'

const MEBIBYTE = 1024 * 1024
const VISITS = sized(600, 20_000)
const AT_A_TIME = 30
/** More than the kernel holds between daemon and client, so that a client who does not read is behind. */
const BIG_BYTES = 8 * MEBIBYTE

const CACHED = 'Cache-Control: max-age=60\r\n'
const PASSED = 'Cache-Control: no-store\r\n'

/** What an origin does with a request for a path; `fields` make the response storable or not. */
const ORIGINS: Readonly<Record<string, (peer: OriginPeer, fields: string) => Promise<void> | void>> = {
  ok: (peer, fields) => peer.send(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok`),
  big: (peer, fields) => {
    peer.send(`HTTP/1.1 200 OK\r\n${fields}Content-Length: ${BIG_BYTES}\r\n\r\n`)
    peer.send(Buffer.alloc(BIG_BYTES))
  },
  chunks: (peer, fields) => {
    peer.send(`HTTP/1.1 200 OK\r\n${fields}Transfer-Encoding: chunked\r\n\r\n${'5\r\nhello\r\n'.repeat(100)}0\r\n\r\n`)
  },
  drip: async (peer, fields) => {
    peer.send(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 20\r\n\r\n`)
    for (let at = 0; at < 20; at++) {
      peer.send('x')
      await peer.wait(5)
    }
  },
  reset: async (peer, fields) => {
    peer.send(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 100\r\n\r\nnot all of it`)
    await peer.wait(5)
    peer.reset()
  },
  short: (peer, fields) => {
    peer.send(`HTTP/1.1 200 OK\r\n${fields}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`)
    peer.end()
  },
  garbage: (peer) => peer.send('HTTP/9.9 what?\r\n\r\n'),
  silent: () => {},
  gone: (peer) => peer.reset(),
  upgrade: (peer) => {
    peer.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello')
  },
}

/** What a client does once it is connected. */
const CLIENTS: readonly ((socket: Socket, path: string) => Promise<void> | void)[] = [
  // asks and reads to the end
  (socket, path) => ask(socket, path, 'Connection: close\r\n', 'end'),
  // comes and goes
  (socket) => void socket.destroy(),
  // half a head
  async (socket, path) => {
    socket.write(`GET ${path} HT`)
    await sleep(5)
    socket.resetAndDestroy()
  },
  // asks and leaves at once
  (socket, path) => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    socket.resetAndDestroy()
  },
  // leaves with the first bytes of the answer
  (socket, path) => ask(socket, path, '', 'reset'),
  // shuts its sending side and reads on
  async (socket, path) => {
    socket.end(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await readToClose(socket)
  },
  // reads nothing, then leaves
  async (socket, path) => {
    socket.pause()
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await sleep(30)
    socket.resetAndDestroy()
  },
  // many at once, leaves with the first answer
  (socket, path) => {
    const request = `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
    return ask(socket, path, '', 'reset', request.repeat(5))
  },
  // half an upload
  async (socket, path) => {
    socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(5000)}`)
    await sleep(10)
    socket.resetAndDestroy()
  },
  // an upload that is not one
  (socket, path) =>
    ask(
      socket,
      path,
      '',
      'end',
      `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz`,
    ),
  // a protocol that is left right after the switch
  (socket, path) => ask(socket, path, 'Connection: Upgrade\r\nUpgrade: websocket\r\n', 'reset'),
]

test(`${2 * VISITS} visits of clients and origins that misbehave leave nothing behind`, async (t) => {
  const origin = await startConnectionOrigin(async (peer) => {
    for (let request = await peer.request(); request; request = await peer.request()) {
      const [, name = '', kind = ''] = request.target.split('/')
      await ORIGINS[name]?.(peer, kind === 'cached' ? CACHED : PASSED)
    }
    peer.end()
  })
  const shellac = await startShellac({ config: config(origin.port) })
  const random = seeded(20_261_120)

  await visit(shellac, random)
  const warm = await settled(shellac)
  await visit(shellac, random)
  const end = await settled(shellac)

  t.diagnostic(`RSS ${(warm.rss / MEBIBYTE).toFixed(1)} then ${(end.rss / MEBIBYTE).toFixed(1)} MiB`)
  assert.ok(end.rss - warm.rss < 24 * MEBIBYTE, `RSS grew by ${end.rss - warm.rss} bytes`)
  assert.ok(end.files - warm.files < 8, `${warm.files}, then ${end.files} open files`)

  for (const name of Object.keys(ORIGINS)) {
    await exchange(shellac.port, `PURGE /${name}/cached HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  }
  // What was purged goes with the next look-up or the next sweep; an object that is gone but still pinned is a zombie.
  await waitFor('an empty store', async () => {
    const tier = (await statusOf(shellac)).caches[0]?.tier
    return tier?.objects === 0 && tier.zombies === 0 && tier.usedBytes === 0
  })
  const status = await statusOf(shellac)
  assert.equal(status.caches[0]?.tier.resets, 0)
  assert.equal(status.workerRestarts, 0)
  assert.equal(
    shellac.logs().filter((record) => record.msg === 'request failed').length,
    0,
    'a fault of the proxy itself',
  )
  const { counters } = await statsOf(shellac)
  const { clientAborts, fillsFailed, originErrors, upgrades } = counters
  assert.ok(Math.min(clientAborts, fillsFailed, originErrors, upgrades) > 0, 'everything has happened')
})

function config(port: number): string {
  return `shellac 1;
    process { workers 2; drain 100ms; }
    admin { listen unix:%dir%/admin.sock; }
    listener web { address %listen%; limits { header-timeout 1s; body-timeout 1s; send-timeout 1s; idle-timeout 1s; } }
    backend app {
      server a 127.0.0.1:${port};
      first-byte-timeout 300ms;
      between-bytes-timeout 300ms;
      connections 20;
      queue 20 for 300ms;
      idle-timeout 500ms;
      eject after 100 for 10ms;
    }
    cache main { tier memory 64MiB; max-object 16MiB; stale-if-error 0s; collapse { wait 500ms; } purge { allow @all; default hard; } }
    match @all { source 127.0.0.0/8; }
    site * { proxy app; use-cache main; upgrade websocket; }`
}

async function visit(shellac: Daemon, random: () => number): Promise<void> {
  const names = Object.keys(ORIGINS)
  let left = VISITS
  const visitor = async () => {
    while (left-- > 0) {
      const path = `/${pick(names, random)}/${pick(['cached', 'passed'], random)}`
      const behave = pick(CLIENTS, random)
      const socket = connect({ port: shellac.port, host: '127.0.0.1', allowHalfOpen: true })
      socket.on('error', () => {}) // whatever the proxy does to such a client is right
      await once(socket, 'connect')
      await behave(socket, path)
      socket.destroy()
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, visitor))
}

/** Memory and files, once nothing is in work any more. */
async function settled(shellac: Daemon): Promise<{ rss: number; files: number }> {
  await waitFor('everything to be over', async () => {
    const { connections, backends, caches } = await statusOf(shellac)
    return connections === 0 && backends[0]?.servers[0]?.inFlight === 0 && caches[0]?.tier.fills === 0
  })
  return { rss: shellac.rssBytes(), files: shellac.openFiles() }
}

/** Sends a request, then reads to the end, or resets with the first bytes. */
async function ask(
  socket: Socket,
  path: string,
  fields: string,
  then: 'end' | 'reset',
  request = `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`,
): Promise<void> {
  socket.write(request)
  if (then === 'end') {
    await readToClose(socket)
    return
  }
  await Promise.race([once(socket, 'data'), once(socket, 'close'), sleep(1000)]).catch(() => {})
  socket.resetAndDestroy()
}

/** Resolves when the peer has closed, in whatever way. */
function readToClose(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.resume()
    socket.once('end', () => resolve())
    socket.once('close', () => resolve())
  })
}

function pick<T>(list: readonly T[], random: () => number): T {
  const chosen = list[Math.floor(random() * list.length)]
  assert.ok(chosen !== undefined)
  return chosen
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
