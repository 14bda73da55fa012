/** Whatever bytes a client sends, the connections to servers stay in step: everybody else gets his own answers, and none is lost. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { startMemcached, type TestMemcached } from '../support/memcached.ts'
import { poolPlan, testPool } from '../support/memcached-pool.ts'
import { TestProxy } from '../unit/memcached-proxy/parts.ts'

const RUNS = 400

let proxy: TestProxy
let servers: TestMemcached[]

before(async () => {
  servers = await Promise.all([1, 2, 3].map(() => startMemcached({ args: ['-t', '1', '-m', '64'] })))
  const { pool } = testPool(poolPlan(servers.map(({ address }) => address)), undefined, 0)
  proxy = new TestProxy(pool, {
    limits: { lineBytes: 5000, valueBytes: 20_000, outstanding: 50, clientBacklogBytes: 100_000 },
  })
  await proxy.listen()
})

const word = fc.oneof(
  fc.constantFrom(
    'get',
    'gets',
    'gat',
    'set',
    'add',
    'append',
    'cas',
    'delete',
    'incr',
    'touch',
    'mg',
    'ms',
    'md',
    'ma',
    'me',
    'mn',
  ),
  fc.constantFrom('a', 'b', 'key', 'k'.repeat(250), 'k'.repeat(251), 'Zm9v', '\xff\xfe', 'a\tb', 'a\0'),
  fc.constantFrom('0', '1', '5', '-1', '+1', '00', '4294967296', '99999999999999999999', '1.5', '0x1', 'x'),
  fc.constantFrom(
    'noreply',
    'q',
    'v',
    'k',
    'b',
    'T0',
    'T',
    'F1',
    'C1',
    'N5',
    'I',
    'MX',
    'O123',
    'qq',
    'S5',
    'zz',
    '\x01',
    'O'.repeat(100),
  ),
  fc.constantFrom('version', 'stats', 'flush_all', 'verbosity', 'shutdown', 'watch', 'lru_crawler', 'quit\0'),
)
const line = fc
  .tuple(
    fc.array(word, { maxLength: 8 }),
    fc.constantFrom(' ', ' ', '  '),
    fc.constantFrom('\r\n', '\r\n', '\n', ' \r\n', '\r'),
  )
  .map(([words, space, end]) => words.join(space) + end)
const storage = fc
  .tuple(
    fc.constantFrom('set', 'add', 'append', 'cas', 'ms'),
    fc.array(word, { maxLength: 5 }),
    fc.constantFrom('', 'evil', 'set evil 0 0 1\r\nx', 'ms evil 1\r\nx\r\nmn', 'x'.repeat(300), 'x'.repeat(30_000)),
    fc.constantFrom('\r\n', '\r\n', '\n', ''),
    fc.integer({ min: -2, max: 2 }).map((wrong) => (wrong === 2 ? 1 : 0)),
  )
  .map(([command, words, data, end, wrong]) => {
    const length = data.length + wrong
    const fields = command === 'ms' ? `k ${length}` : `k 0 0 ${length}${command === 'cas' ? ' 1' : ''}`
    return `${command} ${fields} ${words.join(' ')}\r\n${data}${end}`
  })
const junk = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1'))

test('no bytes of a client bring the servers out of step, or fault the proxy', async () => {
  const canary = await proxy.connect()
  let round = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(line, line, storage, storage, junk), { minLength: 1, maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 10 }),
      async (parts, sizes) => {
        const { connection, client } = await proxy.connect()
        const bytes = Buffer.from(parts.join(''), 'latin1')
        for (let at = 0, piece = 0; at < bytes.length; piece++) {
          const size = sizes[piece % sizes.length]!
          proxy.feed(connection, bytes.subarray(at, at + size))
          at += size
        }
        connection.drain()
        round++
        const keys = Array.from({ length: 6 }, (_, i) => `canary/${i * 7919}`)
        const text = `${keys.map((key) => `set ${key} 0 0 ${`${round}`.length}\r\n${round}\r\n`).join('')}get ${keys.join(' ')}\r\n`
        proxy.feed(canary.connection, Buffer.from(text))
        const values = keys.map((key) => `VALUE ${key} 0 ${`${round}`.length}\r\n${round}\r\n`).join('')
        await canary.client.expect(`${'STORED\r\n'.repeat(keys.length)}${values}END\r\n`)
        await client.readToEnd()
        client.socket.destroy()
      },
    ),
    { numRuns: RUNS },
  )
  assert.deepEqual(proxy.faults, [])
  for (const server of servers) {
    // Of the pool one, of the helper that waited for the server one, of this question one: none was lost on the way.
    assert.ok(Number(await server.stat('total_connections')) <= 4)
  }
})
