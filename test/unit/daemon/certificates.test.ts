import assert from 'node:assert/strict'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import { Certificates } from '../../../src/daemon/certificates.ts'
import type { Plan } from '../../../src/plan/plan.ts'
import type { CertificatePlan, ClientCertificatePlan, TlsPlan } from '../../../src/plan/tls-plan.ts'
import type { TlsMaterials } from '../../../src/tls/material.ts'
import { type Authority, type Issued, type IssueOptions, makeAuthority } from '../../support/certificates.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { tempDir } from '../../support/temp.ts'
import { waitFor } from '../../support/wait.ts'
import { makeListener, makePlan, place } from './fixture/plans.ts'

const DAY_MS = 86_400_000

let dir: string
let ca: Authority

beforeEach(() => {
  dir = tempDir()
  ca = makeAuthority()
})

interface Told {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

function start() {
  const told: Told[] = []
  const renewed: TlsMaterials[] = []
  const certificates = new Certificates({
    log: (level, message, fields) => told.push({ level, message, fields: fields as Told['fields'] }),
    renew: (materials) => renewed.push(materials),
  })
  onTestEnd(() => certificates.close())
  const messages = (): string[] => told.map(({ level, message }) => `${level}: ${message}`)
  return { certificates, told, messages, renewed }
}

/** Files `NAME.crt` and `NAME.key` in the folder, each put in its place at once. */
function put(name: string, issued: Issued): void {
  for (const [from, to] of [
    [issued.chain, 'crt'],
    [issued.key, 'key'],
  ] as const) {
    const path = join(dir, `${name}.${to}`)
    copyFileSync(from, `${path}.new`)
    renameSync(`${path}.new`, path)
  }
}

function certificatePlan(name: string, changes: Partial<CertificatePlan> = {}): CertificatePlan {
  const file = (kind: string) => ({ kind: 'file', path: join(dir, `${name}.${kind}`) }) as const
  return { certificate: file('crt'), key: file('key'), names: [], ocspPath: undefined, place, ...changes }
}

interface Sketch {
  readonly certificates: readonly CertificatePlan[]
  readonly tls?: Partial<TlsPlan>
  readonly reload?: Partial<Plan['reload']>
  readonly name?: string
}

function planOf({ certificates, tls = {}, reload = {}, name = 'web' }: Sketch): Plan {
  const usual: TlsPlan = {
    certificates,
    refusesUnknownNames: false,
    minVersion: '1.2',
    maxVersion: '1.3',
    ciphers: ['ECDHE-ECDSA-AES128-GCM-SHA256'],
    suites: ['TLS_AES_128_GCM_SHA256'],
    groups: ['X25519'],
    cipherOrder: 'client',
    clientCertificate: undefined,
    handshakeTimeoutMs: 1000,
    handshakes: 10,
    sessions: undefined,
  }
  const plan = makePlan({ listeners: [{ ...makeListener(name, 0), tls: { ...usual, ...tls } }] })
  return { ...plan, reload: { ...plan.reload, watch: false, ...reload } }
}

const shop = (options: IssueOptions = {}): Issued => ca.issue({ names: ['shop.example.com'], ...options })

describe('a first Plan', () => {
  it('gets what its listeners need', () => {
    put('shop', shop())
    put('other', ca.issue({ names: ['other.example'] }))
    const { certificates, messages } = start()
    const prepared = certificates.prepare(planOf({ certificates: [certificatePlan('shop'), certificatePlan('other')] }))
    const material = prepared.materials.listeners.get('web')!
    assert.deepEqual(
      material.certificates.map(({ names }) => names),
      [['shop.example.com'], ['other.example']],
    )
    assert.deepEqual(certificates.status(), [], 'nothing is served yet')
    prepared.commit()
    assert.deepEqual(messages(), [])
    const [status] = certificates.status()
    assert.equal(status?.file, join(dir, 'shop.crt'))
    assert.deepEqual([status?.expiry, status?.keyType, status?.problem, status?.ocspUntil], ['valid', 'ec', null, null])
    assert.ok(Math.abs(status!.expiresInSec - 90 * 86_400) < 60)
  })

  it('is refused where a listener has no certificate at all, with every reason', () => {
    put('shop', shop())
    put('mixed', shop())
    copyFileSync(shop().key, join(dir, 'mixed.key'))
    writeFileSync(join(dir, 'empty.crt'), '')
    copyFileSync(shop().key, join(dir, 'empty.key'))
    const plans = [certificatePlan('none'), certificatePlan('empty'), certificatePlan('mixed')]
    assert.throws(() => start().certificates.prepare(planOf({ certificates: plans })), {
      message:
        `listener "web" has no certificate that can be used: ${dir}/none.crt (test.conf:1) cannot be read: there is no ` +
        `such file; ${dir}/empty.crt (test.conf:1) holds no certificate in PEM; ${dir}/mixed.key (test.conf:1) holds a key ` +
        'that is not that of the certificate',
    })
  })

  it('goes on without the certificates that cannot be used, where one is left', () => {
    put('shop', shop())
    const { certificates, told } = start()
    const prepared = certificates.prepare(planOf({ certificates: [certificatePlan('none'), certificatePlan('shop')] }))
    assert.equal(prepared.materials.listeners.get('web')?.certificates.length, 1)
    prepared.commit()
    const fields = { listener: 'web', file: join(dir, 'none.crt'), place: 'test.conf:1' }
    const error = 'cannot be read: there is no such file'
    assert.deepEqual(told, [{ level: 'error', message: 'certificate cannot be used', fields: { ...fields, error } }])
  })

  it('is told of a certificate that nobody will be shown', () => {
    put('shop', ca.issue({ names: ['shop.example.com', 'www.example.com'] }))
    put('rsa', shop({ keyType: 'rsa' }))
    put('again', shop())
    const { certificates, told } = start()
    const plans = ['shop', 'rsa', 'again'].map((name) => certificatePlan(name))
    certificates.prepare(planOf({ certificates: plans })).commit()
    const error = 'is never shown: its names are those of earlier certificates with the same kind of key'
    const fields = { listener: 'web', file: join(dir, 'again.crt'), place: 'test.conf:1', error }
    assert.deepEqual(told, [{ level: 'warn', message: 'certificate is doubtful', fields }])
  })

  it('is refused for any of this where it is strict', () => {
    put('shop', shop())
    const plan = planOf({ certificates: [certificatePlan('none'), certificatePlan('shop')], reload: { strict: true } })
    assert.throws(() => start().certificates.prepare(plan), {
      name: 'StrictError',
      message: `${dir}/none.crt (test.conf:1) cannot be read: there is no such file (reload { strict; })`,
    })
  })

  it('takes text of the configuration too, and names no file then', () => {
    const { chain, key } = shop()
    const text = (path: string) => ({ kind: 'text', text: readFileSync(path, 'utf8'), secret: true }) as const
    const plan = certificatePlan('x', { certificate: text(chain), key: text(key) })
    const { certificates } = start()
    certificates.prepare(planOf({ certificates: [plan] })).commit()
    assert.equal(certificates.status()[0]?.file, null)
    const broken = {
      ...plan,
      key: { kind: 'text', text: '-----BEGIN PRIVATE KEY-----\nsecret', secret: true } as const,
    }
    assert.throws(() => certificates.prepare(planOf({ certificates: [broken], name: 'other' })), {
      message:
        'listener "other" has no certificate that can be used: a value (test.conf:1) holds no private key in PEM',
    })
  })

  it('is refused where nobody could tell its clients apart', () => {
    put('shop', shop())
    const path = join(dir, 'ca.pem')
    const rule: ClientCertificatePlan = { mode: 'required', ca: { kind: 'file', path }, depth: 1, place }
    const plan = planOf({ certificates: [certificatePlan('shop')], tls: { clientCertificate: rule } })
    const { certificates } = start()
    assert.throws(() => certificates.prepare(plan), /ca\.pem \(test\.conf:1\) cannot be read/)
    copyFileSync(ca.certificate, path)
    assert.equal(
      certificates.prepare(plan).materials.listeners.get('web')?.clientCa,
      readFileSync(ca.certificate, 'utf8'),
    )
  })

  it('is told what OpenSSL thinks of a certificate', () => {
    put('shop', shop({ keyType: 'secp112r1' }))
    const { certificates } = start()
    assert.throws(
      () => certificates.prepare(planOf({ certificates: [certificatePlan('shop')] })),
      /shop\.crt \(test\.conf:1\) is refused by OpenSSL: ee key too small$/,
    )
  })
})

describe('a look at changed files', () => {
  it('gives the workers what differs, and nothing when nothing does', () => {
    put('shop', shop())
    const { certificates, messages, renewed, told } = start()
    certificates.prepare(planOf({ certificates: [certificatePlan('shop')] })).commit()
    certificates.look('test')
    assert.deepEqual([renewed, messages()], [[], []])
    put('shop', shop({ commonName: 'new' }))
    certificates.look('test')
    assert.equal(renewed.length, 1)
    assert.ok(certificates.isCurrent(renewed[0]!))
    assert.deepEqual(messages(), ['info: certificate renewed'])
    assert.equal(told[0]?.fields.fingerprint, renewed[0]?.listeners.get('web')?.certificates[0]?.fingerprint)
    assert.equal(told[0]?.fields.cause, 'test')
  })

  it('keeps the old one in the place of a broken one, and says so once', () => {
    put('shop', shop())
    const { certificates, told, renewed } = start()
    certificates.prepare(planOf({ certificates: [certificatePlan('shop')] })).commit()
    const before = certificates.status()[0]!
    copyFileSync(shop().chain, join(dir, 'shop.crt')) // the key is still that of the old one
    certificates.look('test')
    certificates.look('test')
    assert.deepEqual(renewed, [])
    assert.deepEqual(
      told.map(({ level, message, fields }) => [level, message, fields.file, fields.error]),
      [
        [
          'error',
          'certificate cannot be used; the old one stays',
          join(dir, 'shop.key'),
          'holds a key that is not that of the certificate',
        ],
      ],
    )
    const problem = `${dir}/shop.key (test.conf:1) holds a key that is not that of the certificate`
    const { expiresInSec, ...kept } = before
    const { expiresInSec: _, ...now } = certificates.status()[0]!
    assert.ok(expiresInSec > 0)
    assert.deepEqual(now, { ...kept, problem })
    put('shop', shop({ commonName: 'good again' }))
    certificates.look('test')
    assert.equal(renewed.length, 1)
    assert.equal(certificates.status()[0]?.problem, null)
  })

  it('does not take an expired one in the place of a valid one', () => {
    put('shop', shop())
    const { certificates, told, renewed } = start()
    certificates.prepare(planOf({ certificates: [certificatePlan('shop')] })).commit()
    put('shop', shop({ fromDays: -9, untilDays: -1 }))
    certificates.look('test')
    assert.deepEqual(renewed, [])
    assert.match(String(told[0]?.fields.error), /^has expired on 20/)
    assert.equal(told[0]?.message, 'certificate cannot be used; the old one stays')
  })

  it('staples no response that is not about the certificate, and goes on with it', () => {
    const issued = shop()
    put('shop', issued)
    const ocspPath = join(dir, 'shop.ocsp')
    copyFileSync(ca.ocspResponse(issued, { days: 7 }), ocspPath)
    const { certificates, told, renewed } = start()
    certificates.prepare(planOf({ certificates: [certificatePlan('shop', { ocspPath })] })).commit()
    assert.equal(told.length, 0)
    assert.ok(Math.abs(Date.parse(certificates.status()[0]!.ocspUntil!) - Date.now() - 7 * DAY_MS) < 60_000)
    put('shop', shop())
    certificates.look('test')
    assert.equal(renewed[0]?.listeners.get('web')?.certificates[0]?.ocsp, undefined)
    assert.deepEqual(
      told.map(({ level, message, fields }) => [level, message, fields.error]),
      [
        ['warn', 'certificate is doubtful', 'is about another certificate, and is not stapled'],
        ['info', 'certificate renewed', undefined],
      ],
    )
  })

  it('knows that a reload was quicker', () => {
    put('shop', shop())
    const { certificates, renewed } = start()
    const plan = planOf({ certificates: [certificatePlan('shop')] })
    certificates.prepare(plan).commit()
    put('shop', shop({ commonName: 'new' }))
    certificates.look('test')
    certificates.prepare(plan).commit()
    assert.equal(certificates.isCurrent(renewed[0]!), false)
  })
})

describe('the end of a certificate', () => {
  it('is spoken of once a day, a month before and after', () => {
    put('shop', shop())
    const { certificates, told } = start()
    certificates.prepare(planOf({ certificates: [certificatePlan('shop')] })).commit()
    const now = Date.now()
    const toldAt = (days: number): unknown[] => {
      told.length = 0
      certificates.look('test', now + days * DAY_MS)
      return told.map(({ level, message, fields }) => [level, message, fields.days])
    }
    assert.deepEqual(toldAt(59), [])
    assert.deepEqual(toldAt(60.5), [['warn', 'certificate expires soon', 29]])
    assert.deepEqual(toldAt(60.6), [])
    assert.deepEqual(toldAt(61.6), [['warn', 'certificate expires soon', 28]])
    assert.deepEqual(toldAt(90.5), [['error', 'certificate has expired', -1]])
    assert.equal(certificates.status(now + 91 * DAY_MS)[0]?.expiry, 'expired')
  })
})

describe('a reload', () => {
  it('keeps what was loaded for the same statement, and reports it', () => {
    put('shop', shop())
    const { certificates, messages } = start()
    const plan = planOf({ certificates: [certificatePlan('shop')] })
    certificates.prepare(plan).commit()
    rmSync(join(dir, 'shop.key'))
    const moved = certificatePlan('shop', { place: { ...place, line: 9 } })
    const prepared = certificates.prepare(planOf({ certificates: [moved] }))
    assert.deepEqual(messages(), [], 'nothing is said of a Plan that is not served yet')
    prepared.commit()
    assert.deepEqual(messages(), ['error: certificate cannot be used; the old one stays'])
    assert.equal(certificates.status().length, 1)
  })

  it('is refused where a new statement names what cannot be used', () => {
    put('shop', shop())
    const { certificates } = start()
    certificates.prepare(planOf({ certificates: [certificatePlan('shop')] })).commit()
    assert.throws(() => certificates.prepare(planOf({ certificates: [certificatePlan('none')] })), /no certificate/)
    assert.equal(certificates.status().length, 1)
  })
})

describe('the watch', () => {
  it('sees links swapped as certbot does, and files that are replaced', async () => {
    put('shop', shop({ commonName: 'one' }))
    const live = join(dir, 'live')
    mkdirSync(live)
    const link = (name: string): void => {
      for (const kind of ['crt', 'key']) {
        symlinkSync(join(dir, `${name}.${kind}`), join(live, `new.${kind}`))
        renameSync(join(live, `new.${kind}`), join(live, `shop.${kind}`))
      }
    }
    link('shop')
    const { certificates, renewed } = start()
    const file = (kind: string) => ({ kind: 'file', path: join(live, `shop.${kind}`) }) as const
    const plan = certificatePlan('shop', { certificate: file('crt'), key: file('key') })
    certificates.prepare(planOf({ certificates: [plan], reload: { watch: true, debounceMs: 20 } })).commit()
    const shown = (): string | undefined => renewed.at(-1)?.listeners.get('web')?.certificates[0]?.certificate
    const second = shop({ commonName: 'two' })
    put('shop2', second)
    link('shop2')
    await waitFor('the swapped links', () => shown() === readFileSync(second.chain, 'latin1'))
    const third = shop({ commonName: 'three' })
    put('shop2', third)
    await waitFor('the replaced files', () => shown() === readFileSync(third.chain, 'latin1'))
  })
})

it('reads no more than a certificate could have, and only files', () => {
  put('shop', shop())
  const { certificates } = start()
  writeFileSync(join(dir, 'large.crt'), Buffer.alloc((1 << 20) + 1))
  mkdirSync(join(dir, 'folder.crt'))
  const plans = ['large', 'folder'].map((name) => certificatePlan(name))
  assert.throws(() => certificates.prepare(planOf({ certificates: plans })), {
    message: /large.crt \(test.conf:1\) has more than 1 MiB; \S+folder.crt \(test.conf:1\) is no regular file$/,
  })
  if (process.geteuid?.() === 0) return // root may read everything
  chmodSync(join(dir, 'shop.key'), 0)
  assert.throws(
    () => certificates.prepare(planOf({ certificates: [certificatePlan('shop')] })),
    /shop\.key \(test\.conf:1\) cannot be read: user "\S+" has no permission/,
  )
})
