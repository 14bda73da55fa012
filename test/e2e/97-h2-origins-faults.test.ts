/** Origins that break HTTP/2, or leave: what it costs, whom, and what is sent again. */
import assert from 'node:assert/strict'
import { constants } from 'node:http2'
import { test } from 'node:test'
import { type Daemon, startShellac } from '../support/daemon.ts'
import {
  END_HEADERS,
  END_STREAM,
  literal,
  number,
  type RawH2Origin,
  type RawScript,
  settingOf,
  startRawH2Origin,
  T,
} from '../support/raw-h2-origin.ts'
import { connectClient, type ScriptedClient } from '../support/scripted-client.ts'
import { waitFor } from '../support/wait.ts'

const { NGHTTP2_REFUSED_STREAM, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_CANCEL } =
  constants

interface Site {
  readonly origin: RawH2Origin
  readonly shellac: Daemon
  readonly client: ScriptedClient
}

async function setUp(script: RawScript, backend = ''): Promise<Site> {
  const origin = await startRawH2Origin(script)
  const shellac = await startShellac({
    config: `shellac 1;
      process { workers 1; }
      admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; }
      backend app { server a 127.0.0.1:${origin.port}; protocol h2c; ${backend} }
      cache main { tier memory 8MiB; }
      site * { proxy app; use-cache main; }`,
  })
  return { origin, shellac, client: await connectClient(shellac.port) }
}

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'

/** The code with which the first request fails, and its status. */
async function failure(
  script: RawScript,
  backend = 'retry { attempts 1; } eject after 1000 for 1s;',
): Promise<[number, unknown]> {
  const { client, shellac } = await setUp(script, backend)
  const { status } = await client.get('/')
  return [status, (await shellac.waitForLog('origin failed')).code]
}

test('what the server refused is sent again, whatever the method', async () => {
  const { client, origin } = await setUp({
    onHeaders(peer, id) {
      if (id === 1) peer.reset(id, NGHTTP2_REFUSED_STREAM)
      else peer.respond(id, 200, [], END_STREAM)
    },
  })
  client.send(POST)
  assert.equal((await client.response()).status, 200)
  assert.equal(origin.peers.length, 1)
})

test('a server that refuses for ever is given up', async () => {
  const [status, code] = await failure({ onHeaders: (peer, id) => peer.reset(id, NGHTTP2_REFUSED_STREAM) })
  assert.deepEqual([status, code], [502, 'refused-stream'])
})

test('what is above the last stream of a GOAWAY is sent again, on a new connection', async () => {
  for (const reason of [NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM]) {
    const { client, origin } = await setUp({
      onHeaders(peer, id) {
        if (peer.index === 0) peer.goaway(0, reason)
        else peer.respond(id, 200, [], END_STREAM)
      },
    })
    client.send(POST)
    assert.equal((await client.response()).status, 200)
    assert.equal(origin.peers.length, 2)
  }
})

test('what a server that leaves has accepted is finished there, and what follows goes elsewhere', async () => {
  const { client, origin, shellac } = await setUp({
    onHeaders(peer, id) {
      if (peer.index > 0) {
        peer.respond(id, 200, [], END_STREAM)
        return
      }
      if (id !== 1) return // it came before the GOAWAY was read, and is sent again
      peer.respond(id, 200)
      peer.goaway(id, NGHTTP2_NO_ERROR)
    },
  })
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.readThrough('\r\n\r\n')
  const another = await connectClient(shellac.port)
  await waitFor('a new connection', async () => {
    await another.get('/')
    return origin.peers.length === 2
  })
  origin.peers[0]!.data(1, 'the rest', END_STREAM)
  await client.expect('8\r\nthe rest\r\n')
  await waitFor('the end of the first connection', () => origin.peers[0]!.isClosed)
})

test('a reset before the head is an answer to idempotent requests only when it is the last', async () => {
  for (const [request, expected, seen] of [
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 200, 2],
    [POST, 502, 1],
  ] as const) {
    let count = 0
    const { client, shellac } = await setUp(
      {
        onHeaders(peer, id) {
          if (count++ === 0) peer.reset(id, NGHTTP2_INTERNAL_ERROR)
          else peer.respond(id, 200, [], END_STREAM)
        },
      },
      'server b 127.0.0.1:1 backup;',
    )
    client.send(request)
    const { status } = await client.response()
    // The other server is no server at all: a second attempt goes there, and fails.
    if (expected === 502) assert.deepEqual([status, count], [502, seen])
    else assert.ok((await shellac.waitForLog('origin failed')) !== undefined)
  }
})

test('a connection on which a server has enough of requests gets no other, and the next is on a new one', async () => {
  let count = 0
  const { client, origin } = await setUp(
    {
      onHeaders(peer, id) {
        if (peer === origin.peers[0]) peer.reset(id, NGHTTP2_ENHANCE_YOUR_CALM)
        else peer.respond(id, 200, [], END_STREAM)
        count++
      },
    },
    'retry { attempts 1; } eject after 1000 for 1s;',
  )
  assert.equal((await client.get('/')).status, 502)
  assert.equal((await client.get('/')).status, 200)
  assert.equal(count, 2)
  assert.equal(origin.peers.length, 2)
})

test('a connection that ends while nobody uses it costs nothing', async () => {
  const { client, origin } = await setUp({ onHeaders: (peer, id) => peer.respond(id, 200, [], END_STREAM) })
  assert.equal((await client.get('/')).status, 200)
  origin.peers[0]!.destroy()
  await waitFor('the end', () => origin.peers[0]!.isClosed)
  assert.equal((await client.get('/')).status, 200)
  assert.equal(origin.peers.length, 2)
})

test('a connection that ends in the middle costs what was on it', async () => {
  assert.deepEqual(await failure({ onHeaders: (peer) => peer.destroy() }), [502, 'closed-early'])
})

for (const code of [NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL]) {
  test(`a body that a reset with code ${code} cuts off is not whole`, async () => {
    let count = 0
    const { client, shellac } = await setUp({
      onHeaders(peer, id) {
        peer.respond(id, 200, [['cache-control', 'max-age=60']])
        peer.data(id, 'half')
        if (count++ === 0) peer.reset(id, code)
        else peer.data(id, ' and half', END_STREAM)
      },
    })
    // Nothing of it, or less than all.
    const status = await client.get('/').then(
      (answer) => answer.status,
      () => 'cut off',
    )
    assert.ok(status === 502 || status === 'cut off', String(status))
    const another = await connectClient(shellac.port)
    assert.equal((await another.get('/')).body.toString(), 'half and half')
  })
}

const malformed: readonly [name: string, fields: readonly (readonly [string, string])[]][] = [
  ['a field of HTTP/1.1', [['connection', 'close']]],
  ['a transfer coding', [['transfer-encoding', 'chunked']]],
  ['a pseudo-field of requests', [[':path', '/']]],
  ['an unknown pseudo-field', [[':odd', 'x']]],
  ['a second status', [[':status', '200']]],
  [
    'a pseudo-field behind others',
    [
      ['a', 'b'],
      [':status', '200'],
    ],
  ],
  ['upper case in a name', [['X-Upper', 'a']]],
  [
    'two lengths',
    [
      ['content-length', '1'],
      ['content-length', '2'],
    ],
  ],
  ['a length that is no number', [['content-length', '0x1']]],
]

for (const [name, fields] of malformed) {
  test(`a head with ${name} is no answer`, async () => {
    const [status, code] = await failure({
      onHeaders(peer, id) {
        peer.respond(id, 200, fields)
        peer.data(id, 'x', END_STREAM)
      },
    })
    assert.equal(status, 502)
    assert.ok(['bad-head', 'stream-reset', 'closed-early'].includes(String(code)), String(code))
  })
}

/** nghttp2 leaves these fields out by itself, and says nothing. */
const dropped: typeof malformed = [
  ['a line end in a value', [['x', 'a\r\nset-cookie: stolen=1']]],
  ['a NUL in a value', [['x', 'a\0b']]],
  ['a space in a name', [['x y', 'a']]],
  ['a colon in a name', [['x:y', 'a']]],
  ['an empty name', [['', 'a']]],
]

for (const [name, fields] of dropped) {
  test(`of a head with ${name} that field is left out`, async () => {
    const { client } = await setUp({
      onHeaders: (peer, id) => peer.respond(id, 200, [['first', '1'], ...fields, ['last', '1']], END_STREAM),
    })
    const answer = await client.get('/')
    const names = answer.fields.list.map(([field]) => field)
    assert.deepEqual(names.slice(0, 3), ['first', 'last', 'Date'])
    assert.doesNotMatch(answer.raw, /stolen/)
  })
}

for (const [name, status] of [
  ['of one digit', '2'],
  ['that is no number', 'abc'],
  ['above 999', '1000'],
  ['101', '101'],
] as const) {
  test(`a status ${name} is no answer`, async () => {
    const [answered] = await failure({
      onHeaders: (peer, id) => peer.send(T.headers, END_HEADERS | END_STREAM, id, literal(':status', status)),
    })
    assert.equal(answered, 502)
  })
}

test('a body that is longer or shorter than its length is not passed on as whole', async () => {
  for (const body of ['lon', 'too long for it']) {
    const { client } = await setUp({
      onHeaders(peer, id) {
        peer.respond(id, 200, [
          ['content-length', '5'],
          ['cache-control', 'max-age=60'],
        ])
        peer.data(id, body, END_STREAM)
      },
    })
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const text = (await client.readToEnd()).toString()
    assert.ok(text.startsWith('HTTP/1.1 502') || text.split('\r\n\r\n')[1]!.length < 5, text)
  }
})

test('a head over the limits is no answer, by its bytes or its number of fields', async () => {
  const large = 'x'.repeat(15_000)
  const limits = 'response-limits { header-bytes 16KiB; headers 20; } retry { attempts 1; }'
  for (const fields of [
    [
      ['a', large],
      ['b', large],
    ],
    Array.from({ length: 40 }, (_, i) => [`x-${i}`, 'y'] as const),
  ] as (readonly (readonly [string, string])[])[]) {
    const [status] = await failure(
      {
        onHeaders(peer, id) {
          const block = Buffer.concat([
            literal(':status', '200'),
            ...fields.map(([name, value]) => literal(name, value)),
          ])
          const first = block.subarray(0, 16_000)
          const rest = block.subarray(16_000)
          peer.send(T.headers, rest.length > 0 ? 0 : END_HEADERS, id, first)
          if (rest.length > 0) peer.send(T.continuation, END_HEADERS, id, rest)
        },
      },
      limits,
    )
    assert.equal(status, 502)
  }
})

test('headers without end, settings without end and pings without end cost the connection, not the worker', async () => {
  const floods: readonly RawScript['onHeaders'][] = [
    (peer, id) => {
      peer.send(T.headers, 0, id, literal(':status', '200'))
      for (let i = 0; i < 2000 && !peer.isClosed; i++)
        peer.send(T.continuation, 0, id, literal(`x-${i}`, 'y'.repeat(2000)))
    },
    (peer) => {
      for (let i = 0; i < 20_000; i++) peer.send(T.settings, 0, 0, settingOf(4, 70_000 + i))
    },
    (peer) => {
      for (let i = 0; i < 20_000; i++) peer.send(T.ping, 0, 0, Buffer.alloc(8))
      peer.destroy()
    },
    (peer) => peer.send(T.push, END_HEADERS, 1, Buffer.concat([number(2), literal(':method', 'GET')])),
    (peer) => peer.send(T.data, 0, 99, 'for nobody'),
    (peer) => peer.send(T.windowUpdate, 0, 0, number(0x7fffffff)),
    (peer) => peer.send(200, 255, 3, Buffer.alloc(10_000)),
  ]
  let isFlooding = true
  let flood = 0
  const { shellac } = await setUp(
    {
      onHeaders(peer, id) {
        if (isFlooding) floods[flood]!(peer, id)
        else peer.respond(id, 200, [], END_STREAM)
      },
    },
    'first-byte-timeout 1s; connect-timeout 1s; eject after 1000 for 1s;',
  )
  const before = shellac.rssBytes()
  for (flood = 0; flood < floods.length; flood++) {
    isFlooding = true
    const client = await connectClient(shellac.port)
    const { status } = await client.get('/')
    assert.ok(status === 502 || status === 504, `${status} in case ${flood}`)
    isFlooding = false
    assert.equal((await client.get('/')).status, 200, `case ${flood}`)
  }
  assert.ok(shellac.rssBytes() - before < 64 << 20)
  assert.deepEqual(
    shellac.logs().filter((record) => record.msg === 'request failed'),
    [],
  )
})

test('interim responses without end are no answer', async () => {
  const [status, code] = await failure({
    onHeaders(peer, id) {
      for (let i = 0; i < 100; i++) peer.respond(id, 103, [['link', '</a>']])
    },
  })
  assert.deepEqual([status, code], [502, 'endless-interim'])
})

test('a server that says nothing, first or later, has its time', async () => {
  const silent = await failure({}, 'first-byte-timeout 500ms; retry { attempts 1; }')
  assert.deepEqual(silent, [504, 'first-byte-timeout'])
  const { client } = await setUp({ onHeaders: (peer, id) => peer.respond(id, 200) }, 'between-bytes-timeout 500ms;')
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.doesNotMatch((await client.readToEnd()).toString(), /\r\n0\r\n/)
})

test('a server that never says its settings is not connected', async () => {
  const never = await failure({ isDeaf: true, onStart() {} }, 'connect-timeout 500ms; retry { attempts 1; }')
  assert.deepEqual(never, [504, 'connect-timeout'])
})

test('after a request has timed out, a connection that answers no ping gets no other', async () => {
  const { client, origin } = await setUp(
    {
      isDeaf: true,
      onHeaders(peer, id) {
        if (peer.index > 0) peer.respond(id, 200, [], END_STREAM)
      },
    },
    'first-byte-timeout 500ms; connect-timeout 500ms; retry { attempts 1; } eject after 1000 for 1s;',
  )
  assert.equal((await client.get('/')).status, 504)
  assert.equal((await client.get('/')).status, 200)
  await waitFor('the end of the silent one', () => origin.peers[0]!.isClosed)
  assert.equal(origin.peers.length, 2)
})

test('a server that is slow, but there, keeps its connection', async () => {
  const { client, origin } = await setUp(
    {
      onHeaders(peer, id) {
        if (id > 1) peer.respond(id, 200, [], END_STREAM)
      },
    },
    'first-byte-timeout 500ms; retry { attempts 1; } eject after 1000 for 1s; connections 1;',
  )
  assert.equal((await client.get('/')).status, 504)
  assert.equal((await client.get('/')).status, 200)
  assert.equal(origin.peers.length, 1)
  const [reset] = origin.peers[0]!.frames.filter((frame) => frame.type === T.rst)
  assert.equal(reset?.payload.readUInt32BE(0), NGHTTP2_CANCEL)
})

test('a client that goes away has its request reset', async () => {
  const { client, origin } = await setUp({ onHeaders: () => {} })
  client.send(POST)
  await waitFor('the request', () => origin.peers[0]?.frames.some((frame) => frame.type === T.headers) === true)
  client.reset()
  await waitFor('the reset', () => origin.peers[0]!.frames.some((frame) => frame.type === T.rst && frame.id === 1))
})

test('a server that takes no stream for now is waited for', async () => {
  const { client, origin } = await setUp(
    {
      onStart: (peer) => peer.send(T.settings, 0, 0, settingOf(3, 0)),
      onHeaders: (peer, id) => peer.respond(id, 200, [], END_STREAM),
    },
    'connections 1; queue 10 for 10s;',
  )
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await waitFor('the connection', () => origin.peers[0]?.frames.some((frame) => frame.type === T.settings) === true)
  origin.peers[0]!.send(T.settings, 0, 0, settingOf(3, 10))
  const answer = await client.response()
  assert.equal(answer.status, 200, answer.body.toString())
})

test('an idle connection closes when its time is over', async () => {
  const { client, origin } = await setUp(
    { onHeaders: (peer, id) => peer.respond(id, 200, [], END_STREAM) },
    'idle-timeout 500ms;',
  )
  assert.equal((await client.get('/')).status, 200)
  await waitFor('the end', () => origin.peers[0]!.isClosed)
  assert.equal((await client.get('/')).status, 200)
})
