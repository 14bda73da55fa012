/** HTTP/2 to origins: what goes there and comes back, over one connection. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { statusOf } from '../support/admin.ts'
import { makeAuthority } from '../support/certificates.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { connectH2 } from '../support/h2-client.ts'
import { type H2Origin, type StreamScript, startH2Origin, valuesOf } from '../support/h2-origin.ts'
import { freePort, listens } from '../support/ports.ts'
import { Background } from '../support/process.ts'
import { startNginx } from '../support/programs.ts'
import { connectClient, type ScriptedClient } from '../support/scripted-client.ts'
import { tempDir } from '../support/temp.ts'
import { answerWith, startTlsOrigin } from '../support/tls-origin.ts'
import { waitFor } from '../support/wait.ts'

const authority = makeAuthority()
const issued = authority.issue({ names: ['app.internal'] })
const TLS = `tls { ca ${authority.certificate}; server-name app.internal; }`

function proxy(port: number, backend = 'protocol h2c;', more = ''): Promise<Daemon> {
  return startShellac({
    config: `shellac 1;
      process { workers 1; }
      admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; protocols h1 h2c; }
      backend app { server a 127.0.0.1:${port}; ${backend} }
      cache main { tier memory 8MiB; }
      site * { proxy app; ${more} route ws { path /ws; upgrade websocket; } route all { path /**; } }`,
  })
}

interface Site {
  readonly origin: H2Origin
  readonly shellac: Daemon
  readonly client: ScriptedClient
}

async function setUp(script: StreamScript, backend = 'protocol h2c;', more = ''): Promise<Site> {
  const origin = await startH2Origin(undefined, script)
  const shellac = await proxy(origin.port, backend, more)
  return { origin, shellac, client: await connectClient(shellac.port) }
}

const hello: StreamScript = (stream) => {
  stream.respond({ ':status': 200, 'content-length': 5 })
  stream.end('hello')
}

test('a request is the same over HTTP/2, but for what concerns a connection', async () => {
  const { origin, client } = await setUp(hello)
  const answer = await client.get('/a%2Fb?x=1', [
    'Host: shop.example:81',
    'Connection: X-Hop, keep-alive',
    'X-Hop: gone',
    'TE: trailers, deflate;q=0.5',
    'Accept: a/b',
    'ACCEPT: c/d',
    'X-Odd: \xe9',
  ])
  assert.equal(answer.body.toString(), 'hello')
  assert.equal(answer.fields.get('via'), '2.0 shellac')
  const [raw] = origin.requests
  assert.deepEqual(raw!.slice(0, 8), [
    ':method',
    'GET',
    ':scheme',
    'http',
    ':authority',
    'shop.example:81',
    ':path',
    '/a%2Fb?x=1',
  ])
  assert.deepEqual(valuesOf(raw!, 'accept'), ['a/b', 'c/d'])
  assert.deepEqual(valuesOf(raw!, 'x-odd'), ['\xe9'])
  assert.deepEqual(valuesOf(raw!, 'te'), ['trailers'])
  for (const name of ['connection', 'keep-alive', 'x-hop', 'host', 'transfer-encoding', 'upgrade']) {
    assert.deepEqual(valuesOf(raw!, name), [], name)
  }
})

test('te is not sent for clients that do not ask for trailers', async () => {
  const { origin, client } = await setUp(hello)
  await client.get('/', ['TE: deflate'])
  assert.deepEqual(valuesOf(origin.requests[0]!, 'te'), [])
})

test('requests share one connection, also those at the same time', async () => {
  const { origin, shellac } = await setUp((stream) => {
    stream.respond({ ':status': 200 })
    setTimeout(() => stream.end('x'), 50)
  })
  const clients = await Promise.all(Array.from({ length: 60 }, () => connectClient(shellac.port)))
  for (const round of [1, 2]) {
    const answers = await Promise.all(clients.map((client) => client.get(`/${round}`)))
    assert.ok(answers.every((answer) => answer.status === 200 && answer.body.toString() === 'x'))
  }
  assert.equal(origin.sessions.length, 1)
})

test('requests beyond what the server takes at a time wait; beyond the connections too', async () => {
  let most = 0
  let now = 0
  const origin = await startH2Origin(
    undefined,
    (stream) => {
      now++
      most = Math.max(most, now)
      setTimeout(() => {
        now--
        stream.respond({ ':status': 200 })
        stream.end('x')
      }, 30)
    },
    { settings: { maxConcurrentStreams: 3 } },
  )
  const shellac = await proxy(origin.port, 'protocol h2c; connections 2; queue 100 for 10s;')
  const clients = await Promise.all(Array.from({ length: 40 }, () => connectClient(shellac.port)))
  const answers = await Promise.all(clients.map((client) => client.get('/')))
  assert.ok(answers.every((answer) => answer.status === 200))
  assert.deepEqual([origin.sessions.length, most], [2, 6])
})

test('a body goes there as it came, with its length or without, and its trailers', async () => {
  const { origin, client } = await setUp((stream) => {
    const got: Buffer[] = []
    let trailers = 'none'
    stream.on('data', (bytes: Buffer) => got.push(bytes))
    stream.on('trailers', (fields) => {
      trailers = String(fields['x-sum'])
    })
    stream.on('end', () => {
      stream.respond({ ':status': 200 })
      stream.end(`${Buffer.concat(got)} ${trailers}`)
    })
  })
  client.send('POST /sized HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
  assert.equal((await client.response()).body.toString(), 'hello none')
  client.send(
    'POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n',
  )
  assert.equal((await client.response()).body.toString(), 'abcde 7')
  client.send('POST /bare HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
  assert.equal((await client.response()).body.toString(), ' none')
  assert.deepEqual(
    origin.requests.map((raw) => valuesOf(raw, 'content-length')),
    [['5'], [], []],
  )
})

test('an answer brings its length, its end, its trailers', async () => {
  const { client } = await setUp((stream, headers) => {
    switch (headers[':path']) {
      case '/unsized':
        stream.respond({ ':status': 200 }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }))
        stream.end('body')
        break
      case '/bare':
        stream.respond({ ':status': 404, 'grpc-status': '5' }, { endStream: true })
        break
      case '/nothing':
        stream.respond({ ':status': 204 }, { endStream: true })
        break
      default:
        stream.respond({ ':status': 200, 'content-length': 5, 'set-cookie': ['a=1', 'b=2'] })
        stream.end(headers[':method'] === 'HEAD' ? undefined : 'hello')
    }
  })
  const unsized = await client.get('/unsized')
  assert.equal(unsized.body.toString(), 'body')
  assert.deepEqual(unsized.trailers.list, [
    ['grpc-status', '0'],
    ['grpc-message', 'fine'],
  ])
  const bare = await client.get('/bare')
  assert.deepEqual([bare.status, bare.body.length, bare.fields.get('grpc-status')], [404, 0, '5'])
  assert.equal((await client.get('/nothing')).status, 204)
  const sized = await client.get('/sized')
  assert.deepEqual([sized.framing, sized.body.toString()], ['length', 'hello'])
  assert.deepEqual(sized.fields.all('set-cookie'), ['a=1', 'b=2'])
  const head = await client.get('/head', [], 'HEAD')
  assert.equal(head.fields.get('content-length'), '5')
})

test('interim responses go through', async () => {
  const { client } = await setUp((stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' })
    setTimeout(() => {
      stream.respond({ ':status': 200 })
      stream.end('x')
    }, 20)
  })
  const answer = await client.get('/')
  assert.deepEqual(
    answer.interim.map((one) => one.status),
    [103],
  )
})

test('a client that expects 100 gets it from the origin', async () => {
  const origin = await startH2Origin(undefined, (stream, headers) => {
    stream.additionalHeaders({ ':status': headers.expect === '100-continue' ? 100 : 102 })
    stream.on('data', () => {})
    stream.on('end', () => {
      stream.respond({ ':status': 200 })
      stream.end('thanks')
    })
  })
  const shellac = await proxy(origin.port)
  const client = await connectClient(shellac.port)
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n')
  assert.match(await client.readThrough('\r\n\r\n'), /^HTTP\/1\.1 100 /)
  client.send('hi')
  assert.equal((await client.response()).body.toString(), 'thanks')
})

test('both sides may talk at the same time', async () => {
  const { client } = await setUp((stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.on('data', (bytes: Buffer) => stream.write(`got ${bytes};`))
    stream.on('end', () => stream.end())
  })
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  assert.match(await client.readThrough('\r\n\r\n'), /^HTTP\/1\.1 200 /)
  for (const word of ['one', 'two', 'six']) {
    client.send(`3\r\n${word}\r\n`)
    await client.expect(`8\r\ngot ${word};\r\n`)
  }
  client.send('0\r\n\r\n')
  await client.expect('0\r\ngrpc-status: 0\r\n\r\n')
})

test('an answer that is complete before the request is leaves the connection to others', async () => {
  const { origin, client, shellac } = await setUp((stream, headers) => {
    stream.respond({ ':status': headers[':method'] === 'POST' ? 413 : 200 })
    stream.end('no')
  })
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf')
  assert.equal((await client.response()).status, 413)
  const another = await connectClient(shellac.port)
  assert.equal((await another.get('/')).status, 200)
  assert.equal(origin.sessions.length, 1)
})

test('nor do uploads without a length that are answered early, by the hundred, harm anybody', async () => {
  const { client, shellac } = await setUp((stream) => {
    stream.respond({ ':status': 200 })
    stream.end('early')
  })
  const sizes = [0, 10, 70_000, 500_000]
  const visit = async () => {
    for (let i = 0; i < 10; i++) {
      const visitor = await connectH2(shellac.url(''))
      const answers = sizes.map((size) => visitor.post('/', Buffer.alloc(size)))
      for (const answer of await Promise.all(answers)) assert.equal(answer.body.toString(), 'early')
      visitor.session.destroy()
    }
  }
  await Promise.all(Array.from({ length: 8 }, visit))
  assert.equal((await client.get('/')).status, 200)
  assert.equal((await statusOf(shellac)).workerRestarts, 0)
})

function* pieces(size: number): Generator<Buffer> {
  for (let at = 0; at < size; at += 1 << 16) yield Buffer.alloc(1 << 16, 'b')
}

test('large bodies go both ways, and a slow reader holds only its own stream up', async () => {
  const size = 24 << 20
  const { shellac, origin } = await setUp((stream, headers) => {
    if (headers[':path'] === '/small') {
      hello(stream, headers, [])
      return
    }
    let got = 0
    stream.on('data', (bytes: Buffer) => {
      got += bytes.length
    })
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'x-got': `${got}` })
      Readable.from(pieces(size)).pipe(stream)
    })
  })
  const slow = await connectClient(shellac.port)
  slow.send(`POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
  await slow.sendAll(Buffer.alloc(size, 'a'))
  assert.match(await slow.readThrough('\r\n\r\n'), new RegExp(`x-got: ${size}`))
  slow.pause()
  const quick = await connectClient(shellac.port)
  for (let i = 0; i < 50; i++) assert.equal((await quick.get('/small')).body.toString(), 'hello')
  assert.equal(origin.sessions.length, 1)
  slow.resume()
  assert.equal((await slow.read(1 << 20)).length, 1 << 20)
})

test('an origin that does not read makes the client wait', async () => {
  const { shellac } = await setUp((stream) => {
    stream.pause() // its window is 64 KiB
  })
  const client = await connectClient(shellac.port)
  const before = shellac.rssBytes()
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000000\r\n\r\n')
  let sent = 0
  const chunk = Buffer.alloc(1 << 20)
  // More than all buffers of the sockets on the way can hold would be taken by a proxy that keeps it in memory.
  while (sent < 64) {
    const isTaken = await Promise.race([client.sendAll(chunk).then(() => true), wait(1000)])
    if (isTaken !== true) break
    sent++
  }
  assert.ok(sent < 32, `${sent} MiB were taken`)
  assert.ok(shellac.rssBytes() - before < 64 << 20)
})

function wait(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms))
}

test('a response is stored as any other', async () => {
  let count = 0
  const { client } = await setUp(
    (stream) => {
      stream.respond({ ':status': 200, 'cache-control': 'max-age=60' })
      stream.end(`answer ${++count}`)
    },
    'protocol h2c;',
    'use-cache main;',
  )
  for (let i = 0; i < 3; i++) assert.equal((await client.get('/')).body.toString(), 'answer 1')
})

test('nginx answers over HTTP/2 and TLS, and with "auto" as it likes', async () => {
  const nginx = (protocols: string) =>
    startNginx(`server { listen 127.0.0.1:%port% ssl ${protocols}; ssl_certificate ${issued.certificate};
      ssl_certificate_key ${issued.key}; location / { return 200 "$server_protocol $http_host $request_length"; } }`)
  const h2 = await nginx('http2')
  const h1 = await nginx('')
  for (const [port, protocol, expected] of [
    [h2.port, 'h2', /^HTTP\/2\.0 shop\.example /],
    [h2.port, 'auto', /^HTTP\/2\.0 shop\.example /],
    [h1.port, 'auto', /^HTTP\/1\.1 shop\.example /],
    [h2.port, 'h1', /^HTTP\/1\.1 shop\.example /],
  ] as const) {
    const shellac = await proxy(port, `protocol ${protocol}; ${TLS}`)
    const client = await connectClient(shellac.port)
    for (let i = 0; i < 3; i++) assert.match((await client.get('/', ['Host: shop.example'])).body.toString(), expected)
  }
})

test('a server that does not speak HTTP/2 is no answer to "protocol h2"', async () => {
  const origin = await startTlsOrigin(issued, answerWith('x'), { ALPNProtocols: ['http/1.1'] })
  const shellac = await proxy(origin.port, `protocol h2; ${TLS}`)
  const client = await connectClient(shellac.port)
  assert.equal((await client.get('/')).status, 502)
  const code = String((await shellac.waitForLog('origin failed')).code)
  assert.ok(['no-protocol', 'tls-handshake'].includes(code), code)
})

test('a server of HTTP/1.1 is no answer to "protocol h2c"', async () => {
  const { port } = await startNginx('server { listen 127.0.0.1:%port%; }')
  const shellac = await proxy(port)
  const client = await connectClient(shellac.port)
  assert.equal((await client.get('/')).status, 502)
  assert.equal((await shellac.waitForLog('origin failed')).code, 'no-protocol')
})

for (const [name, args, backend] of [
  ['without TLS', ['--no-tls'], 'protocol h2c;'],
  ['with TLS', [issued.key, issued.certificate], `protocol h2; ${TLS}`],
] as const) {
  test(`nghttpd answers ${name}, with trailers`, async () => {
    const dir = tempDir('nghttpd-')
    const port = await freePort()
    writeFileSync(`${dir}/file.txt`, 'from nghttpd')
    const [first, ...keys] = args[0] === '--no-tls' ? ['--no-tls'] : ['--verbose', ...args]
    const server = new Background('nghttpd', ['-d', dir, '--trailer', 'x-sum: 7', first!, `${port}`, ...keys])
    await server.waitFor('nghttpd', () => listens(port))
    const shellac = await proxy(port, backend)
    const client = await connectClient(shellac.port)
    const answer = await client.get('/file.txt', ['Accept-Encoding: identity'])
    assert.equal(answer.body.toString(), 'from nghttpd')
  })
}

test('websockets go over a connection of HTTP/1.1 with "auto"', async () => {
  const protocols: (string | false | null)[] = []
  const server = createSecureServer(
    { allowHTTP1: true, cert: readFileSync(issued.certificate), key: readFileSync(issued.key) },
    (request, response) => response.end(request.httpVersion),
  )
  server.on('secureConnection', (socket) => protocols.push(socket.alpnProtocol))
  server.on('upgrade', (_, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nwelcome')
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => socket.write(bytes))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const shellac = await proxy(port, `protocol auto; ${TLS}`)
  const client = await connectClient(shellac.port)
  assert.equal((await client.get('/')).body.toString(), '2.0')
  client.send('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  assert.match(await client.readThrough('\r\n\r\n'), /^HTTP\/1\.1 101 /)
  await client.expect('welcome')
  client.send('echo')
  await client.expect('echo')
  assert.deepEqual(protocols, ['h2', 'http/1.1'])
  await waitFor('the connections', () => protocols.length === 2)
  client.end()
  await shellac.stop()
  server.close()
})
