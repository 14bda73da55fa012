import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import { CertificateError, loadCertificate } from '../../../src/tls/certificate.ts'
import { type Authority, type Issued, makeAuthority } from '../../support/certificates.ts'

let root: Authority
let below: Authority
let shop: Issued

before(() => {
  root = makeAuthority()
  below = root.intermediate('Below')
  shop = below.issue({ names: ['Shop.example.com', '*.shop.example.com', 'IP:192.0.2.1'] })
})

const read = (path: string): string => readFileSync(path, 'latin1')

function load(certificate: string, key: string, names: readonly string[] = []) {
  return loadCertificate({ certificate, key }, names, undefined, Date.now())
}

function refuses(certificate: string, key: string, about: 'certificate' | 'key', message: string): void {
  assert.throws(
    () => load(certificate, key),
    (error) => error instanceof CertificateError && error.about === about && error.message === message,
  )
}

describe('loadCertificate', () => {
  it('gives certificate and chain, key, and the names it is made out to', () => {
    const { material, doubts } = load(read(shop.chain), read(shop.key))
    assert.deepEqual(doubts, [])
    assert.deepEqual(material.names, ['shop.example.com', '*.shop.example.com'])
    assert.deepEqual([material.keyType, material.curve], ['ec', 'prime256v1'])
    assert.equal(material.certificate, read(shop.chain))
    assert.equal(material.key, read(shop.key).trim())
    assert.match(material.fingerprint, /^[0-9a-f]{64}$/)
    assert.ok(Math.abs(material.notAfterMs - Date.now() - 90 * 86_400_000) < 60_000)
  })

  it('takes both from one file', () => {
    const both = read(shop.both)
    assert.equal(load(both, both).material.key, read(shop.key).trim())
  })

  it('shows it under the names of the configuration, and doubts those it does not have', () => {
    const names = ['shop.example.com', 'a.shop.example.com', '*.shop.example.com']
    assert.deepEqual(load(read(shop.chain), read(shop.key), names), {
      material: { ...load(read(shop.chain), read(shop.key)).material, names },
      doubts: [],
    })
    const { doubts } = load(read(shop.chain), read(shop.key), ['shop.example.com', 'example.com'])
    assert.deepEqual(doubts, ['is not made out to "example.com"'])
  })

  it('takes the common name where there is no other', () => {
    const named = root.issue({ commonName: 'old.example.com' })
    assert.deepEqual(load(read(named.certificate), read(named.key)).material.names, ['old.example.com'])
    const person = root.issue({ commonName: 'Ada Lovelace' })
    assert.deepEqual(load(read(person.certificate), read(person.key)).doubts, [
      'is made out to no host name, so it is shown only as the first',
    ])
  })

  it('refuses a key of another certificate, and says where its own stands', () => {
    const other = root.issue({ names: ['other.example'] })
    refuses(read(shop.certificate), read(other.key), 'key', 'holds a key that is not that of the certificate')
    const turned = read(below.certificate) + read(shop.certificate)
    const message = 'holds the key of certificate 2 of those given with it, and its own must stand first'
    refuses(turned, read(shop.key), 'key', message)
  })

  it('refuses what is no certificate and no key, each by its own name', () => {
    refuses(read(shop.key), read(shop.key), 'certificate', 'holds no certificate in PEM')
    refuses(read(shop.certificate), read(shop.certificate), 'key', 'holds no private key in PEM')
  })

  it('refuses keys that are too short', () => {
    const weak = root.issue({ names: ['weak.example'], keyType: 'rsa1024' })
    refuses(read(weak.certificate), read(weak.key), 'key', 'holds a key of 1024 bits, and clients want 2048')
  })

  it('doubts a chain out of order, and one that begins to be valid later', () => {
    const other = makeAuthority('Another Root')
    const { doubts } = load(read(shop.certificate) + read(other.certificate), read(shop.key))
    assert.deepEqual(doubts, [
      'has a chain out of order: certificate 1 is signed by "CN=Below", and another one follows it',
    ])
    const early = root.issue({ names: ['early.example'], fromDays: 2 })
    assert.match(load(read(early.certificate), read(early.key)).doubts.join(), /^is valid only from 20\S+Z on$/)
  })
})
