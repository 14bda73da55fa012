/**
 * A proxy over three servers against one server: whatever is asked, in whatever pieces, both say the same. The model that is
 * plainly right is memcached itself.
 */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { startMemcached, type TestMemcached } from '../support/memcached.ts'
import { poolPlan, testPool } from '../support/memcached-pool.ts'
import type { Wire } from '../support/wire.ts'
import { TestProxy } from '../unit/memcached-proxy/parts.ts'

const RUNS = 150

let proxy: TestProxy
let single: TestMemcached
let round = 0

before(async () => {
  const start = () => startMemcached({ args: ['-t', '1', '-m', '64'] })
  const servers = await Promise.all([start(), start(), start()])
  single = await start()
  const { pool } = testPool(poolPlan(servers.map(({ address }) => address)), undefined, 0)
  proxy = new TestProxy(pool)
  await proxy.listen()
})

const key = fc.integer({ min: 0, max: 9 }).map((n) => `K/${n * 7919}`)
/** Not empty and not beginning with white space: memcached then looks for a number in what lies behind the value. */
const data = fc.oneof(
  fc.constantFrom('5', '18446744073709551615', 'END\r\n', 'x\r\n', 'get a\r\n', '\0\x01\xff'),
  fc.integer({ min: 1, max: 30_000 }).map((length) => 'v'.repeat(length)),
)
const flags = fc.constantFrom('0', '1', '4294967295')
const noreply = fc.constantFrom('', '', '', ' noreply')
const quiet = fc.constantFrom('', '', ' q')
const opaque = fc.constantFrom('', ' O1', ' k', ' k O22')

const storage = fc
  .tuple(fc.constantFrom('set', 'set', 'add', 'replace', 'append', 'prepend'), key, flags, data, noreply)
  .map(([command, k, f, d, n]) => `${command} ${k} ${f} 0 ${d.length}${n}\r\n${d}\r\n`)
const metaSet = fc
  .tuple(key, data, fc.constantFrom('', ' F7', ' ME', ' MA', ' MR', ' Zbad', ' T'), quiet, opaque)
  .map(([k, d, mode, q, o]) => `ms ${k} ${d.length}${mode}${q}${o}\r\n${d}\r\n`)
const encodedSet = fc
  .tuple(key, data)
  .map(([k, d]) => `ms ${Buffer.from(k).toString('base64')} ${d.length} b\r\n${d}\r\n`)
const get = fc.array(key, { minLength: 1, maxLength: 12 }).map((keys) => `get ${keys.join(' ')}\r\n`)
const getAndTouch = fc.array(key, { minLength: 1, maxLength: 5 }).map((keys) => `gat 0 ${keys.join('  ')} \r\n`)
const metaGet = fc
  .tuple(key, fc.constantFrom('', ' v', ' s v f', ' t', ' v v', ' zz'), quiet, opaque)
  .map(([k, f, q, o]) => `mg ${k}${f}${q}${o}\r\n`)
const change = fc
  .tuple(fc.constantFrom('incr', 'decr'), key, fc.constantFrom('0', '1', '10', 'x', '18446744073709551615'), noreply)
  .map(([command, k, delta, n]) => `${command} ${k} ${delta}${delta === 'x' ? '' : n}\r\n`)
const metaChange = fc
  .tuple(key, fc.constantFrom('', ' N0 J5', ' MD', ' v'), quiet)
  // One that makes the item is not quiet in memcached 1.6.18, whatever it was told.
  .map(([k, f, q]) => `ma ${k}${f}${f.includes('N') ? '' : q}\r\n`)
const remove = fc.tuple(key, fc.constantFrom('', ' 0'), noreply).map(([k, zero, n]) => `delete ${k}${zero}${n}\r\n`)
const metaRemove = fc.tuple(key, quiet, opaque).map(([k, q, o]) => `md ${k}${q}${o}\r\n`)
const touch = fc.tuple(key, fc.constantFrom('0', '100', 'x')).map(([k, exptime]) => `touch ${k} ${exptime}\r\n`)
// Not a get of a key that is too long: memcached 1.6.18 then forgets answers it has not written yet.
const wrong = fc.constantFrom('get\r\n', 'nonsense\r\n', '\r\n', 'mg\r\n', 'delete K 5\r\n', 'mn\r\n')

const request = fc.oneof(
  storage,
  storage,
  metaSet,
  encodedSet,
  get,
  get,
  getAndTouch,
  metaGet,
  change,
  metaChange,
  remove,
  metaRemove,
  touch,
  wrong,
)

test('a proxy over three servers says what one server says', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 60 }),
      fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 }),
      async (texts, sizes) => {
        // Keys of its own for every run: nothing is left of the one before. Same length, so that encoded keys fit in.
        const name = String.fromCharCode(
          0x41 + (round % 26),
          0x41 + (Math.floor(round / 26) % 26),
          0x41 + Math.floor(round / 676),
        )
        round++
        const all = texts.map((text) => named(text, name)).join('')
        const expected = await askSingle(all)
        assert.equal(await askProxy(all, sizes), expected)
      },
    ),
    { numRuns: RUNS },
  )
  assert.deepEqual(proxy.faults, [])
})

/** The request with keys of this run, plain or encoded. */
function named(text: string, name: string): string {
  if (text.startsWith('ms ') && / b\r\n/.test(text.slice(0, 80))) {
    const [, encoded] = text.split(' ')
    const decoded = Buffer.from(encoded!, 'base64').toString().replace('K/', `${name}/`)
    return text.replace(encoded!, Buffer.from(decoded).toString('base64'))
  }
  return text.replace(/^[^\r]*/, (line) => line.replaceAll('K/', `${name}/`))
}

const LAST = 'mn\r\nversion\r\n'

async function askSingle(text: string): Promise<string> {
  const client = await single.connect()
  client.send(text + LAST)
  return withoutLast(client)
}

async function askProxy(text: string, sizes: readonly number[]): Promise<string> {
  const { connection, client } = await proxy.connect()
  const bytes = Buffer.from(text + LAST, 'latin1')
  for (let at = 0, piece = 0; at < bytes.length; piece++) {
    const size = sizes[piece % sizes.length]!
    proxy.feed(connection, bytes.subarray(at, at + size))
    at += size
  }
  return withoutLast(client)
}

async function withoutLast(client: Wire): Promise<string> {
  const end = /MN\r\nVERSION [\d.]+\r\n$/
  await client.until('the last answer', () =>
    end.test(client.buffer.toString('latin1', Math.max(0, client.buffer.length - 40))),
  )
  client.socket.destroy()
  return client.take(client.buffer.length).toString('latin1').replace(end, '')
}
