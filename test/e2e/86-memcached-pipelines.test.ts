/** Many requests at once, clients that do not read, leave, or are too many: bounded, and never at the cost of others. */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { onTestEnd } from '../support/cleanup.ts'
import { startShellac } from '../support/daemon.ts'
import { connectMemcached } from '../support/memcached.ts'
import { waitFor } from '../support/wait.ts'
import { type ProxiedPool, startProxiedPool } from './proxied-pool.ts'

let pool: ProxiedPool

before(async () => {
  pool = await startProxiedPool()
})

/** One number of the proxy's `stats`. */
async function statOf(of: ProxiedPool, name: string): Promise<number> {
  const text = await of.ask('stats\r\n', /END\r\n$/)
  return Number(new RegExp(`^STAT ${name} (.*)\r$`, 'm').exec(text)?.[1])
}

test('20,000 gets before the first byte is read are answered completely', async () => {
  const client = await pool.connect()
  client.send(`set v 0 0 1000\r\n${'v'.repeat(1000)}\r\n`)
  await client.expect('STORED\r\n')
  client.pause()
  const sent = client.sendAll(Buffer.from('get v none\r\n'.repeat(20_000)))
  await waitFor('a client that is not read any more', async () => (await statOf(pool, 'cmd_get')) > 2000)
  assert.equal(await pool.ask('get v\r\n', /END\r\n$/), `VALUE v 0 1000\r\n${'v'.repeat(1000)}\r\nEND\r\n`)
  client.resume()
  await sent
  const answer = `VALUE v 0 1000\r\n${'v'.repeat(1000)}\r\nEND\r\n`
  for (let i = 0; i < 20_000; i += 10) {
    const ten = await client.read(10 * answer.length)
    assert.equal(ten.toString('latin1'), answer.repeat(10))
  }
})

test('what one client has in work is bounded', async () => {
  const small = await startProxiedPool({
    servers: pool.servers,
    proxy: 'limits { outstanding 10; client-backlog 64KiB; }',
  })
  const client = await small.connect()
  client.pause()
  client.send(`set w 0 0 100000\r\n${'w'.repeat(100_000)}\r\n`)
  const sent = client.sendAll(Buffer.from('get w\r\n'.repeat(2000)))
  // What fits into the sockets' own buffers leaves, and then the proxy has its 64 KiB and up to ten values.
  const read = await settled(() => statOf(small, 'cmd_get'))
  assert.ok(read < 200, `${read} of 2000 gets were read`)
  client.resume()
  await sent
  const answer = `VALUE w 0 100000\r\n${'w'.repeat(100_000)}\r\nEND\r\n`
  await client.skip('STORED\r\n'.length + 2000 * answer.length - 5)
  await client.expect('END\r\n')
})

/** The value of `probe` once it stays the same. */
async function settled(probe: () => Promise<number>): Promise<number> {
  let last = -1
  let same = 0
  return waitFor('a number that stays', async () => {
    const now = await probe()
    same = now === last ? same + 1 : 0
    last = now
    return same > 20 && now
  })
}

/** A server of a pool that counts the packets gets come in, and has nothing. */
async function startCountingServer(): Promise<{ port: number; packets: () => number }> {
  let packets = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const lines = chunk.toString('latin1').trimEnd().split('\r\n')
      if (lines.some((line) => line.startsWith('mg k'))) packets++
      socket.write(lines.map(answerOfNothing).join(''))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => {
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, packets: () => packets }
}

function answerOfNothing(line: string): string {
  if (line === 'version') return 'VERSION 1.6.18\r\n'
  return line.startsWith('mg') ? 'EN\r\n' : 'END\r\n'
}

test('200 requests of one packet reach their server in a handful, and their answers the client', async () => {
  const server = await startCountingServer()
  const shellac = await startShellac({
    config: `shellac 1; process { workers 1; }
      memcached edge { server a 127.0.0.1:${server.port}; preconnect; }
      memcached-proxy local { listen %listen%; pool edge; }`,
  })
  const client = await connectMemcached({ port: shellac.port, host: '127.0.0.1' })
  client.send('get k\r\n')
  await client.expect('END\r\n')
  const before = server.packets()
  let answers = 0
  client.socket.on('data', () => answers++)
  client.send('get k\r\n'.repeat(200))
  await client.read(200 * 'END\r\n'.length)
  assert.ok(server.packets() - before <= 5, `${server.packets() - before} packets to the server`)
  assert.ok(answers <= 5, `${answers} packets to the client`)
})

test('the end of input lets every answer out', async () => {
  const client = await pool.connect()
  client.send('set h 0 0 1\r\nh\r\n')
  client.send('get h none\r\n'.repeat(5000))
  client.end()
  const all = await client.readToEnd()
  assert.equal(all.toString(), `STORED\r\n${'VALUE h 0 1\r\nh\r\nEND\r\n'.repeat(5000)}`)
})

test('what a client that leaves has sent completely is done, and nobody else gets its answers', async () => {
  const leaver = await pool.connect()
  const stayer = await pool.connect()
  stayer.send('set mine 0 0 4\r\nmine\r\n')
  await stayer.expect('STORED\r\n')
  for (let round = 0; round < 50; round++) {
    const client = round === 0 ? leaver : await pool.connect()
    client.send(`set left 0 0 ${`${round}`.length}\r\n${round}\r\n${'get left\r\n'.repeat(100)}set cut 0 0 10\r\nabc`)
    stayer.send('get mine\r\n'.repeat(100))
    await client.until('its first answer', () => client.buffer.length > 0)
    if (round % 2 === 0) client.reset()
    else client.socket.destroy()
    const answers = await stayer.read(100 * 'VALUE mine 0 4\r\nmine\r\nEND\r\n'.length)
    assert.equal(answers.toString(), 'VALUE mine 0 4\r\nmine\r\nEND\r\n'.repeat(100))
    assert.match(await pool.ask('get left cut\r\n', /END\r\n$/), new RegExp(`^VALUE left 0 \\d+\r\n${round}\r\nEND`))
  }
  await waitFor('the clients to be forgotten', async () => (await statOf(pool, 'client_connections')) === 2)
})

test('noreply keeps its place in the order, and errors of the server are swallowed', async () => {
  const client = await pool.connect()
  client.send('set o 0 0 1\r\n1\r\nset o 0 0 1 noreply\r\n2\r\nget o\r\nincr o 5 noreply\r\nget o\r\n')
  client.send('set t 0 0 1 noreply\r\nx\r\nincr t 1 noreply\r\nadd t 0 0 1 noreply\r\ny\r\ntouch none 1 noreply\r\n')
  client.send(`set t 0 0 1048577 noreply\r\n${'x'.repeat(1_048_577)}\r\ndelete none noreply\r\nget t\r\nmn\r\n`)
  assert.equal(
    await client.readUntil(/MN\r\n$/),
    'STORED\r\nVALUE o 0 1\r\n2\r\nEND\r\nVALUE o 0 1\r\n7\r\nEND\r\nEND\r\nMN\r\n',
  )
})

test('a slow client does not hold up others', async () => {
  const slow = await pool.connect()
  slow.send(`set s 0 0 500000\r\n${'s'.repeat(500_000)}\r\n`)
  await slow.expect('STORED\r\n')
  slow.pause()
  const sent = slow.sendAll(Buffer.from('get s\r\n'.repeat(100)))
  const others = await Promise.all(Array.from({ length: 5 }, () => pool.connect()))
  for (let round = 0; round < 20; round++) {
    for (const other of others) other.send('get s\r\nget none\r\n')
    for (const other of others) {
      await other.skip('VALUE s 0 500000\r\n'.length + 500_000)
      await other.expect('\r\nEND\r\nEND\r\n')
    }
  }
  slow.resume()
  await sent
  await slow.skip(100 * (500_000 + 'VALUE s 0 500000\r\n\r\nEND\r\n'.length))
})

test('clients past the limit are disconnected, and counted', async () => {
  const few = await startProxiedPool({ servers: pool.servers, proxy: 'connections 2;' })
  const first = await few.connect()
  const second = await few.connect()
  for (const client of [first, second]) {
    client.send('mn\r\n')
    await client.expect('MN\r\n')
  }
  const third = await few.connect()
  await third.expectClose()
  second.socket.destroy()
  const served = await waitFor('room for another', async () => {
    const client = await few.connect()
    client.send('mn\r\n')
    await client.until('an answer or the end', () => client.buffer.length > 0 || client.closed !== undefined)
    return client.buffer.length > 0 ? client : undefined
  })
  served.send('stats\r\n')
  await served.expect('MN\r\n')
  assert.match(await served.readUntil(/END\r\n$/), /^STAT rejected_connections [1-9]/m)
})

test('a proxy on a unix socket has the mode it was given', async () => {
  const unix = await startProxiedPool({
    servers: pool.servers,
    proxy: 'listen unix:%dir%/mc.sock mode 0640;',
    workers: 2,
  })
  const path = join(unix.shellac.dir, 'mc.sock')
  assert.equal(statSync(path).mode & 0o777, 0o640)
  const client = await connectMemcached({ path })
  client.send('set u 0 0 1\r\nu\r\nget u\r\n')
  assert.equal(await client.readUntil(/END\r\n$/), 'STORED\r\nVALUE u 0 1\r\nu\r\nEND\r\n')
})

test('who may not connect is disconnected without a word', async () => {
  const closed = await startProxiedPool({
    servers: pool.servers,
    proxy: 'listen %listen:open%; listen unix:%dir%/mc.sock; allow 192.0.2.0/24; deny 127.0.0.0/8;',
  })
  for (const port of [closed.shellac.port, closed.shellac.portOf('open')]) {
    const client = await connectMemcached({ port, host: '127.0.0.1' })
    client.socket.on('error', () => {})
    await client.expectClose()
  }
  const local = await connectMemcached({ path: join(closed.shellac.dir, 'mc.sock') })
  local.send('mn\r\n')
  await local.expect('MN\r\n') // the file's mode decides there
})

/** Whether the kernel has a keep-alive timer on the server's side of the connections to `port` (Linux, /proc/net/tcp). */
function hasKeepAlive(port: number): boolean {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const established = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address, , state]) => address === local && state === '01')
  assert.ok(established.length > 0)
  return established.every(([, , , , , timer]) => timer!.startsWith('02:'))
}

test('connections are kept alive by the system where that is asked for', async () => {
  for (const [statement, expected] of [
    ['tcp-keepalive;', true],
    ['', false],
  ] as const) {
    const one = await startProxiedPool({ servers: pool.servers, proxy: statement })
    const client = await one.connect()
    client.send('mn\r\n')
    await client.expect('MN\r\n')
    await waitFor('its timers', () => hasKeepAlive(one.shellac.port) === expected)
  }
})
