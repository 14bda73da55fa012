import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import { PemError, parseCertificates, parsePrivateKey } from '../../../src/tls/pem.ts'
import { makeAuthority } from '../../support/certificates.ts'

let certificate: string
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

before(() => {
  certificate = readFileSync(makeAuthority('Root of PEM').certificate, 'latin1')
})

function refuses(work: () => unknown, message: string): void {
  assert.throws(work, (error) => error instanceof PemError && error.message === message)
}

describe('parseCertificates', () => {
  it('takes every certificate in its order, and nothing of what stands around them', () => {
    const text = `for people\n${key}${certificate}# and more\n${certificate}-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n`
    const found = parseCertificates(text, 2)
    assert.deepEqual(
      found.map(({ subject }) => subject),
      ['CN=Root of PEM', 'CN=Root of PEM'],
    )
  })

  it('says what is wrong', () => {
    refuses(() => parseCertificates('', 2), 'holds no certificate in PEM')
    refuses(() => parseCertificates(key, 2), 'holds no certificate in PEM')
    refuses(() => parseCertificates(certificate.repeat(3), 2), 'holds 3 certificates, and 2 are the most')
    const broken = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
    refuses(() => parseCertificates(broken, 2), 'holds a certificate that cannot be read')
    refuses(() => parseCertificates(certificate + broken, 2), 'holds 2 certificates, and number 2 cannot be read')
    refuses(() => parseCertificates(certificate.replace('-----END', '-----EN'), 2), 'holds no certificate in PEM')
  })
})

describe('parsePrivateKey', () => {
  it('finds the key beside other blocks', () => {
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
    const found = parsePrivateKey(`${certificate}${parameters}${key}`)
    assert.equal(found.key.asymmetricKeyType, 'ec')
    assert.equal(found.pem, key.trim())
  })

  it('says what is wrong, and nothing of the key', () => {
    const locked = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string
    const old = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const oldLocked = old.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string
    const unlock = 'holds a key that is locked with a password; unlock it with "openssl pkey"'
    refuses(() => parsePrivateKey(certificate), 'holds no private key in PEM')
    refuses(() => parsePrivateKey(key + key), 'holds more than one private key')
    refuses(() => parsePrivateKey(locked), unlock)
    refuses(() => parsePrivateKey(oldLocked), unlock)
    refuses(() => parsePrivateKey(key.replace(/\n.*\n/, '\nAAAA\n')), 'holds a key that cannot be read')
  })
})
