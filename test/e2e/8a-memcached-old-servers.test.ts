/** Servers that do not know the meta commands: clients notice nothing, as long as they send none. */
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import { onTestEnd } from '../support/cleanup.ts'
import { startShellac } from '../support/daemon.ts'
import { connectMemcached, type TestMemcached } from '../support/memcached.ts'
import { startServers } from './proxied-pool.ts'

interface OldServer {
  readonly port: number
  /** Everything it was asked. */
  readonly asked: () => string
}

/** A relay to a real server that says it is an old one. */
async function ageServer(server: TestMemcached): Promise<OldServer> {
  let asked = ''
  const relay = createServer((client) => {
    const upstream = connect(server.target)
    client.on('data', (chunk) => {
      asked += chunk.toString('latin1')
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      client.write(Buffer.from(chunk.toString('latin1').replace(/VERSION 1\.\d/, 'VERSION 1.4'), 'latin1'))
    })
    for (const [socket, peer] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => {})
      socket.on('close', () => peer.destroy())
    }
    onTestEnd(() => {
      client.destroy()
    })
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => {
    relay.close()
  })
  return { port: (relay.address() as AddressInfo).port, asked: () => asked }
}

test('old servers are asked in classic commands, a multi-get in one request to each, with answers in order', async () => {
  const servers = await Promise.all((await startServers(3)).map(ageServer))
  const lines = servers.map(({ port }, index) => `server mc${index + 1} 127.0.0.1:${port};`)
  const shellac = await startShellac({
    config: `shellac 1; process { workers 1; }
      memcached edge { ${lines.join(' ')} preconnect; }
      memcached-proxy local { listen %listen%; pool edge; }`,
  })
  const client = await connectMemcached({ port: shellac.port, host: '127.0.0.1' })
  const exchange = async (request: string, answer: string) => {
    client.send(`${request}mn\r\n`)
    assert.equal(await client.readUntil(/MN\r\n$/), `${answer}MN\r\n`, JSON.stringify(request))
  }
  const keys = Array.from({ length: 60 }, (_, i) => `${i * 7919}`)
  const value = (key: string) => `VALUE ${key} 3 ${key.length}\r\n${key}\r\n`
  for (const key of keys.filter((_, i) => i % 3 !== 0))
    await exchange(`set ${key} 3 0 ${key.length}\r\n${key}\r\n`, 'STORED\r\n')
  const found = keys.map((key, i) => (i % 3 === 0 ? '' : value(key))).join('')

  const before = servers.map(({ asked }) => asked().length)
  await exchange(`get ${keys.join(' ')} ${keys[1]} none\r\n`, `${found}${value(keys[1]!)}END\r\n`)
  for (const [index, { asked }] of servers.entries()) {
    const requests = asked().slice(before[index])
    assert.match(requests, /^get (\d+ )+\d+( none)?\r\n$/)
  }
  await exchange(`gat 0 ${keys.join(' ')}\r\n`, `${found}END\r\n`)
  await exchange(
    `get ${keys[1]}\r\nget ${keys[0]}\r\nget ${keys[0]} ${keys[3]}\r\n`,
    `${value(keys[1]!)}END\r\nEND\r\nEND\r\n`,
  )
  client.send(`gets ${keys[1]} ${keys[0]} ${keys[2]}\r\n`)
  assert.match(
    await client.readUntil(/END\r\n$/),
    new RegExp(`^VALUE ${keys[1]} 3 4 \\d+\r\n${keys[1]}\r\nVALUE ${keys[2]} 3 5 \\d+\r\n${keys[2]}\r\nEND\r\n$`),
  )
  assert.doesNotMatch(servers.map(({ asked }) => asked()).join(''), /^m[gsdae] /m)
})

test('an error of one old server is the answer to the whole multi-get', async () => {
  const good = await ageServer((await startServers(1))[0]!)
  const bad = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const lines = chunk.toString('latin1').trimEnd().split('\r\n')
      socket.write(
        lines
          .map((line) =>
            line === 'version' ? 'VERSION 1.4.0\r\n' : 'SERVER_ERROR out of memory writing get response\r\n',
          )
          .join(''),
      )
    })
    onTestEnd(() => {
      socket.destroy()
    })
  })
  await new Promise<void>((resolve) => bad.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => {
    bad.close()
  })
  const shellac = await startShellac({
    config: `shellac 1; process { workers 1; }
      memcached edge { server a 127.0.0.1:${good.port}; }
      memcached broken { server b 127.0.0.1:${(bad.address() as AddressInfo).port}; }
      memcached-proxy local { listen %listen%; pool edge; route prefix x to broken; }`,
  })
  const client = await connectMemcached({ port: shellac.port, host: '127.0.0.1' })
  client.send('set a 0 0 1\r\na\r\nget a x1 a x2\r\nget x\r\nget a\r\n')
  const error = 'SERVER_ERROR out of memory writing get response\r\n'
  assert.equal(await client.readUntil(/a\r\nEND\r\n$/), `STORED\r\n${error}${error}VALUE a 0 1\r\na\r\nEND\r\n`)
})
