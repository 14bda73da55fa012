/** What clients of a TLS listener are shown, and what it refuses: versions, ciphers, names, keys, certificates of clients. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SessionStore } from '../../src/distcache/session-store.ts'
import { statsOf } from '../support/admin.ts'
import { makeAuthority } from '../support/certificates.ts'
import { helloMessage, inRecords } from '../support/client-hello.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import { startDistcacheServer } from '../support/distcache.ts'
import { curl } from '../support/programs.ts'
import { connectSecure, type Seen, sClient } from '../support/s-client.ts'
import { connectClient } from '../support/scripted-client.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { tempDir } from '../support/temp.ts'
import { waitFor } from '../support/wait.ts'

const root = makeAuthority()
const below = root.intermediate('Below')
const first = below.issue({ names: ['first.example'] })
const shop = below.issue({ names: ['shop.example.com'] })
const shopRsa = below.issue({ names: ['shop.example.com'], keyType: 'rsa' })
const wild = below.issue({ names: ['*.example.com'], keyType: 'rsa' })

const certificates = [first, shop, shopRsa, wild].map(({ chain, key }) => `certificate ${chain} key ${key};`).join(' ')

interface Case {
  /** Inside `tls { }`; the usual certificates are there without it. */
  readonly tls?: string
  /** Inside the listener. */
  readonly listener?: string
  /** Inside the site. */
  readonly site?: string
  /** At the top level. */
  readonly more?: string
}

function start({ tls = certificates, listener = '', site = '', more = '' }: Case = {}): Promise<Daemon> {
  return startShellac({
    config: `shellac 1;
      process { workers 1; }
      admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; ${listener} tls { ${tls} } }
      ${more}
      site * { route all { path /**; respond 200 "served"; } ${site} }`,
  })
}

const answered = ({ text }: Seen): boolean => text.includes('served')
const GET = 'GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n'

test('TLS 1.2 and 1.3 are spoken, with the whole chain and forward secrecy', async () => {
  const { port } = await start()
  for (const version of ['1.2', '1.3']) {
    const name = ['-servername', 'shop.example.com', '-verify_hostname', 'shop.example.com']
    const seen = await sClient(port, [`-tls${version.replace('.', '_')}`, '-CAfile', root.certificate, ...name], GET)
    assert.equal(seen.version, `TLSv${version}`)
    assert.equal(seen.verified, 'ok')
    assert.deepEqual(seen.chain, ['CN = shop.example.com', 'CN = Below'])
    assert.equal(seen.group, 'X25519')
    assert.match(seen.cipher ?? '', version === '1.2' ? /^ECDHE-ECDSA-AES/ : /^TLS_/)
    assert.ok(answered(seen))
  }
})

test('the group that quantum computers do not break is agreed upon with clients that know it', async () => {
  const { port } = await start()
  const group = async (ecdhCurve: string): Promise<unknown> => {
    const client = await connectSecure(port, { ecdhCurve })
    assert.equal((await client.get('/')).body.toString(), 'served')
    return client.socket.getEphemeralKeyInfo()
  }
  assert.deepEqual(await group('X25519'), { type: 'ECDH', name: 'X25519', size: 253 })
  await connectSecure(port, { ecdhCurve: 'X25519MLKEM768' })
  await assert.rejects(connectSecure(port, { ecdhCurve: 'secp521r1' }), /handshake failure/)
})

test('nothing older than TLS 1.2 is spoken', async () => {
  const { port } = await start()
  for (const minor of [0, 1, 2]) {
    const client = await connectClient(port)
    client.send(
      inRecords(helloMessage({ version: [3, minor], suites: [0xc009, 0xc013, 0x002f], withoutExtensions: true })),
    )
    // Alert, fatal, protocol_version; of SSL 3.0 OpenSSL says handshake_failure, as that does not know the other.
    assert.deepEqual([...(await client.read(7))].slice(5), [2, minor === 0 ? 40 : 70], `3.${minor}`)
    assert.equal(await client.expectClose(), 'end')
  }
  for (const version of ['-tls1', '-tls1_1']) {
    const seen = await sClient(port, [version, '-cipher', 'DEFAULT@SECLEVEL=0'])
    assert.deepEqual([seen.version, seen.alert], [undefined, 70])
  }
})

test('no cipher without forward secrecy, encryption or name is spoken', async () => {
  const { port } = await start({ tls: `certificate ${wild.chain} key ${wild.key};` })
  const suites: Readonly<Record<string, number>> = {
    'RSA with NULL': 0x003b,
    'RSA with RC4': 0x0005,
    'export RC4': 0x0003,
    'export DES': 0x0008,
    'RSA with 3DES': 0x000a,
    'ECDHE with 3DES': 0xc012,
    'ECDHE with RC4': 0xc011,
    'anonymous ECDH': 0xc018,
    'anonymous DH': 0x00a6,
    'RSA with AES in CBC': 0x002f,
    'RSA with AES in GCM': 0x009c,
    'DHE with AES in GCM': 0x009e,
    'ECDHE with AES in CBC and SHA-1': 0xc013,
  }
  for (const [what, suite] of Object.entries(suites)) {
    const client = await connectClient(port)
    client.send(inRecords(helloMessage({ suites: [suite], withoutExtensions: true })))
    // Alert, fatal, handshake_failure.
    assert.deepEqual([...(await client.read(7))].slice(5), [2, 40], what)
  }
  for (const cipher of ['ALL:COMPLEMENTOFALL:!ECDHE@SECLEVEL=0', 'aNULL:eNULL@SECLEVEL=0', '3DES@SECLEVEL=0']) {
    const seen = await sClient(port, ['-tls1_2', '-cipher', cipher])
    assert.equal(seen.version, undefined, cipher)
  }
  const weak = await sClient(port, ['-tls1_2', '-sigalgs', 'RSA+SHA1', '-cipher', 'ALL@SECLEVEL=0'])
  assert.deepEqual([weak.version, weak.alert], [undefined, 40], 'signatures with SHA-1')
  const good = await sClient(port, ['-tls1_2', '-comp', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'])
  assert.equal(good.version, 'TLSv1.2')
  assert.match(good.text, /^Compression: NONE$/m)
})

test('renegotiation is secure to announce and refused to do', async () => {
  const { port } = await start()
  const seen = await sClient(port, ['-tls1_2'])
  assert.equal(seen.hasSecureRenegotiation, true)
  const client = await connectSecure(port, { maxVersion: 'TLSv1.2' })
  const refused = new Promise<string>((resolve) => {
    client.socket.once('error', (error) => resolve(error.message))
    client.socket.once('close', () => resolve('closed'))
    client.socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error?.message ?? 'renegotiated'))
  })
  assert.match(await refused, /no renegotiation|closed/)
})

test('each name has its certificate; unknown names and clients without one get the first', async () => {
  const { port } = await start()
  const shown = async (...args: string[]): Promise<string | undefined> => (await sClient(port, args)).commonName
  assert.equal(await shown('-servername', 'shop.example.com'), 'shop.example.com')
  assert.equal(await shown('-servername', 'SHOP.Example.com'), 'shop.example.com')
  assert.equal(await shown('-servername', 'www.example.com'), '*.example.com')
  assert.equal(await shown('-servername', 'a.www.example.com'), 'first.example')
  assert.equal(await shown('-servername', 'example.com'), 'first.example')
  assert.equal(await shown('-servername', 'nobody.test'), 'first.example')
  assert.equal(await shown('-noservername'), 'first.example')
})

test('with "sni strict" who asks for another name, or for none, is refused in so many words', async () => {
  const shellac = await start({ tls: `${certificates} sni strict;` })
  // The hello is longer than what is read of one.
  const long = ['-alpn', Array.from({ length: 1000 }, (_, number) => `http/1.${number + 1000000000000}`).join()]
  for (const args of [['-servername', 'nobody.test'], ['-noservername'], ['-noservername', ...long]]) {
    for (const version of ['-tls1_2', '-tls1_3']) {
      const seen = await sClient(shellac.port, [version, ...args])
      assert.deepEqual([seen.version, seen.alert], [undefined, 112], args.join(' ').slice(0, 60))
    }
  }
  const seen = await sClient(shellac.port, ['-servername', 'shop.example.com'], GET)
  assert.ok(answered(seen))
  assert.equal((await statsOf(shellac)).counters.tlsUnknownNames, 6)
})

test('a certificate is shown under the names behind "for" alone', async () => {
  const named = `certificate ${first.chain} key ${first.key}; certificate ${shop.chain} key ${shop.key} for other.example;`
  const { port } = await start({ tls: named })
  assert.equal((await sClient(port, ['-servername', 'other.example'])).commonName, 'shop.example.com')
  assert.equal((await sClient(port, ['-servername', 'shop.example.com'])).commonName, 'first.example')
})

test('clients get the kind of key that they ask for first, in both versions', async () => {
  const { port } = await start()
  const kind = async (...args: string[]): Promise<string | undefined> => {
    const seen = await sClient(port, ['-servername', 'shop.example.com', ...args])
    assert.equal(seen.commonName, 'shop.example.com')
    return seen.signature
  }
  assert.equal(await kind('-tls1_3', '-sigalgs', 'RSA-PSS+SHA256:ECDSA+SHA256'), 'RSA-PSS')
  assert.equal(await kind('-tls1_3', '-sigalgs', 'ECDSA+SHA256:RSA-PSS+SHA256'), 'ECDSA')
  assert.equal(await kind('-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'), 'RSA-PSS')
  assert.equal(await kind('-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'), 'ECDSA')
})

test('the protocol is agreed upon', async () => {
  const { port } = await start()
  const agreed = async (alpn: string): Promise<string | undefined> => (await sClient(port, ['-alpn', alpn])).alpn
  assert.equal(await agreed('h2,http/1.1'), 'h2')
  assert.equal(await agreed('http/1.1,h2'), 'h2')
  assert.equal(await agreed('http/1.1'), 'http/1.1')
  // Alert no_application_protocol (RFC 7301 §3.2).
  assert.equal((await sClient(port, ['-alpn', 'spdy/3'])).alert, 120)
  const only = await start({ listener: 'protocols h1;' })
  assert.equal((await sClient(only.port, ['-alpn', 'h2,http/1.1'])).alpn, 'http/1.1')
  // Without ALPN a client speaks HTTP/1.1.
  assert.ok(answered(await sClient(port, [], GET)))
})

test('versions, ciphers and groups are those of the configuration', async () => {
  const tls = `certificate ${wild.chain} key ${wild.key};`
  const latest = await start({ tls: `${tls} min-version 1.3; suites TLS_CHACHA20_POLY1305_SHA256; groups P-384;` })
  assert.equal((await sClient(latest.port, ['-tls1_2'])).alert, 70)
  const seen = await sClient(latest.port, [])
  assert.deepEqual([seen.cipher, seen.group], ['TLS_CHACHA20_POLY1305_SHA256', 'secp384r1'])
  const old = await start({ tls: `${tls} max-version 1.2; ciphers ECDHE-RSA-AES128-SHA256; cipher-order server;` })
  assert.equal((await sClient(old.port, ['-tls1_3'])).alert, 70)
  assert.equal((await sClient(old.port, [])).cipher, 'ECDHE-RSA-AES128-SHA256')
})

test('what is stapled is the answer about the certificate that is shown', async () => {
  const tls =
    `certificate ${shop.chain} key ${shop.key} ocsp ${below.ocspResponse(shop)}; ` +
    `certificate ${shopRsa.chain} key ${shopRsa.key} ocsp ${below.ocspResponse(shopRsa)}; ` +
    `certificate ${first.chain} key ${first.key}; certificate ${wild.chain} key ${wild.key} ocsp ${below.ocspResponse(wild)};`
  const { port } = await start({ tls })
  const status = (...args: string[]): Promise<Seen> =>
    sClient(port, ['-status', '-CAfile', root.certificate, ...args], GET)
  const cases = [
    ['-servername', 'shop.example.com', '-sigalgs', 'ECDSA+SHA256:RSA-PSS+SHA256'],
    ['-servername', 'shop.example.com', '-sigalgs', 'RSA-PSS+SHA256:ECDSA+SHA256'],
    ['-servername', 'shop.example.com', '-tls1_2', '-sigalgs', 'ECDSA+SHA256'],
    ['-servername', 'www.example.com'],
    ['-servername', 'www.example.com', '-tls1_2'],
  ]
  for (const args of cases) {
    const seen = await status(...args)
    assert.ok(seen.stapled, args.join(' '))
    assert.ok(answered(seen), args.join(' '))
    const [, shown = ''] = /^Server certificate\n(-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----)/m.exec(
      seen.text,
    )!
    const [, about] = /Serial Number: ([0-9A-F]+)/.exec(seen.text)!
    assert.equal(about, new X509Certificate(shown).serialNumber, args.join(' '))
  }
  assert.equal((await status('-servername', 'first.example')).stapled, false)
  // Which of the two kinds TLS 1.2 will choose is not known in time.
  const either = await status('-servername', 'shop.example.com', '-tls1_2')
  assert.deepEqual([either.stapled, answered(either)], [false, true])
})

const clientCa = makeAuthority('Staff')
const staff = clientCa.intermediate('Staff Below')
const ada = staff.issue({
  commonName: 'ada',
  subject: '/O=Example',
  names: ['email:ada@example.com'],
  usage: 'clientAuth',
})
const eve = makeAuthority('Elsewhere').issue({ commonName: 'ada', usage: 'clientAuth' })
const late = staff.issue({ commonName: 'late', usage: 'clientAuth', fromDays: -9, untilDays: -1 })

const asClient = ({ chain, key }: { chain: string; key: string }): string[] => [
  '-cert',
  chain,
  '-key',
  key,
  '-cert_chain',
  chain,
]

test('where certificates of clients are required, nobody else is served', async () => {
  const tls = `${certificates} client-certificate required { ca ${clientCa.certificate}; }`
  const shellac = await start({ tls })
  const { port } = shellac
  for (const version of ['-tls1_2', '-tls1_3']) {
    assert.ok(answered(await sClient(port, [version, ...asClient(ada)], GET)), version)
    const none = await sClient(port, [version], GET)
    // handshake_failure, certificate_required.
    assert.deepEqual([answered(none), none.alert], [false, version === '-tls1_2' ? 40 : 116])
    for (const other of [eve, late]) assert.ok(!answered(await sClient(port, [version, ...asClient(other)], GET)))
  }
  assert.equal((await statsOf(shellac)).counters.tlsClientsRefused, 4)
})

test('matchers and edits tell clients apart, and believe nothing that is not signed', async () => {
  const origin = await startOrigin(() => ok('whole'))
  const { port } = await start({
    tls: `${certificates} client-certificate optional { ca ${clientCa.certificate}; depth 1; }`,
    more: `backend app { server a 127.0.0.1:${origin.port}; }
      match @staff { client-certificate common-name ada grace; }
      match @untrusted { client-certificate untrusted; }
      match @none { client-certificate absent; }
      match @mail { client-certificate name *@example.com; client-certificate issuer "CN=Staff Below"; }
      match @shop { tls sni *.example.com; tls version 1.3; tls protocol http/1.1; tls cipher TLS_*; }
      match @secure { scheme https; }`,
    site: `proxy app;
      route staff { path /staff; allow @staff; }
      route untrusted { path /untrusted; allow @untrusted; }
      route none { path /none; allow @none; }
      route mail { path /mail; allow @mail; }
      route shop { path /shop; allow @shop; }
      route secure { path /secure; allow @secure; }
      headers {
        request set X-State $tls.client.state; request set X-Subject $tls.client.subject;
        request set X-Fingerprint $tls.client.fingerprint; request set X-Tls "$tls.version $tls.cipher $tls.sni";
        request set X-Scheme $request.scheme;
      }`,
  })
  const ask = async (path: string, who: string[]): Promise<number> => {
    const name = ['-servername', 'shop.example.com', '-alpn', 'http/1.1']
    const { text } = await sClient(port, [...name, ...who], GET.replace(' / ', ` ${path} `))
    return Number(/HTTP\/1\.1 (\d+)/.exec(text)?.[1])
  }
  const statuses = (who: string[]): Promise<number[]> =>
    Promise.all(['/staff', '/untrusted', '/none', '/mail'].map((path) => ask(path, who)))
  assert.deepEqual(await statuses(asClient(ada)), [200, 403, 403, 200])
  assert.deepEqual(await statuses(asClient(eve)), [403, 200, 403, 403])
  assert.deepEqual(await statuses(asClient(late)), [403, 200, 403, 403])
  assert.deepEqual(await statuses([]), [403, 403, 200, 403])
  assert.equal(await ask('/shop', []), 200)
  assert.equal(await ask('/secure', []), 200)
  assert.equal(await ask('/shop', ['-tls1_2']), 403)

  const told = async (who: string[], name: string): Promise<string | undefined> => {
    const before = origin.requests.length
    await ask('/secure', who)
    return origin.requests[before]?.fields.get(name)
  }
  assert.equal(await told(asClient(ada), 'x-subject'), 'CN=ada,O=Example')
  assert.match((await told(asClient(ada), 'x-fingerprint')) ?? '', /^[0-9a-f]{64}$/)
  assert.equal(await told(asClient(ada), 'x-state'), 'verified')
  assert.equal(await told(asClient(eve), 'x-state'), 'untrusted')
  assert.equal(await told(asClient(eve), 'x-subject'), '')
  assert.equal(await told([], 'x-state'), 'absent')
  assert.match((await told([], 'x-tls')) ?? '', /^1\.3 TLS_AES_\w+ shop\.example\.com$/)
  assert.equal(await told([], 'x-scheme'), 'https')
  assert.equal(await told([], 'x-forwarded-proto'), 'https')
})

test('a session that is resumed brings the certificate of the client along, and nobody else has it', async () => {
  const shellac = await start({
    tls: `${certificates} client-certificate required { ca ${clientCa.certificate}; }`,
    more: 'match @ada { client-certificate common-name ada; }',
    site: 'route ada { path /ada; allow @ada; respond 200 "known"; }',
  })
  for (const version of ['-tls1_2', '-tls1_3']) {
    const session = join(tempDir(), 'session')
    const ask = (...args: string[]): Promise<Seen> =>
      sClient(shellac.port, [version, ...args], GET.replace(' / ', ' /ada '))
    assert.match((await ask(...asClient(ada), '-sess_out', session)).text, /known/)
    // Without key and certificate: what was proved before counts.
    const again = await ask('-sess_in', session)
    assert.match(again.text, /^Reused, /m)
    assert.match(again.text, /known/)
    assert.doesNotMatch((await ask()).text, /known/)
  }
  assert.equal((await statsOf(shellac)).counters.tlsResumed, 2)
})

for (const mode of ['optional', 'required']) {
  test(`who stands too far from the authority gets no session to come back with: ${mode}`, async () => {
    const store = new SessionStore(64)
    const { server } = await startDistcacheServer({ sessions: store })
    const rule = `client-certificate ${mode} { ca ${clientCa.certificate}; depth 0; }`
    for (const sessions of ['', 'sessions kept;']) {
      const shellac = await start({
        tls: `${certificates} ${rule} ${sessions}`,
        more: `tls-sessions kept { mode ids; ids { distcache 127.0.0.1:${server.port}; wait 5s; } }
          match @verified { client-certificate verified; }`,
        site: 'route known { path /known; allow @verified; respond 200 "known"; }',
      })
      for (const version of ['-tls1_2', '-tls1_3']) {
        const session = join(tempDir(), 'session')
        const ask = (...args: string[]): Promise<Seen> =>
          sClient(shellac.port, [version, ...args], GET.replace(' / ', ' /known '))
        assert.doesNotMatch((await ask(...asClient(ada), '-sess_out', session)).text, /known|HTTP\/1/)
        if (existsSync(session)) assert.doesNotMatch((await ask('-sess_in', session)).text, /^Reused, |known/m)
      }
      assert.equal((await statsOf(shellac)).counters.tlsClientsRefused, 2)
    }
    assert.equal(store.count, 0)
  })
}

test('browsers are told to come by https only over https, by every answer of the site', async () => {
  const origin = await startOrigin(() =>
    ok('whole', 'Cache-Control: max-age=60\r\nStrict-Transport-Security: max-age=1'),
  )
  const shellac = await start({
    listener: '',
    more: `listener plain { address %listen:plain%; } backend app { server a 127.0.0.1:${origin.port}; }
      cache main { tier memory 8MiB; }`,
    site: `proxy app; use-cache main; hsts 365d include-subdomains;
      route moved { path /moved; redirect 308 /new; } route off { path /off; hsts off; } route whole { path /whole; }
      route edited { path /edited; headers { response set X-A $request.id; } }`,
  })
  const strict = async (path: string, isSecure: boolean): Promise<string | undefined> => {
    const client = isSecure ? await connectSecure(shellac.port) : await connectClient(shellac.portOf('plain'))
    return (await client.get(path)).fields.get('strict-transport-security')
  }
  for (const path of ['/whole', '/whole', '/edited', '/edited', '/moved', '/']) {
    assert.equal(await strict(path, true), 'max-age=31536000; includeSubDomains', path)
  }
  for (const path of ['/whole', '/edited', '/off']) assert.equal(await strict(path, false), 'max-age=1', path)
  assert.equal(await strict('/off', true), 'max-age=1')
  assert.equal(await strict('/moved', false), undefined)
})

test('"redirect https" leads to the port it names', async () => {
  const shellac = await start({ more: 'listener plain { address %listen:plain%; redirect https to port 8443; }' })
  const { fields, status } = await (await connectClient(shellac.portOf('plain'))).get('/a?b', [
    'Host: shop.example.com:80',
  ])
  assert.deepEqual([status, fields.get('location')], [308, 'https://shop.example.com:8443/a?b'])
})

test('stalled handshakes are given up in time, and keep nobody out', async () => {
  const shellac = await start({ tls: `${certificates} handshake-timeout 1s; handshakes 100;` })
  const clients = await Promise.all(Array.from({ length: 1000 }, () => connectClient(shellac.port)))
  for (const [at, client] of clients.entries()) if (at % 2 === 0) client.send(Buffer.from([22, 3, 1, 2, 0, 1]))
  const { code, stdout } = await curl('-k', '--http1.1', `https://127.0.0.1:${shellac.port}/`)
  assert.deepEqual([code, stdout], [0, 'served'])
  for (const client of clients) await client.expectClose()
  // How many of them in which way is a matter of how fast the machine is.
  await waitFor('the end of each of them', async () => {
    const { counters } = await statsOf(shellac)
    return (
      counters.tlsCrowdedOut > 0 && counters.tlsTimeouts > 0 && counters.tlsCrowdedOut + counters.tlsTimeouts === 1000
    )
  })
})

test('what is no TLS is closed, and plain requests are never answered', async () => {
  const { port } = await start()
  for (const bytes of [GET, Buffer.alloc(100, 0xff), Buffer.from([21, 3, 3, 0, 2, 1, 0])]) {
    const client = await connectClient(port)
    client.send(bytes)
    await client.until('the end', () => client.closed !== undefined)
    assert.ok(!client.buffer.includes('served'))
  }
  assert.ok(answered(await sClient(port, [], GET)))
})
