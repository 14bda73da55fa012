/** TLS to origins: who is trusted, under which name, what the client and the log are told when somebody is not. */
import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { type Issued, makeAuthority } from '../support/certificates.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { startNginx } from '../support/programs.ts'
import { connectClient } from '../support/scripted-client.ts'
import { answerWith, startTlsOrigin } from '../support/tls-origin.ts'
import { waitFor } from '../support/wait.ts'

const authority = makeAuthority()
const stranger = makeAuthority('Somebody Else')
const good = authority.issue({ names: ['app.internal', 'localhost'] })

interface Case {
  readonly port: number
  /** Inside `tls { }`; %ca% is the authority's own. */
  readonly tls: string
  readonly host?: string
  readonly more?: string
}

function proxy({ port, tls, host = '127.0.0.1', more = '' }: Case): Promise<Daemon> {
  return startShellac({
    config: `shellac 1;
      process { workers 1; }
      admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; }
      backend app {
        server a ${host}:${port};
        ${more}
        tls { ${tls.replaceAll('%ca%', `ca ${authority.certificate};`)} }
      }
      site * { proxy app; route ws { path /ws; upgrade websocket; } route all { path /**; } }`,
  })
}

async function get(shellac: Daemon, target = '/'): Promise<{ status: number; body: string }> {
  const client = await connectClient(shellac.port)
  const answer = await client.get(target)
  return { status: answer.status, body: answer.body.toString('latin1') }
}

async function nginx({ certificate, key }: Issued, more = ''): Promise<number> {
  const { port } = await startNginx(`server {
    listen 127.0.0.1:%port% ssl; ssl_certificate ${certificate}; ssl_certificate_key ${key}; ${more}
    location / { return 200 "sni=$ssl_server_name protocol=$ssl_protocol reused=$ssl_session_reused by=$ssl_client_s_dn\n"; }
  }`)
  return port
}

test('the certificate of nginx is accepted by its CA and its name, which nginx is asked for', async () => {
  const shellac = await proxy({
    port: await nginx(good, 'ssl_protocols TLSv1.3;'),
    tls: '%ca% server-name app.internal;',
  })
  const { status, body } = await get(shellac)
  assert.equal(status, 200)
  assert.match(body, /sni=app\.internal protocol=TLSv1\.3 reused=\. /)
})

test('the name of the server is what its address says, where nothing else is said', async () => {
  const shellac = await proxy({ port: await nginx(good), host: 'localhost', tls: '%ca%' })
  assert.match((await get(shellac)).body, /sni=localhost /)
})

test('an address is not asked for, and must be in the certificate', async () => {
  const port = await nginx(authority.issue({ names: ['IP:127.0.0.1'] }))
  assert.match((await get(await proxy({ port, tls: '%ca%' }))).body, /sni= /)
  const shellac = await proxy({ port: await nginx(good), tls: '%ca%' })
  assert.equal((await get(shellac)).status, 502)
})

for (const version of ['TLSv1.2', 'TLSv1.3']) {
  test(`the session of ${version} is used again by the next connection`, async () => {
    const port = await nginx(good, `ssl_protocols ${version}; keepalive_timeout 0;`)
    const shellac = await proxy({ port, tls: '%ca% server-name app.internal;' })
    const client = await connectClient(shellac.port)
    assert.match((await client.get('/')).body.toString(), /reused=\. /)
    assert.match((await client.get('/')).body.toString(), /reused=r /)
    assert.match((await client.get('/')).body.toString(), /reused=r /)
  })
}

test('connections are kept and used again', async () => {
  const origin = await startTlsOrigin(good, answerWith('hello'))
  const shellac = await proxy({ port: origin.port, tls: '%ca% server-name app.internal;' })
  for (let i = 0; i < 5; i++) assert.equal((await get(shellac)).body, 'hello')
  assert.equal(origin.sockets.length, 1)
})

const refusals: readonly [name: string, issued: Issued, tls: string, code: string, detail: RegExp][] = [
  [
    'signed by a stranger',
    stranger.issue({ names: ['app.internal'] }),
    '%ca% server-name app.internal;',
    'certificate-untrusted',
    /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY/,
  ],
  [
    'signed by nobody whom the system trusts',
    good,
    'server-name app.internal;',
    'certificate-untrusted',
    /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY/,
  ],
  ['made out to another name', good, '%ca% server-name other.internal;', 'certificate-name', /app\.internal/],
  [
    'that ended yesterday',
    authority.issue({ names: ['app.internal'], fromDays: -30, untilDays: -1 }),
    '%ca% server-name app.internal;',
    'certificate-expired',
    /CERT_HAS_EXPIRED/,
  ],
]

for (const [name, issued, tls, code, detail] of refusals) {
  test(`a certificate ${name} costs a 502, and the log says ${code}`, async () => {
    const origin = await startTlsOrigin(issued, answerWith('secret'))
    const shellac = await proxy({ port: origin.port, tls })
    assert.equal((await get(shellac)).status, 502)
    const record = await shellac.waitForLog('origin refused over TLS')
    assert.deepEqual([record.backend, record.server, record.code], ['app', 'a', code])
    assert.match(String(record.detail), detail)
    await shellac.waitForLog('origin failed')
  })

  test(`a certificate ${name} is no matter with "verify off"`, async () => {
    const origin = await startTlsOrigin(issued, answerWith('secret'))
    const shellac = await proxy({ port: origin.port, tls: 'verify off;' })
    assert.deepEqual(await get(shellac), { status: 200, body: 'secret' })
  })
}

test('nginx that verifies clients takes the certificate that is configured, and refuses without one', async () => {
  const port = await nginx(good, `ssl_verify_client on; ssl_client_certificate ${authority.certificate};`)
  const { certificate, key } = authority.issue({ names: ['proxy.internal'], usage: 'clientAuth' })
  const named = '%ca% server-name app.internal;'
  const shellac = await proxy({ port, tls: `${named} certificate ${certificate} key ${key};` })
  assert.match((await get(shellac)).body, /by=CN=proxy\.internal/)
  assert.equal((await get(await proxy({ port, tls: named }))).status, 400)
})

test('a server that refuses the certificate of the proxy after the handshake costs a 502 with a reason', async () => {
  const origin = await startTlsOrigin(good, answerWith('x'), { requestCert: true, rejectUnauthorized: true })
  const shellac = await proxy({ port: origin.port, tls: '%ca% server-name app.internal;' })
  assert.equal((await get(shellac)).status, 502)
})

test('a version of TLS that is too old is refused', async () => {
  const origin = await startTlsOrigin(good, answerWith('x'), { maxVersion: 'TLSv1.2' })
  const shellac = await proxy({ port: origin.port, tls: '%ca% server-name app.internal; min-version 1.3;' })
  assert.equal((await get(shellac)).status, 502)
  assert.equal((await shellac.waitForLog('origin refused over TLS')).code, 'tls-handshake')
})

test('the ciphers that are configured are offered, no others', async () => {
  const origin = await startTlsOrigin(good, (socket) => answerWith(socket.getCipher().name)(socket))
  const ciphers = 'ciphers TLS_AES_128_GCM_SHA256;'
  const shellac = await proxy({ port: origin.port, tls: `%ca% server-name app.internal; ${ciphers}` })
  assert.equal((await get(shellac)).body, 'TLS_AES_128_GCM_SHA256')
})

test('a server that answers in plain text is no TLS server', async () => {
  const { port } = await startNginx('server { listen 127.0.0.1:%port%; }')
  const shellac = await proxy({ port, tls: '%ca%' })
  assert.equal((await get(shellac)).status, 502)
  assert.equal((await shellac.waitForLog('origin refused over TLS')).code, 'tls-handshake')
})

test('bytes on an idle connection close it, and nobody gets them', async () => {
  const origin = await startTlsOrigin(good, answerWith('mine'))
  const shellac = await proxy({ port: origin.port, tls: '%ca% server-name app.internal;' })
  assert.equal((await get(shellac)).body, 'mine')
  const [socket] = origin.sockets
  const closed = new Promise((resolve) => socket!.once('close', resolve))
  socket!.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse')
  await closed
  assert.equal((await get(shellac)).body, 'mine')
  assert.equal(origin.sockets.length, 2)
})

test('what a server says before it was asked is no answer', async () => {
  // In TLS 1.2 the last word of a handshake is the server's, so what it adds comes before any request.
  const early = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse'
  const origin = await startTlsOrigin(good, (socket) => socket.write(early), { maxVersion: 'TLSv1.2' })
  const tls = '%ca% server-name app.internal;'
  const shellac = await proxy({ port: origin.port, tls, more: 'retry { attempts 1; }' })
  assert.equal((await get(shellac)).status, 502)
  assert.equal((await shellac.waitForLog('origin failed')).code, 'unasked-data')
})

test('a handshake that never ends is over after connect-timeout', async () => {
  const silent = createServer((socket) => socket.on('error', () => {}))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  const shellac = await proxy({ port, tls: '%ca%', more: 'connect-timeout 300ms;' })
  assert.equal((await get(shellac)).status, 504)
  await shellac.stop()
  silent.close()
})

test('large bodies go both ways', async () => {
  const size = 5 << 20
  const origin = await startTlsOrigin(good, (socket) => {
    let got = 0
    let isAnswered = false
    socket.on('data', (bytes: Buffer) => {
      got += bytes.length
      if (isAnswered || got < size) return
      isAnswered = true
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      socket.write(Buffer.alloc(size, 'b'))
    })
  })
  const shellac = await proxy({ port: origin.port, tls: '%ca% server-name app.internal;' })
  const response = await fetch(shellac.url('/'), { method: 'POST', body: Buffer.alloc(size, 'a') })
  const body = Buffer.from(await response.arrayBuffer())
  assert.ok(body.equals(Buffer.alloc(size, 'b')))
})

/** Bytes that tell where they belong. */
function numbered(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at < size; at += 4) bytes.writeUInt32BE(at, at)
  return bytes
}

for (const framing of ['Content-Length: 8388608', 'Connection: close']) {
  test(`a client that reads slowly gets every byte behind ${framing}`, async () => {
    const body = numbered(8 << 20)
    const origin = await startTlsOrigin(good, (socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`)
        socket.end(body)
      })
    })
    const shellac = await proxy({ port: origin.port, tls: '%ca% server-name app.internal;' })
    const client = await connectClient(shellac.port)
    client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n')
    assert.match(await client.readThrough('\r\n\r\n'), /^HTTP\/1\.1 200 /)
    const got: Buffer[] = []
    for (let bytes = 0; bytes < body.length; bytes += 1 << 20) {
      client.pause()
      await new Promise((resolve) => setTimeout(resolve, 20)) // so that everything on the way fills up
      client.resume()
      got.push(await client.read(1 << 20))
    }
    assert.ok(Buffer.concat(got).equals(body))
    assert.equal(await client.expectClose(), 'end')
  })
}

test('websockets go through', async () => {
  const origin = await startTlsOrigin(good, (socket) => {
    let isOpen = false
    socket.on('data', (bytes: Buffer) => {
      if (isOpen) socket.write(bytes)
      else socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      isOpen = true
    })
    socket.on('end', () => socket.end())
  })
  const shellac = await proxy({ port: origin.port, tls: '%ca% server-name app.internal;' })
  const client = await connectClient(shellac.port)
  client.send('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  assert.match(await client.readThrough('\r\n\r\n'), /^HTTP\/1\.1 101 /)
  const sent = Buffer.alloc(1 << 20, 'w')
  client.send(sent)
  assert.ok((await client.read(sent.length)).equals(sent))
})

test('what cannot be read or does not fit is said at a reload, in the name of the backend, and changes nothing', async () => {
  const other = authority.issue({ names: ['other.internal'] })
  const origin = await startTlsOrigin(good, answerWith('x'))
  const shellac = await proxy({ port: origin.port, tls: '%ca% server-name app.internal;' })
  for (const [tls, problem] of [
    [`certificate ${good.certificate} key ${other.key};`, /\d+\.key .* holds the key of another certificate/],
    ['ca /nowhere/ca.pem;', /\/nowhere\/ca\.pem .* cannot be read: there is no such file/],
    ['ca %dir%/shellac.conf;', /holds no certificate in PEM/],
    ['ciphers NO_SUCH_CIPHER;', /is refused by OpenSSL: no cipher match/],
  ] as const) {
    const text = `shellac 1; process { workers 1; } admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; } site * { proxy app; } backend app { server a 127.0.0.1:${origin.port}; tls { ${tls} } }`
    const error: unknown = await shellac.reload(text).catch((refusal: unknown) => refusal)
    assert.match(String(error), /backend "app" cannot be spoken to over TLS/)
    assert.match(String(error), problem)
    assert.equal((await get(shellac)).body, 'x')
  }
})

test('files that change are used by the connections that follow, without a reload', async () => {
  const [first, second] = [
    authority.issue({ names: ['first.internal'], usage: 'clientAuth' }),
    authority.issue({ names: ['second.internal'], usage: 'clientAuth' }),
  ]
  const verifying = `ssl_verify_client on; ssl_client_certificate ${authority.certificate}; keepalive_timeout 0; ssl_session_cache none;`
  const port = await nginx(good, verifying)
  const shellac = await proxy({
    port,
    tls: `%ca% server-name app.internal; certificate ${first.certificate} key ${first.key};`,
  })
  assert.match((await get(shellac)).body, /by=CN=first\.internal/)
  copyFileSync(second.key, first.key)
  copyFileSync(second.certificate, first.certificate)
  await shellac.waitForLog('certificates of a backend renewed')
  await waitFor('the new certificate', async () => /by=CN=second\.internal/.test((await get(shellac)).body))
  writeFileSync(first.certificate, 'rubbish')
  await shellac.waitForLog('certificate cannot be used; the old one stays')
  assert.match((await get(shellac)).body, /by=CN=second\.internal/)
})
