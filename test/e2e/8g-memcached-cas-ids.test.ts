/**
 * A cas id is good in the pool it came from and in no other, where the same number means another value: what a client was told
 * by a pool that stood in must not let it overwrite what it has never seen.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Conversation, TestMemcached } from '../support/memcached.ts'
import { waitFor } from '../support/wait.ts'
import { type ProxiedPool, poolBlock, startProxiedPool, startServers } from './proxied-pool.ts'

interface TwoPools {
  readonly pool: ProxiedPool
  readonly main: TestMemcached
  readonly other: TestMemcached
  readonly client: Conversation
}

async function startTwo(proxy: string): Promise<TwoPools> {
  const [main, other] = await startServers(2)
  const pool = await startProxiedPool({
    servers: [main!],
    pool: 'timeout 300ms; eject off;',
    proxy,
    more: poolBlock('other', [other!], 'timeout 300ms; eject off;'),
  })
  return { pool, main: main!, other: other!, client: await pool.connect() }
}

async function ask(client: Conversation, request: string): Promise<string> {
  client.send(`${request}mn\r\n`)
  return (await client.readUntil(/MN\r\n$/)).slice(0, -'MN\r\n'.length)
}

/** The id that `gets` tells. */
async function idOf(client: Conversation, key: string): Promise<string> {
  const answer = await ask(client, `gets ${key}\r\n`)
  const found = /^VALUE \S+ \d+ \d+ (\d+)\r\n/.exec(answer)
  assert.ok(found !== null, answer)
  return found[1]!
}

/** The id on the server itself; 0: it has no such key. */
async function rawId(server: TestMemcached, key: string): Promise<number> {
  const answer = await server.ask(`gets ${key}\r\n`, /END\r\n$/)
  return Number(/^VALUE \S+ \d+ \d+ (\d+)\r\n/.exec(answer)?.[1] ?? 0)
}

/** Both servers hold other values of `key` under one and the same id. */
async function makeEqualIds(one: TestMemcached, two: TestMemcached, key: string): Promise<number> {
  const store = (server: TestMemcached) => server.ask(`set ${key} 0 0 3\r\n${server === one ? 'one' : 'two'}\r\n`)
  await Promise.all([store(one), store(two)])
  for (;;) {
    const ids = await Promise.all([rawId(one, key), rawId(two, key)])
    if (ids[0] === ids[1]) return ids[0]!
    await store(ids[0]! < ids[1]! ? one : two)
  }
}

async function comesBack({ main, pool }: TwoPools): Promise<void> {
  await main.start()
  await waitFor('the first pool to be back', async () => (await pool.ask('ma none\r\n')) === 'NF\r\n')
}

test('while the pool fails, ids of the replica are good there', async () => {
  const { main, client } = await startTwo('replicate other;')
  await main.kill()
  assert.equal(await ask(client, 'set k 0 0 1\r\n1\r\nset m 0 0 1\r\n1\r\n'), 'STORED\r\nSTORED\r\n')
  const first = await idOf(client, 'k')
  assert.equal(await ask(client, `cas k 0 0 1 ${first}\r\n2\r\ncas k 0 0 1 ${first}\r\n3\r\n`), 'STORED\r\nEXISTS\r\n')
  const metaFirst = /^HD c(\d+) km\r\n$/.exec(await ask(client, 'mg m c k\r\n'))![1]
  assert.equal(await ask(client, `ms m 1 C${metaFirst}\r\n2\r\nms m 1 C${metaFirst}\r\n3\r\n`), 'HD\r\nEX\r\n')
})

test('the same number from the replica does not match in the pool', async () => {
  const two = await startTwo('replicate other;')
  const { main, other, client } = two
  const equal = await makeEqualIds(main, other, 'k')
  await main.kill()
  const id = await idOf(client, 'k')
  await comesBack(two)
  for (;;) {
    await main.ask('set k 0 0 4\r\nmain\r\n')
    if ((await rawId(main, 'k')) >= equal) break
  }
  assert.equal(await rawId(main, 'k'), equal)
  assert.equal(await ask(client, `cas k 0 0 4 ${id}\r\nlost\r\n`), 'EXISTS\r\n')
  assert.match(await ask(client, 'get k\r\n'), /\r\nmain\r\n/)
})

test('nor does an id of the pool match in the replica', async () => {
  const { main, other, client } = await startTwo('replicate other;')
  await makeEqualIds(main, other, 'k')
  await makeEqualIds(main, other, 'm')
  const id = await idOf(client, 'k')
  const metaId = /c(\d+)/.exec(await ask(client, 'mg m c\r\n'))![1]
  await main.kill()
  const answer = await ask(client, `cas k 0 0 4 ${id}\r\nlost\r\nms m 4 C${metaId}\r\nlost\r\n`)
  assert.match(answer, /^SERVER_ERROR Connection \w+[^\r]*\r\nSERVER_ERROR Connection \w+[^\r]*\r\n$/)
  assert.match(await ask(client, 'get k m\r\n'), /\r\ntwo\r\n.*\r\ntwo\r\n/s)
})

test('an id of the failover pool is good nowhere', async () => {
  const two = await startTwo('failover other;')
  const { main, other, client } = two
  const equal = await makeEqualIds(main, other, 'k')
  await main.kill()
  const id = await idOf(client, 'k')
  assert.match(await ask(client, `cas k 0 0 4 ${id}\r\nlost\r\n`), /^SERVER_ERROR /)
  await comesBack(two)
  while ((await rawId(main, 'k')) < equal) await main.ask('set k 0 0 4\r\nmain\r\n')
  assert.equal(await rawId(main, 'k'), equal)
  assert.equal(await ask(client, `cas k 0 0 4 ${id}\r\nlost\r\n`), 'EXISTS\r\n')
})

test('with both, an id of the failover pool does not match in the replica', async () => {
  const [main, copy, spare] = await startServers(3)
  const pool = await startProxiedPool({
    servers: [main!],
    pool: 'timeout 300ms; eject off;',
    proxy: 'replicate copy; failover spare;',
    more: ['copy', 'spare']
      .map((name) => poolBlock(name, [name === 'copy' ? copy! : spare!], 'timeout 300ms; eject off;'))
      .join(''),
  })
  const client = await pool.connect()
  const equal = await makeEqualIds(copy!, spare!, 'k')
  await main!.kill()
  await copy!.kill()
  const id = await idOf(client, 'k')
  await copy!.start()
  while ((await rawId(copy!, 'k')) < equal) await copy!.ask('set k 0 0 4\r\ncopy\r\n')
  assert.equal(await rawId(copy!, 'k'), equal)
  await waitFor('the replica to be back', async () => /copy/.test(await pool.ask('get k\r\n', /END\r\n$|ERROR.*\r\n$/)))
  assert.match(await ask(client, `cas k 0 0 4 ${id}\r\nlost\r\n`), /^SERVER_ERROR /)
  assert.match(await ask(client, 'get k\r\n'), /\r\ncopy\r\n/)
})
