/** SIGTERM: what has been asked is answered, what was stored reaches the pool, and everybody is let go. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statsOf } from '../support/admin.ts'
import { startShellac } from '../support/daemon.ts'
import { connectMemcached, startMemcached } from '../support/memcached.ts'
import { listens } from '../support/ports.ts'
import { connectClient } from '../support/scripted-client.ts'
import { startConnectionOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

test('idle clients are let go at once, a request in flight is answered first', async () => {
  const server = await startMemcached()
  const shellac = await startShellac({
    config: `shellac 1;
      process { workers 2; drain 30s; }
      admin { listen unix:%dir%/admin.sock; }
      memcached edge { server mc1 ${server.text}; timeout 10s; eject off; }
      memcached-proxy local { listen %listen%; pool edge; }`,
  })
  const open = () => connectMemcached({ port: shellac.port, host: '127.0.0.1' })
  const [busy, ...idle] = await Promise.all([open(), open(), open(), open()])
  for (const client of [busy!, ...idle]) {
    client.send('set a 0 0 1\r\nx\r\n')
    assert.equal(await client.line(), 'STORED')
  }
  await server.pause()
  busy!.send('get a\r\n')
  await waitFor('the request to be on its way', async () => {
    const { pools } = await statsOf(shellac)
    return pools[0]!.servers[0]!.use.outQueue === 1
  })
  shellac.process.kill('SIGTERM')
  for (const client of idle) assert.equal(await client.expectClose(), 'end')
  server.resume()
  assert.equal(await busy!.readUntil(/END\r\n$/), 'VALUE a 0 1\r\nx\r\nEND\r\n')
  assert.equal(await busy!.expectClose(), 'end')
  await waitFor('the daemon to end', () => shellac.process.ended !== undefined)
  assert.equal(shellac.process.ended, 0)
})

test('what was answered last is in the pool when the daemon has ended', async () => {
  const server = await startMemcached()
  const gate = Promise.withResolvers<void>()
  const origin = await startConnectionOrigin(async (peer) => {
    await peer.request()
    peer.send(
      'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nVary: Accept-Language\r\nContent-Length: 10\r\n\r\nbegun',
    )
    await gate.promise
    peer.send('ended')
  })
  const shellac = await startShellac({
    config: `shellac 1;
      process { workers 1; drain 30s; }
      listener web { address %listen%; }
      backend app { server a 127.0.0.1:${origin.port}; }
      memcached edge { server mc1 ${server.text}; timeout 10s; eject off; }
      cache pages { tier memory 8MiB; tier memcached edge; }
      site * { proxy app; use-cache pages; }`,
  })
  const { pool } = JSON.parse((await shellac.command('explain', '--json', 'http://a/a')).stdout)
  const client = await connectClient(shellac.port)
  client.send('GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await client.responseHead()
  await client.expect('begun')
  // The pool has been asked by now, and will not take what comes until it goes on.
  await server.pause()
  gate.resolve()
  await client.expect('ended')
  await client.expectClose()
  client.socket.destroy()
  shellac.process.kill('SIGTERM')
  await waitFor('the drain', async () => !(await listens(shellac.port)))
  // A daemon that had nothing to wait for would end before another one has said its version.
  await shellac.command('version')
  assert.equal(shellac.process.ended, undefined)
  server.resume()
  await waitFor('the daemon to end', () => shellac.process.ended !== undefined)
  assert.equal(shellac.process.ended, 0)
  // What leads to the variants is written when the response has been confirmed.
  assert.match(await server.ask(`mg ${pool.key} s\r\n`), /^HD s\d+/)
})
