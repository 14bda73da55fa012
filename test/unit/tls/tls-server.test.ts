/** The contexts of a listener, asked by real handshakes within this process and by the openssl program elsewhere (e2e). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { before, describe, it } from 'node:test'
import { type ConnectionOptions, connect, TLSSocket as Secure, type TLSSocket } from 'node:tls'
import type { TlsPlan } from '../../../src/plan/tls-plan.ts'
import { loadCertificate } from '../../../src/tls/certificate.ts'
import { isClientWelcome, tlsFactsOf } from '../../../src/tls/client-certificate.ts'
import type { CertificateMaterial, TlsMaterial } from '../../../src/tls/material.ts'
import { knownGroups } from '../../../src/tls/policy.ts'
import { ownSessions, shownByName, TlsServer } from '../../../src/tls/tls-server.ts'
import { type Authority, type Issued, type IssueOptions, makeAuthority } from '../../support/certificates.ts'
import { onTestEnd } from '../../support/cleanup.ts'

let ca: Authority
let below: Authority

before(() => {
  ca = makeAuthority()
  below = ca.intermediate('Below')
})

const read = (path: string): string => readFileSync(path, 'latin1')

function material(options: IssueOptions, names: readonly string[] = []): CertificateMaterial {
  const { chain, key } = below.issue(options)
  return loadCertificate({ certificate: read(chain), key: read(key) }, names, undefined, Date.now()).material
}

const plan: TlsPlan = {
  certificates: [],
  refusesUnknownNames: false,
  minVersion: '1.2',
  maxVersion: '1.3',
  ciphers: ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  suites: ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'],
  groups: ['X25519', 'P-256'],
  cipherOrder: 'client',
  clientCertificate: undefined,
  handshakeTimeoutMs: 1000,
  handshakes: 10,
  sessions: undefined,
}

function serverOf(materials: readonly CertificateMaterial[], changes: Partial<TlsPlan> = {}, clientCa?: string) {
  const tls: TlsMaterial = { certificates: materials, clientCa }
  return new TlsServer({ ...plan, ...changes }, tls, { protocols: ['h2', 'h1'], realm: 'web', sessions: ownSessions })
}

/** Serves with what `server` says at each connection whose hello has this name; what each handshake has given is told by `accepted`. */
async function listen(server: TlsServer, name?: string): Promise<{ port: number; accepted: TLSSocket[] }> {
  const accepted: TLSSocket[] = []
  const listener = createServer((raw) => {
    const socket = new Secure(raw, server.optionsFor(name))
    socket.on('error', () => {})
    socket.on('secure', () => {
      accepted.push(socket)
      socket.write('x')
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => {
    for (const socket of accepted) socket.destroy()
    listener.close()
  })
  return { port: (listener.address() as AddressInfo).port, accepted }
}

/** After the first byte of the server, so that it has seen the end of the handshake too. Rejects with the client's error. */
function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca: read(ca.certificate), rejectUnauthorized: false, ...options })
    onTestEnd(() => void socket.destroy())
    socket.once('data', () => resolve(socket))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed')))
  })
}

const nameOf = (socket: TLSSocket): string => String(socket.getPeerCertificate().subject.CN)

describe('TlsServer', () => {
  it('shows the certificate of the name: exact, wildcard of one label, else the first', async () => {
    const { port } = await listen(
      serverOf([
        material({ names: ['first.example'] }),
        material({ names: ['*.example.com'] }),
        material({ names: ['shop.example.com'] }),
      ]),
    )
    const shown = async (servername: string): Promise<string> => nameOf(await handshake(port, { servername }))
    assert.equal(await shown('shop.example.com'), 'shop.example.com')
    assert.equal(await shown('SHOP.EXAMPLE.COM'), 'shop.example.com')
    assert.equal(await shown('www.example.com'), '*.example.com')
    assert.equal(await shown('a.www.example.com'), 'first.example')
    assert.equal(await shown('example.com'), 'first.example')
    assert.equal(await shown(''), 'first.example')
  })

  it('sends the whole chain', async () => {
    const { port } = await listen(serverOf([material({ names: ['a.example'] })]))
    const socket = await handshake(port, { servername: 'a.example' })
    assert.equal(socket.authorizationError, null)
    assert.equal(socket.authorized, true)
  })

  it('shows each client a kind of key that it knows', async () => {
    const materials = [material({ names: ['a.example'] }), material({ names: ['a.example'], keyType: 'rsa' })]
    for (const first of [materials, [material({ names: ['first.example'] }), ...materials]]) {
      const server = serverOf(first)
      const { port } = await listen(server, 'a.example')
      const kind = async (sigalgs: string, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<string | undefined> => {
        const socket = await handshake(port, { servername: 'a.example', sigalgs, maxVersion })
        assert.equal(nameOf(socket), 'a.example')
        return socket.getPeerX509Certificate()!.publicKey.asymmetricKeyType
      }
      assert.equal(await kind('ECDSA+SHA256:RSA-PSS+SHA256', 'TLSv1.3'), 'ec')
      assert.equal(await kind('RSA-PSS+SHA256:ECDSA+SHA256', 'TLSv1.3'), 'rsa')
      assert.equal(await kind('ECDSA+SHA256', 'TLSv1.2'), 'ec')
      // Where it is not shown to everybody, the name has to be known before TLS begins.
      assert.equal(server.wantsHello, first !== materials)
    }
  })

  it('agrees on a protocol, the first of its own that the client knows', async () => {
    const { port } = await listen(serverOf([material({ names: ['a.example'] })]))
    const agreed = async (...ALPNProtocols: string[]) => (await handshake(port, { ALPNProtocols })).alpnProtocol
    assert.equal(await agreed('http/1.1', 'h2'), 'h2')
    assert.equal(await agreed('http/1.1'), 'http/1.1')
    await assert.rejects(agreed('spdy/1'), /no application protocol/)
  })

  it('speaks the versions of the Plan and no other', async () => {
    const old = await listen(serverOf([material({ names: ['a.example'] })], { maxVersion: '1.2' }))
    assert.equal((await handshake(old.port)).getProtocol(), 'TLSv1.2')
    const latest = await listen(serverOf([material({ names: ['a.example'] })], { minVersion: '1.3' }))
    assert.equal((await handshake(latest.port)).getProtocol(), 'TLSv1.3')
    await assert.rejects(handshake(latest.port, { maxVersion: 'TLSv1.2' }), /protocol version/)
  })

  it('lets the client choose among the ciphers, or chooses itself', async () => {
    const ciphers = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256'
    const chosen = async (cipherOrder: TlsPlan['cipherOrder']): Promise<string> => {
      const { port } = await listen(serverOf([material({ names: ['a.example'] })], { cipherOrder }))
      return (await handshake(port, { ciphers })).getCipher().name
    }
    assert.equal(await chosen('client'), 'TLS_AES_256_GCM_SHA384')
    assert.equal(await chosen('server'), 'TLS_AES_128_GCM_SHA256')
  })

  it('takes new certificates for connections that begin later', async () => {
    const server = serverOf([material({ names: ['a.example'], commonName: 'old' })])
    const { port } = await listen(server)
    const before = await handshake(port, { servername: 'a.example' })
    server.update({ certificates: [material({ names: ['a.example'], commonName: 'new' })], clientCa: undefined })
    assert.equal(nameOf(await handshake(port, { servername: 'a.example' })), 'new')
    assert.equal(nameOf(await handshake(port, { servername: 'other.example' })), 'new')
    assert.equal(nameOf(before), 'old')
    assert.ok(!before.destroyed)
  })

  it('sends the chain that is there now, also of a certificate that stays', async () => {
    const whole = material({ names: ['a.example'] })
    const [leaf] = whole.certificate.split(/(?<=-----END CERTIFICATE-----\n)/)
    const server = serverOf([{ ...whole, certificate: leaf! }])
    const { port } = await listen(server)
    const depthOf = async (): Promise<number> => {
      const shown = (await handshake(port)).getPeerX509Certificate()
      return shown?.issuerCertificate === undefined ? 1 : 2
    }
    assert.equal(await depthOf(), 1)
    server.update({ certificates: [whole], clientCa: undefined })
    assert.equal(await depthOf(), 2)
  })

  it('changes nothing when OpenSSL does not take the new ones', async () => {
    const good = material({ names: ['a.example'], commonName: 'good' })
    const server = serverOf([good])
    const { port } = await listen(server)
    const { key } = material({ names: ['a.example'] })
    assert.throws(() => server.update({ certificates: [{ ...good, key }], clientCa: undefined }), /mismatch/)
    assert.equal(nameOf(await handshake(port)), 'good')
  })

  it('goes on with the contexts of those that stay', () => {
    const stays = material({ names: ['a.example'] })
    const server = serverOf([stays, material({ names: ['b.example'] })])
    const { secureContext } = server.options
    server.update({ certificates: [{ ...stays }, material({ names: ['b.example'] })], clientCa: undefined })
    assert.equal(server.options.secureContext, secureContext)
    server.update({ certificates: [stays], clientCa: read(ca.certificate) })
    assert.notEqual(server.options.secureContext, secureContext)
  })

  it('knows which names are served, where others are refused', () => {
    const materials = [material({ names: ['a.example', '*.b.example'] })]
    const strict = serverOf(materials, { refusesUnknownNames: true })
    const names = ['a.example', 'A.Example', 'x.b.example', 'b.example', 'x.y.b.example', undefined]
    assert.equal(strict.wantsHello, true)
    assert.deepEqual(
      names.map((name) => strict.isServed(name)),
      [true, true, true, false, false, false],
    )
    const usual = serverOf(materials)
    assert.deepEqual([usual.wantsHello, usual.isServed(undefined), usual.isServed('x')], [false, true, true])
  })

  it('resumes no session that began under other authorities for clients', async () => {
    const other = makeAuthority()
    const rule = {
      mode: 'optional',
      ca: { kind: 'file', path: '/ca' },
      depth: 3,
      place: { file: '', line: 1, column: 1 },
    } as const
    const tls = [material({ names: ['a.example'] })]
    const server = serverOf(tls, { clientCertificate: rule, maxVersion: '1.2' }, read(ca.certificate))
    const { port } = await listen(server)
    const session = (await handshake(port)).getSession()
    assert.ok(session)
    const ticketKeys = Buffer.alloc(48, 1)
    // The same keys of tickets, so that nothing but the authorities tells the two apart.
    const context = (one: TlsServer) => one.options.secureContext!.context as { setTicketKeys(keys: Buffer): void }
    context(server).setTicketKeys(ticketKeys)
    const first = (await handshake(port)).getSession()!
    assert.equal((await handshake(port, { session: first })).isSessionReused(), true)
    server.update({ certificates: tls, clientCa: read(other.certificate) })
    context(server).setTicketKeys(ticketKeys)
    await assert.doesNotReject(async () => {
      assert.equal((await handshake(port, { session: first })).isSessionReused(), false)
    })
  })
})

describe('client certificates', () => {
  const rule = (mode: 'optional' | 'required', depth = 3) =>
    ({ mode, ca: { kind: 'file', path: '/ca' }, depth, place: { file: '', line: 1, column: 1 } }) as const

  const credentials = ({ chain, key }: Issued): ConnectionOptions => ({ cert: read(chain), key: read(key) })

  async function seen(clientCertificate: TlsPlan['clientCertificate'], options: ConnectionOptions) {
    const server = serverOf([material({ names: ['a.example'] })], { clientCertificate }, read(ca.certificate))
    const { port, accepted } = await listen(server)
    await handshake(port, { servername: 'A.example', ALPNProtocols: ['h2'], ...options })
    const socket = accepted[0]!
    return { facts: tlsFactsOf(socket, server.plan), isWelcome: isClientWelcome(socket, server.plan) }
  }

  it('are told with all that rules ask for', async () => {
    const ada = below.issue({
      commonName: 'Ada',
      subject: '/O=Example',
      names: ['email:ada@a.example'],
      usage: 'clientAuth',
    })
    const { facts, isWelcome } = await seen(rule('required'), credentials(ada))
    const { client, ...connection } = facts
    assert.deepEqual(connection, {
      version: '1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      protocol: 'h2',
      sni: 'a.example',
    })
    const { serial, fingerprint, ...rest } = client!
    assert.deepEqual(rest, {
      isVerified: true,
      subject: 'CN=Ada,O=Example',
      commonName: 'Ada',
      names: ['ada@a.example'],
      issuer: 'CN=Below',
    })
    assert.match(serial, /^[0-9a-f]+$/)
    assert.match(fingerprint, /^[0-9a-f]{64}$/)
    assert.equal(isWelcome, true)
  })

  it('are untrusted from another authority, expired, or for servers only', async () => {
    const cases: [string, Issued][] = [
      ['another authority', makeAuthority().issue({ usage: 'clientAuth' })],
      ['expired', below.issue({ usage: 'clientAuth', fromDays: -9, untilDays: -1 })],
      ['for servers', below.issue({ usage: 'serverAuth' })],
    ]
    for (const [what, issued] of cases) {
      const { facts, isWelcome } = await seen(rule('optional', 0), credentials(issued))
      assert.deepEqual([facts.client?.isVerified, isWelcome], [false, true], what)
    }
  })

  it('turn away who has one that stands too far from the authority', async () => {
    // Others between them hide nothing.
    const hidden = below.issue({ usage: 'clientAuth' })
    const chain = [hidden.certificate, makeAuthority().certificate, below.certificate].map(read).join('')
    const jumbled = { cert: chain, key: read(hidden.key) }
    const direct = credentials(ca.issue({ usage: 'clientAuth' }))
    for (const mode of ['optional', 'required'] as const) {
      for (const shown of [credentials(hidden), jumbled]) {
        assert.equal((await seen(rule(mode, 0), shown)).isWelcome, false)
        const { facts, isWelcome } = await seen(rule(mode, 1), shown)
        assert.deepEqual([facts.client?.isVerified, isWelcome], [true, true])
      }
      assert.equal((await seen(rule(mode, 0), direct)).isWelcome, true)
    }
  })

  it('turn away who has none or no valid one, where one is required', async () => {
    await assert.rejects(seen(rule('required'), {}), /certificate required/)
    const stranger = makeAuthority().issue({ usage: 'clientAuth' })
    assert.equal((await seen(rule('required'), credentials(stranger))).isWelcome, false)
    const { facts, isWelcome } = await seen(rule('optional'), {})
    assert.deepEqual([facts.client, isWelcome], [undefined, true])
  })

  it('are not looked at where nobody asks', async () => {
    const { facts } = await seen(undefined, credentials(below.issue({ usage: 'clientAuth' })))
    assert.equal(facts.client, undefined)
  })
})

describe('shownByName', () => {
  it('gives each name the first certificate of every kind of key', () => {
    const one = material({ names: ['a.example', 'b.example'] })
    const two = material({ names: ['a.example'] })
    const rsa = material({ names: ['a.example'], keyType: 'rsa' })
    assert.deepEqual(
      [...shownByName([one, two, rsa])],
      [
        ['a.example', [one, rsa]],
        ['b.example', [one]],
      ],
    )
  })
})

describe('knownGroups', () => {
  it('leaves out what this OpenSSL does not have', () => {
    assert.deepEqual(knownGroups(['X25519', 'no-such-group', 'P-256']), ['X25519', 'P-256'])
  })
})
