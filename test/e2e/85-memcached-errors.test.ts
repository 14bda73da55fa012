/**
 * What a memcached-proxy says to requests that are wrong: the texts of a real memcached, which is asked the same; and that data
 * of a refused request is never run as commands.
 */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { type Conversation, startMemcached, type TestMemcached } from '../support/memcached.ts'
import { type ProxiedPool, startProxiedPool } from './proxied-pool.ts'

let pool: ProxiedPool
let memcached: TestMemcached

before(async () => {
  pool = await startProxiedPool({ proxy: 'limits { line 8KiB; value 2MiB; }' })
  memcached = await startMemcached()
})

/** Everything up to the answer to `mn`, or to the end of the connection. */
async function answerTo(client: Conversation, request: string): Promise<string> {
  client.send(`${request}mn\r\n`)
  await client.until('MN or the end', () => client.buffer.includes('MN\r\n') || client.closed !== undefined)
  const answer = client.take(client.buffer.length).toString('latin1')
  client.socket.destroy()
  return answer
}

const LONG_KEY = 'k'.repeat(251)

const sameAsMemcached: readonly string[] = [
  '\r\n',
  'get\r\n',
  'gets\r\n',
  'gat\r\n',
  'GET a\r\n',
  'foo bar\r\n',
  'verbosity\r\n',
  `get ${LONG_KEY}\r\n`,
  `get a ${LONG_KEY} b\r\n`,
  `gets ${LONG_KEY}\r\n`,
  `gat 0 ${LONG_KEY}\r\n`,
  'gat x a\r\n',
  'gat 99999999999999999999 a\r\n',
  'gats x a\r\n',
  'set\r\n',
  'set k\r\n',
  'set k 0\r\n',
  'incr\r\n',
  'incr k\r\n',
  'incr k x\r\n',
  'incr k -1\r\n',
  'decr k 1.5\r\n',
  'incr k 18446744073709551616\r\n',
  `incr ${LONG_KEY} 1\r\n`,
  'set k 0 0 1\r\nx\r\nincr k 1\r\n',
  'touch\r\n',
  'touch k\r\n',
  'touch k x\r\n',
  `touch ${LONG_KEY} 1\r\n`,
  'delete\r\n',
  'delete k 1\r\n',
  'delete k a b\r\n',
  'delete k x\r\n',
  `delete ${LONG_KEY}\r\n`,
  'mg\r\n',
  `mg ${LONG_KEY} v\r\n`,
  'mg k z\r\n',
  'mg k v v\r\n',
  'mg k q q\r\n',
  'mg k b v\r\n',
  `mg k O${'o'.repeat(40)}\r\n`,
  `mg k ${'v '.repeat(30)}\r\n`,
  'me\r\n',
  'md\r\n',
  'md k z\r\n',
  `md ${LONG_KEY}\r\n`,
  'ma\r\n',
  'ma k Dx\r\n',
  'ms\r\n',
  'ms k 2 ZZ\r\nab\r\n',
  'ms k 2 T\r\nab\r\n',
  'ms k 2 T0 T0\r\nab\r\n',
  'ms k 2 MX\r\nab\r\n',
  'ms k 2 b\r\nab\r\n',
  'ms k 2 Cx\r\nab\r\n',
  `set k 0 0 1048577\r\n${'x'.repeat(1048577)}\r\n`,
  `set k 0 0 2000000\r\n${'x'.repeat(2000000)}\r\n`,
  `set k 0 0 2000000 noreply\r\n${'x'.repeat(2000000)}\r\n`,
  `ms k 1048577\r\n${'x'.repeat(1048577)}\r\n`,
]

test('errors are those of memcached', async () => {
  for (const request of sameAsMemcached) {
    const expected = await answerTo(await memcached.connect(), request)
    assert.match(expected, /MN\r\n$/)
    assert.equal(await answerTo(await pool.connect(), request), expected, JSON.stringify(request.slice(0, 80)))
  }
})

/** What would be done if data were read as commands. */
const EVIL = 'set evil 0 0 1\r\nx\r\n'
const EVIL_BYTES = EVIL.length
const BAD_LINE = 'CLIENT_ERROR bad command line format\r\n'
const TOO_LARGE = 'SERVER_ERROR object too large for cache\r\n'

/** Storage commands whose data is a command; behind them the connection is at its next request, or closed. */
const withEvilData: readonly (readonly [line: string, answer: string, closes?: 'closes'])[] = [
  [`set ${LONG_KEY} 0 0 ${EVIL_BYTES}`, BAD_LINE],
  [`set ${LONG_KEY} 0 0 ${EVIL_BYTES} noreply`, ''],
  [`set a\tb 0 0 ${EVIL_BYTES}`, BAD_LINE],
  [`set a\0b 0 0 ${EVIL_BYTES}`, BAD_LINE],
  [`set k x 0 ${EVIL_BYTES}`, BAD_LINE],
  [`set k 4294967296 0 ${EVIL_BYTES}`, BAD_LINE],
  [`set k 99999999999999999999999 0 ${EVIL_BYTES}`, BAD_LINE],
  [`set k 0 x ${EVIL_BYTES}`, BAD_LINE],
  [`set k 0 99999999999999999999999 ${EVIL_BYTES}`, BAD_LINE],
  [`cas k 0 0 ${EVIL_BYTES} x`, BAD_LINE],
  [`cas k 0 0 ${EVIL_BYTES} 18446744073709551616`, BAD_LINE],
  [`ms ${LONG_KEY} ${EVIL_BYTES}`, BAD_LINE],
  [`ms k ${EVIL_BYTES} T0 \x01`, BAD_LINE],
  [`ms k ${EVIL_BYTES} ${'ABCDEFGHIJKLMNOPQ'.split('').join(' ')}`, 'CLIENT_ERROR options flags too long\r\n'],
  [`ms k ${EVIL_BYTES} O${'o'.repeat(4000)}`, BAD_LINE],
  [`ms k ${EVIL_BYTES} bad flags`, 'CLIENT_ERROR error decoding key\r\n'],
  [`ms k ${EVIL_BYTES} T99999999999999999999`, 'CLIENT_ERROR bad token in command line format\r\n'],
  ['set k 0 0 x', BAD_LINE, 'closes'],
  ['set k 0 0 -1', BAD_LINE, 'closes'],
  ['set k 0 0 0x10', BAD_LINE, 'closes'],
  ['set k 0 0 99999999999999999999', TOO_LARGE, 'closes'],
  [`cas k 0 0 ${EVIL_BYTES}`, 'ERROR\r\n', 'closes'],
  [`set k 0 0 ${EVIL_BYTES} more words`, 'ERROR\r\n', 'closes'],
  [`set k 0 0 ${EVIL_BYTES} reply`, 'ERROR\r\n', 'closes'],
  ['set a b c 0 0 5', 'ERROR\r\n', 'closes'],
  // Keys with a space in them, or with nothing: what stands where the length should be is another number.
  [`set a b 0 0 ${EVIL_BYTES + 2}\r\n`, 'ERROR\r\n', 'closes'],
  [`set a b 0 0 ${EVIL_BYTES + 2} noreply\r\n`, 'ERROR\r\n', 'closes'],
  [`set  0 0 ${EVIL_BYTES}`, 'ERROR\r\n', 'closes'],
  [`cas  0 0 ${EVIL_BYTES + 3} 1\r\nx`, 'ERROR\r\n', 'closes'],
  [`cas  0 0 ${EVIL_BYTES + 3} 1 noreply\r\nx`, 'ERROR\r\n', 'closes'],
  [`ms  ${EVIL_BYTES}`, BAD_LINE, 'closes'],
  [`ms a 3 ${EVIL_BYTES + 5} T0\r\nabc`, 'CLIENT_ERROR invalid flag\r\n', 'closes'],
  ['ms k x', BAD_LINE, 'closes'],
  ['set k 0 0 3', 'CLIENT_ERROR bad data chunk\r\n', 'closes'],
  ['set k 0 0 1000 x', 'ERROR\r\n', 'closes'],
  ['ms k 3 T0', 'CLIENT_ERROR bad data chunk\r\n', 'closes'],
]

test('data of a refused request is not run', async () => {
  for (const [line, answer, closes] of withEvilData) {
    const client = await pool.connect()
    client.send(`get none\r\n${line}\r\n${EVIL}\r\nmn\r\n${closes === undefined ? '' : 'x'.repeat(1000)}`)
    client.end()
    const got = (await client.readToEnd()).toString('latin1')
    assert.equal(got, `END\r\n${answer}${closes === undefined ? 'MN\r\n' : ''}`, JSON.stringify(line.slice(0, 80)))
  }
  assert.equal(await pool.ask('get evil\r\n'), 'END\r\n')
})

test('so it is when the data comes byte by byte', async () => {
  const refused = withEvilData.filter(([line, , closes]) => closes === undefined && line.length < 400)
  const text = refused.map(([line]) => `${line}\r\n${EVIL}\r\n`).join('')
  const client = await pool.connect()
  for (const byte of `${text}mn\r\n`) await client.sendAll(Buffer.from(byte, 'latin1'))
  assert.equal(await client.readUntil(/MN\r\n$/), `${refused.map(([, answer]) => answer).join('')}MN\r\n`)
  assert.equal(await pool.ask('get evil\r\n'), 'END\r\n')
})

test('a value over the limit of the proxy is refused without a server, and skipped', async () => {
  const client = await pool.connect()
  const value = Buffer.alloc(3 * 1024 * 1024, EVIL)
  client.send(Buffer.concat([Buffer.from(`set k 0 0 ${value.length}\r\n`), value, Buffer.from('\r\nmn\r\n')]))
  assert.equal(await client.readUntil(/MN\r\n$/), `${TOO_LARGE}MN\r\n`)
  assert.equal(await pool.ask('get evil k\r\n'), 'END\r\n')
})

test('what is not for everybody does not reach a server', async () => {
  for (const line of [
    'shutdown',
    'slabs reassign 1 2',
    'lru_crawler enable',
    'watch',
    'cache_memlimit 1',
    'lru mode flat',
  ])
    assert.equal(await pool.ask(`${line}\r\n`), 'ERROR\r\n', line)
  assert.equal(await pool.ask('stats items\r\n'), 'ERROR\r\n')
  await Promise.all(pool.servers.map(async (server) => assert.match(await server.ask('version\r\n'), /^VERSION/)))
})

test('a line over the limit is refused and ends the connection, also one without an end', async () => {
  for (const line of [`get ${'k '.repeat(5000)}\r\n`, 'x'.repeat(9000)]) {
    const client = await pool.connect()
    client.send(`mn\r\n${line}`)
    assert.equal((await client.readToEnd()).toString(), 'MN\r\nCLIENT_ERROR line too long\r\n')
  }
})

test('flush_all is refused, without an answer if none is wanted', async () => {
  assert.equal(await pool.ask('flush_all\r\n'), 'SERVER_ERROR flush_all is disabled\r\n')
  assert.equal(await pool.ask('flush_all 10\r\n'), 'SERVER_ERROR flush_all is disabled\r\n')
  assert.equal(await pool.ask('flush_all x\r\n'), 'CLIENT_ERROR invalid exptime argument\r\n')
  assert.equal(await pool.ask('flush_all noreply\r\nmn\r\n'), 'MN\r\n')
})
