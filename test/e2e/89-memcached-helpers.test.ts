/** Where several pools take part in one proxy: routes, failover, replicate, warm; and flush_all, reload, statistics. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Conversation, connectMemcached, type TestMemcached } from '../support/memcached.ts'
import { waitFor } from '../support/wait.ts'
import { type ProxiedPool, poolBlock, proxyConfig, startProxiedPool, startServers } from './proxied-pool.ts'

/** A proxy in front of pool `edge` with one server, and pool `other` with another one. */
async function startTwo(
  proxy: string,
  pool = 'timeout 300ms; eject off;',
): Promise<{
  pool: ProxiedPool
  main: TestMemcached
  other: TestMemcached
  client: Conversation
}> {
  const [main, other] = await startServers(2)
  const started = await startProxiedPool({
    servers: [main!],
    pool,
    proxy,
    more: poolBlock('other', [other!], 'timeout 300ms; eject off;'),
  })
  return { pool: started, main: main!, other: other!, client: await started.connect() }
}

/** Sends `request` and takes the answer, which must be `answer`. */
async function exchange(client: Conversation, request: string, answer: string): Promise<void> {
  client.send(`${request}mn\r\n`)
  const got = await client.readUntil(/MN\r\n$/)
  assert.equal(got, `${answer}MN\r\n`, JSON.stringify(request))
}

/** What a server itself has under a key. */
async function stored(server: TestMemcached, key: string): Promise<string | undefined> {
  const answer = await server.ask(`get ${key}\r\n`, /END\r\n$/)
  return /^VALUE \S+ \S+ \S+\r\n(.*)\r\nEND\r\n$/s.exec(answer)?.[1]
}

const value = (key: string, data: string, flags = 0): string => `VALUE ${key} ${flags} ${data.length}\r\n${data}\r\n`

test('keys with a prefix go to the pool of the longest one, also in one multi-get and when they are encoded', async () => {
  const [main, ab, abc] = await startServers(3)
  const pool = await startProxiedPool({
    servers: [main!],
    more: poolBlock('two', [ab!]) + poolBlock('three', [abc!]),
    proxy: 'route prefix ab: to two; route prefix ab:c to three;',
  })
  const client = await pool.connect()
  for (const key of ['a', 'ab', 'ab:', 'ab:b', 'ab:c', 'ab:cd'])
    client.send(`set ${key} 0 0 ${key.length}\r\n${key}\r\n`)
  await client.read(6 * 'STORED\r\n'.length)
  await exchange(
    client,
    'get ab:cd ab a ab:b\r\n',
    `${['ab:cd', 'ab', 'a', 'ab:b'].map((key) => value(key, key)).join('')}END\r\n`,
  )
  assert.deepEqual([await stored(main!, 'ab'), await stored(main!, 'ab:b')], ['ab', undefined])
  assert.deepEqual([await stored(ab!, 'ab:'), await stored(ab!, 'ab:c')], ['ab:', undefined])
  assert.deepEqual([await stored(abc!, 'ab:c'), await stored(abc!, 'ab:cd')], ['ab:c', 'ab:cd'])
  await exchange(client, `ms ${Buffer.from('ab:x').toString('base64')} 1 b\r\nx\r\n`, 'HD\r\n')
  assert.equal(await stored(ab!, 'ab:x'), 'x')
})

test('failover: gets ask the other pool while the owner fails or is out; writes do not', async () => {
  const { main, other, client, pool } = await startTwo('failover other;')
  await exchange(client, 'set a 1 0 4\r\nmain\r\n', 'STORED\r\n')
  assert.equal(await stored(other, 'a'), undefined)
  await other.ask('set a 2 0 5\r\nspare\r\n')
  await exchange(client, 'get a\r\nget none\r\n', `${value('a', 'main', 1)}END\r\nEND\r\n`)
  await main.kill()
  const refused = 'SERVER_ERROR Connection refused\r\n'
  await waitFor('a refused write', async () => (await pool.ask('set b 0 0 1\r\nx\r\n')) === refused)
  await exchange(
    client,
    'get a\r\nget a none a\r\nmg a v f\r\ngat 0 a\r\nset a 0 0 1\r\nx\r\ndelete a\r\nget none\r\n',
    `${value('a', 'spare', 2)}END\r\n${value('a', 'spare', 2)}${value('a', 'spare', 2)}END\r\nVA 5 f2\r\nspare\r\n` +
      `${value('a', 'spare', 2)}END\r\n${refused}${refused}END\r\n`,
  )
  assert.match(await pool.ask('stats\r\n', /END\r\n$/), /^STAT failed_over 7\r$/m)
  await other.kill()
  await waitFor('both to be gone', async () => (await pool.ask('get a\r\n')) === refused)
})

test('failover: while a server is ejected its keys are looked for in its place first, and then in the other pool', async () => {
  const servers = await startServers(2)
  const [spare] = await startServers(1)
  const pool = await startProxiedPool({
    servers,
    pool: 'timeout 300ms; eject after 1 for 60s;',
    proxy: 'failover other;',
    more: poolBlock('other', [spare!]),
  })
  const client = await pool.connect()
  const keys = Array.from({ length: 50 }, (_, i) => `${i * 7919}`)
  for (const key of keys) await spare!.ask(`set ${key} 0 0 5\r\nspare\r\n`)
  for (const key of keys) client.send(`set ${key} 0 0 4\r\nmain\r\n`)
  await client.read(keys.length * 'STORED\r\n'.length)
  const lost: string[] = []
  for (const key of keys) if ((await stored(servers[0]!, key)) !== undefined) lost.push(key)
  assert.ok(lost.length > 5 && lost.length < 45)
  await servers[0]!.kill()
  await waitFor('its ejection', async () => {
    await pool.ask(`get ${lost[0]}\r\n`, /END\r\n$/)
    return /servers_live 1\r/.test(await pool.ask('stats\r\n', /END\r\n$/))
  })
  const expected = keys.map((key) => value(key, lost.includes(key) ? 'spare' : 'main'))
  await exchange(client, `get ${keys.join(' ')} none\r\n`, `${expected.join('')}END\r\n`)
  await exchange(
    client,
    `set ${lost[0]} 0 0 3\r\nnew\r\nget ${lost[0]}\r\n`,
    `STORED\r\n${value(lost[0]!, 'new')}END\r\n`,
  )
})

test('replicate: writes go to both pools, reads are answered by the other when the first fails', async () => {
  const { main, other, client, pool } = await startTwo('replicate other;')
  await exchange(
    client,
    'set a 1 0 1\r\n1\r\nadd b 0 0 1 noreply\r\n2\r\nset n 0 0 1\r\n5\r\nincr n 3\r\nappend a 0 0 1\r\n+\r\nms m 2 T0\r\nhi\r\nset d 0 0 1\r\nd\r\ndelete d\r\ntouch a 100\r\n',
    'STORED\r\nSTORED\r\n8\r\nSTORED\r\nHD\r\nSTORED\r\nDELETED\r\nTOUCHED\r\n',
  )
  for (const [key, data] of [
    ['a', '1+'],
    ['b', '2'],
    ['n', '8'],
    ['m', 'hi'],
    ['d', undefined],
  ] as const) {
    assert.equal(await stored(main, key), data)
    assert.equal(await stored(other, key), data)
  }
  client.send('gets a\r\n')
  const id = /VALUE a 1 2 (\d+)/.exec(await client.readUntil(/END\r\n$/))![1]
  await exchange(client, `cas a 7 0 3 ${id}\r\ncas\r\ncas a 7 0 3 ${id}\r\nbad\r\n`, 'STORED\r\nEXISTS\r\n')
  client.send('mg m c\r\n')
  const metaId = /c(\d+)/.exec(await client.line())![1]
  await exchange(client, `ms m 4 C${metaId} F3\r\nmeta\r\n`, 'HD\r\n')
  await waitFor('the replica to have it', async () => (await stored(other, 'm')) === 'meta')
  assert.equal(await stored(other, 'a'), 'cas')
  await other.ask('set a 0 0 5\r\nother\r\n')
  await exchange(client, 'get a\r\n', `${value('a', 'cas', 7)}END\r\n`)
  await main.kill()
  await exchange(client, 'get a b none\r\n', `${value('a', 'other')}${value('b', '2')}END\r\n`)
  await exchange(
    client,
    'set a 0 0 1\r\nx\r\nget a\r\nincr n 1\r\ndelete b\r\n',
    `STORED\r\n${value('a', 'x')}END\r\n9\r\nDELETED\r\n`,
  )
  assert.match(await pool.ask('stats\r\n', /END\r\n$/), /^STAT by_replica [1-9]/m)
  await other.kill()
  await waitFor('both to be gone', async () =>
    (await pool.ask('set a 0 0 1\r\nx\r\n')).startsWith('SERVER_ERROR Connection re'),
  )
  await main.start()
  await waitFor('the first to be back', async () => (await pool.ask('set a 0 0 1\r\ny\r\n')) === 'STORED\r\n')
  await exchange(client, 'get a\r\n', `${value('a', 'y')}END\r\n`)
})

test('warm: what the new pool misses is copied from the old one, with flags and time, and never over something newer', async () => {
  const { main, other, client, pool } = await startTwo('warm from other;')
  const inFortyDays = Math.floor(Date.now() / 1000) + 40 * 24 * 3600
  for (const [key, data, flags, exptime] of [
    ['a', 'old', 77, 100],
    ['b', 'kept', 0, 0],
    ['long', 'l', 1, inFortyDays],
  ] as const)
    assert.equal(await other.ask(`set ${key} ${flags} ${exptime} ${data.length}\r\n${data}\r\n`), 'STORED\r\n')
  const big = 'x'.repeat(300_000)
  assert.equal(await other.ask(`set big 5 0 ${big.length}\r\n${big}\r\n`), 'STORED\r\n')
  await exchange(client, 'set b 0 0 3\r\nnew\r\n', 'STORED\r\n')
  await exchange(
    client,
    'get a\r\nget b\r\nget none\r\nget a long none b\r\nmg a f v\r\n',
    `${value('a', 'old', 77)}END\r\n${value('b', 'new')}END\r\nEND\r\n` +
      `${value('a', 'old', 77)}${value('long', 'l', 1)}${value('b', 'new')}END\r\nVA 3 f77\r\nold\r\n`,
  )
  await exchange(client, 'get big\r\n', `${value('big', big, 5)}END\r\n`)
  assert.equal(await stored(main, 'a'), 'old')
  assert.equal((await main.ask('mg a t f\r\n')).replace(/t(9\d|100)/, 't?'), 'HD t? f77\r\n')
  assert.match(await main.ask('mg b t\r\n'), /^HD t-1/)
  assert.match(await pool.ask('stats\r\n', /END\r\n$/), /^STAT warmed 3\r$/m)
  client.send('gets a\r\n')
  const id = /VALUE a 77 3 (\d+)/.exec(await client.readUntil(/END\r\n$/))![1]
  await exchange(client, `cas a 0 0 1 ${id}\r\nz\r\n`, 'STORED\r\n')
})

test('warm: what is written or deleted does not come back from the old pool', async () => {
  const { main, other, client } = await startTwo('warm from other;')
  for (const key of ['a', 'b', 'c', 'd']) await other.ask(`set ${key} 0 0 3\r\nold\r\n`)
  await exchange(
    client,
    'set a 0 0 3\r\nnew\r\ndelete b\r\nmd c\r\nget d\r\n',
    `STORED\r\nNOT_FOUND\r\nNF\r\n${value('d', 'old')}END\r\n`,
  )
  await exchange(client, 'append d 0 0 1\r\n!\r\nreplace none 0 0 1\r\nx\r\n', 'STORED\r\nNOT_STORED\r\n')
  await waitFor('an empty old pool', async () => Number(await other.stat('curr_items')) === 0)
  await main.flush()
  await waitFor('an emptied new pool', async () => (await stored(main, 'a')) === undefined)
  await exchange(client, 'get a b c d\r\n', 'END\r\n')
})

test('warm: an old pool that is gone makes misses of misses', async () => {
  const { other, client } = await startTwo('warm from other;')
  await exchange(client, 'set a 0 0 1\r\nx\r\n', 'STORED\r\n')
  await other.kill()
  await exchange(client, 'get a none\r\nget none\r\nmg none v\r\n', `${value('a', 'x')}END\r\nEND\r\nEN\r\n`)
})

test('flush_all empties every server that is written to', async () => {
  const { main, other, client } = await startTwo('replicate other; flush-all on;')
  await exchange(client, 'set a 0 0 1\r\nx\r\nflush_all\r\nget a\r\n', 'STORED\r\nOK\r\nEND\r\n')
  assert.deepEqual([await stored(main, 'a'), await stored(other, 'a')], [undefined, undefined])
  await exchange(
    client,
    'set a 0 0 1\r\nx\r\nflush_all noreply\r\nget a\r\nflush_all 0\r\nflush_all x\r\n',
    'STORED\r\nEND\r\nOK\r\nCLIENT_ERROR invalid exptime argument\r\n',
  )
  await other.kill()
  await exchange(client, 'flush_all\r\nget a\r\n', 'SERVER_ERROR Connection refused\r\nEND\r\n')
})

test('flush_all empties the pool to warm from too, or its values would come back', async () => {
  const { main, other, client } = await startTwo('warm from other; flush-all on;')
  await other.ask('set a 0 0 3\r\nold\r\n')
  await exchange(client, 'set b 0 0 1\r\nx\r\nflush_all\r\nget a b\r\n', 'STORED\r\nOK\r\nEND\r\n')
  assert.deepEqual([await stored(main, 'b'), await stored(other, 'a')], [undefined, undefined])
})

test('statistics of twemproxy: one object of its shape, with the numbers of all workers', async () => {
  const [spare] = await startServers(1)
  const pool = await startProxiedPool({
    workers: 2,
    proxy: 'stats %listen:stats%; failover be;',
    more: poolBlock('be', [spare!]),
  })
  const clients = await Promise.all(Array.from({ length: 8 }, () => pool.connect()))
  for (const client of clients)
    await exchange(
      client,
      'set a 0 0 1\r\nx\r\nget a b\r\nnonsense\r\n',
      `STORED\r\n${value('a', 'x')}END\r\nERROR\r\n`,
    )
  const ask = async () => {
    const collector = await connectMemcached({ port: pool.shellac.portOf('stats'), host: '127.0.0.1' })
    return (await collector.readToEnd()).toString()
  }
  const text = await ask()
  assert.match(
    text,
    /^\{"service":"nutcracker", "source":"[^"]+", "version":"[^"]+", "uptime":\d+, "timestamp":\d+, "total_connections":\d+, "curr_connections":\d+, "be": \{/,
  )
  assert.match(text, /\}\},"edge": \{"client_eof":\d+, .*\}\}\}\n$/)
  const stats = JSON.parse(text)
  assert.deepEqual(Object.keys(stats).slice(7), ['be', 'edge'])
  assert.deepEqual(Object.keys(stats.edge), [
    'client_eof',
    'client_err',
    'client_connections',
    'server_ejects',
    'forward_error',
    'fragments',
    'mc1',
    'mc2',
    'mc3',
  ])
  assert.deepEqual(Object.keys(stats.edge.mc1), [
    'server_eof',
    'server_err',
    'server_timedout',
    'server_connections',
    'server_ejected_at',
    'requests',
    'request_bytes',
    'responses',
    'response_bytes',
    'in_queue',
    'in_queue_bytes',
    'out_queue',
    'out_queue_bytes',
  ])
  assert.deepEqual([stats.edge.client_connections, stats.edge.fragments, stats.edge.forward_error], [8, 16, 0])
  const sum = (name: string) => ['mc1', 'mc2', 'mc3'].reduce((total, server) => total + stats.edge[server][name], 0)
  assert.equal(sum('requests'), 8 + 16, 'two keys on two servers are two requests')
  assert.equal(sum('responses'), sum('requests'))
  for (const client of clients) client.end()
  await waitFor('the clients to be counted out', async () => JSON.parse(await ask()).edge.client_eof === 8)
})

test('reload: clients stay, and their next requests follow the new configuration', async () => {
  const [first, second] = await startServers(2)
  const more = (pool: string) =>
    `${poolBlock('one', [first!])}${poolBlock('two', [second!])}memcached-proxy extra { listen %listen:extra%; pool ${pool}; }\n`
  const pool = await startProxiedPool({ servers: [first!], more: more('one') })
  const client = await connectMemcached({ port: pool.shellac.portOf('extra'), host: '127.0.0.1' })
  await exchange(client, 'set a 0 0 3\r\none\r\nget a\r\n', `STORED\r\n${value('a', 'one')}END\r\n`)
  await pool.shellac.reload(proxyConfig([first!], { more: more('two') }))
  await exchange(client, 'get a\r\nset a 0 0 3\r\ntwo\r\nget a\r\n', `END\r\nSTORED\r\n${value('a', 'two')}END\r\n`)
  assert.deepEqual([await stored(first!, 'a'), await stored(second!, 'a')], ['one', 'two'])
  await pool.shellac.reload(proxyConfig([first!]))
  client.send('get a\r\n')
  await client.until('the end', () => client.closed !== undefined)
  assert.equal(await pool.ask('get a\r\n', /END\r\n$/), `${value('a', 'one')}END\r\n`)
})
