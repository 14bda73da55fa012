/** A memcached-proxy speaks as one memcached would: every command, in order, however the bytes are cut. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { type ProxiedPool, startProxiedPool } from './proxied-pool.ts'

let pool: ProxiedPool

before(async () => {
  pool = await startProxiedPool()
})

/** A request and its answer; a RegExp where the answer has a number in it that differs from run to run. */
const conversation: readonly (readonly [request: string, answer: string])[] = [
  ['set a 1 0 5\r\nhello\r\n', 'STORED\r\n'],
  ['set b 4294967295 -0 0\r\n\r\n', 'STORED\r\n'],
  ['set c 0 0 16 noreply\r\nEND\r\n\0VALUE a 0\n\r\n', ''],
  ['get a\r\n', 'VALUE a 1 5\r\nhello\r\nEND\r\n'],
  [' get  b  \r\n', 'VALUE b 4294967295 0\r\n\r\nEND\r\n'],
  ['get c\n', 'VALUE c 0 16\r\nEND\r\n\0VALUE a 0\n\r\nEND\r\n'],
  ['get none\r\n', 'END\r\n'],
  [
    'get c none a b none a\r\n',
    'VALUE c 0 16\r\nEND\r\n\0VALUE a 0\n\r\nVALUE a 1 5\r\nhello\r\nVALUE b 4294967295 0\r\n\r\nVALUE a 1 5\r\nhello\r\nEND\r\n',
  ],
  ['add a 0 0 1\r\nx\r\n', 'NOT_STORED\r\n'],
  ['replace a 2 0 2\r\nhi\r\n', 'STORED\r\n'],
  ['append a 0 0 3\r\n...\r\n', 'STORED\r\n'],
  ['prepend a 0 0 1\r\n>\r\n', 'STORED\r\n'],
  ['gat 0 a none\r\n', 'VALUE a 2 6\r\n>hi...\r\nEND\r\n'],
  ['version\r\n', 'VERSION 1.6.0\r\n'],
  ['mn\r\n', 'MN\r\n'],
  ['cas a 0 0 1 1\r\nx\r\n', 'EXISTS\r\n'],
  ['cas none 0 0 1 1\r\nx\r\n', 'NOT_FOUND\r\n'],
  ['set n 0 0 2\r\n10\r\n', 'STORED\r\n'],
  ['incr n 5\r\n', '15\r\n'],
  ['decr n 6\r\n', '9\r\n'],
  ['get n\r\n', 'VALUE n 0 2\r\n9 \r\nEND\r\n'],
  ['incr n 1 noreply\r\n', ''],
  ['incr none 1\r\n', 'NOT_FOUND\r\n'],
  ['incr a 1\r\n', 'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n'],
  ['touch a 100\r\n', 'TOUCHED\r\n'],
  ['touch none 100\r\n', 'NOT_FOUND\r\n'],
  ['set k\xff\xfe 0 0 1 \r\nx\r\n', 'STORED\r\n'],
  ['get k\xff\xfe\r\n', 'VALUE k\xff\xfe 0 1\r\nx\r\nEND\r\n'],
  ['nonsense\r\n', 'ERROR\r\n'],
  ['\r\n', 'ERROR\r\n'],
  ['delete b 0\r\n', 'DELETED\r\n'],
  ['delete b\r\n', 'NOT_FOUND\r\n'],
  ['delete n 0 noreply\r\n', ''],
  ['get n b\r\n', 'END\r\n'],
  ['ms m 3 F7 T0\r\nabc\r\n', 'HD\r\n'],
  ['mg m s v f\r\n', 'VA 3 s3 f7\r\nabc\r\n'],
  ['ms m 1 q\r\nz\r\n', ''],
  ['mg m v k q O12\r\n', 'VA 1 km O12\r\nz\r\n'],
  ['mg none v q\r\n', ''],
  ['mg none v k O9\r\n', 'EN knone O9\r\n'],
  ['ms m 1 ME q\r\ny\r\n', 'NS\r\n'],
  ['md none q\r\n', 'NF\r\n'],
  ['md m q\r\n', ''],
  ['ma cnt N0 J5 v\r\n', 'VA 1\r\n5\r\n'],
  ['ma cnt q v\r\n', ''],
  ['ma none q\r\n', 'NF\r\n'],
  ['mg m zz\r\n', 'CLIENT_ERROR invalid flag\r\n'],
  ['ms Zm9v 2 b\r\nhi\r\n', 'HD\r\n'],
  ['get foo\r\n', 'VALUE foo 0 2\r\nhi\r\nEND\r\n'],
  ['mg Zm9v b v k\r\n', 'VA 2 kZm9v b\r\nhi\r\n'],
  ['set x 0 0 2\r\nno\r\n', 'STORED\r\n'],
  ['delete cnt noreply\r\n', ''],
  ['mn\r\n', 'MN\r\n'],
]

const allRequests = conversation.map(([request]) => request).join('')
const allAnswers = conversation.map(([, answer]) => answer).join('')

/** Sends the whole conversation in the given pieces, each when the one before has left, and takes all of its answers. */
async function play(pieces: readonly string[]): Promise<string> {
  const client = await pool.connect()
  for (const piece of pieces) await client.sendAll(Buffer.from(piece, 'latin1'))
  client.end()
  return (await client.readToEnd()).toString('latin1')
}

test('each command is answered as memcached answers it', async () => {
  const client = await pool.connect()
  for (const [request, answer] of conversation) {
    client.send(`${request}mn\r\n`)
    const got = await client.read(answer.length + 4)
    assert.equal(got.toString('latin1'), `${answer}MN\r\n`, JSON.stringify(request))
  }
})

test('a pipelined conversation is answered in its order', async () => {
  assert.equal(await play([allRequests]), allAnswers)
})

test('so it is when its bytes come one by one', async () => {
  assert.equal(await play([...allRequests]), allAnswers)
})

test('so it is wherever it is cut in two', async () => {
  for (let cut = 1; cut < allRequests.length; cut++)
    assert.equal(await play([allRequests.slice(0, cut), allRequests.slice(cut)]), allAnswers, `cut at ${cut}`)
})

test('cas ids go both ways untouched', async () => {
  const client = await pool.connect()
  client.send('set a 0 0 1\r\nx\r\ngets a b\r\n')
  const answer = await client.readUntil(/END\r\n$/)
  const [, id] = /^STORED\r\nVALUE a 0 1 (\d+)\r\nx\r\nEND\r\n$/.exec(answer)!
  client.send(`gats 0 a\r\ncas a 3 0 1 ${id}\r\ny\r\ncas a 3 0 1 ${id}\r\nz\r\nget a\r\n`)
  assert.equal(
    await client.readUntil(/EXISTS\r\nVALUE.*END\r\n$/s),
    `VALUE a 0 1 ${id}\r\nx\r\nEND\r\nSTORED\r\nEXISTS\r\nVALUE a 3 1\r\ny\r\nEND\r\n`,
  )
})

test('keys lie on all servers, and a multi-get finds them in its own order', async () => {
  const client = await pool.connect()
  const keys = Array.from({ length: 300 }, (_, i) => `${((i + 1) * 2654435761) % 2 ** 32}`)
  for (const key of keys) client.send(`set ${key} 0 0 ${key.length}\r\n${key}\r\n`)
  await client.read(keys.length * 'STORED\r\n'.length)
  const counts = await Promise.all(pool.servers.map(async (server) => Number(await server.stat('curr_items'))))
  assert.ok(
    counts.every((count) => count > 30),
    `items per server: ${counts}`,
  )
  keys.reverse()
  client.send(`get ${keys.join(' none ')}\r\n`)
  const expected = keys.map((key) => `VALUE ${key} 0 ${key.length}\r\n${key}\r\n`).join('')
  assert.equal(await client.readUntil(/\r\nEND\r\n$/), `${expected}END\r\n`)
})

test('values of any size go through, whole', async () => {
  const client = await pool.connect()
  for (const size of [0, 1, 4095, 4096, 16_384, 65_536, 70_000, 500_000, 1_000_000]) {
    const value = Buffer.alloc(size, `${size}:`)
    client.send(
      Buffer.concat([
        Buffer.from(`set big 9 0 ${size}\r\n`),
        value,
        Buffer.from('\r\nget big\r\nget none big big\r\n'),
      ]),
    )
    const block = Buffer.concat([Buffer.from(`VALUE big 9 ${size}\r\n`), value, Buffer.from('\r\n')])
    const expected = Buffer.concat([
      Buffer.from('STORED\r\n'),
      block,
      Buffer.from('END\r\n'),
      block,
      block,
      Buffer.from('END\r\n'),
    ])
    assert.deepEqual(await client.read(expected.length), expected, `${size} bytes`)
  }
})

test('quit and the end of input let earlier answers out, and nothing later is done', async () => {
  for (const end of ['quit\r\n', 'quit\r\nset after 0 0 1\r\nx\r\n', 'set half 0 0 10\r\nabc']) {
    const client = await pool.connect()
    client.send(`get a\r\nversion\r\n${end}`)
    client.end()
    assert.match((await client.readToEnd()).toString(), /^VALUE a \d 1\r\n.\r\nEND\r\nVERSION 1\.6\.0\r\n$/)
  }
  assert.equal(await pool.ask('get after half\r\n'), 'END\r\n')
})

test('a client that speaks the binary protocol is disconnected, and hears nothing', async () => {
  const client = await pool.connect()
  const noop = Buffer.alloc(24)
  noop[0] = 0x80
  noop[1] = 0x0a
  client.send(Buffer.concat([noop, noop]))
  assert.equal(await client.expectClose(), 'end')
})
