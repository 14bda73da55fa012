import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CertificateMaterial } from '../../../src/tls/material.ts'
import { shownCertificate } from '../../../src/tls/shown-certificate.ts'

function certificate(keyType: string, curve?: string): CertificateMaterial {
  const rest = { names: [], certificate: '', key: '', fingerprint: '', notAfterMs: 0, ocsp: undefined }
  return { ...rest, keyType, curve }
}

const ec = certificate('ec', 'prime256v1')
const p384 = certificate('ec', 'secp384r1')
const rsa = certificate('rsa')

function shown(certificates: readonly CertificateMaterial[], version: string, ...algorithms: string[]) {
  return shownCertificate(certificates, { getSharedSigalgs: () => algorithms, getProtocol: () => version })
}

describe('the certificate that will be shown', () => {
  it('is the only one, whatever the client is', () => {
    assert.equal(shownCertificate([rsa], undefined), rsa)
    assert.equal(shownCertificate([ec, rsa], undefined), undefined)
  })

  it('is in TLS 1.3 that of the first algorithm with a key and a curve for it', () => {
    assert.equal(shown([ec, rsa], 'TLSv1.3', 'ECDSA+SHA256', 'RSA-PSS+SHA256'), ec)
    assert.equal(shown([ec, rsa], 'TLSv1.3', 'RSA-PSS+SHA256', 'ECDSA+SHA256'), rsa)
    assert.equal(shown([p384, rsa], 'TLSv1.3', 'ECDSA+SHA256', 'RSA-PSS+SHA256'), rsa)
    assert.equal(shown([p384, rsa], 'TLSv1.3', 'ECDSA+SHA256', 'ECDSA+SHA384'), p384)
    assert.equal(shown([ec, rsa], 'TLSv1.3', 'RSA+SHA256', 'ECDSA+SHA256'), ec)
    assert.equal(shown([ec, certificate('ed25519')], 'TLSv1.3', 'Ed25519')?.keyType, 'ed25519')
    assert.equal(shown([ec, rsa], 'TLSv1.3', 'Ed25519'), undefined)
  })

  it('is known in TLS 1.2 only where one kind of key is left', () => {
    assert.equal(shown([ec, rsa], 'TLSv1.2', 'RSA+SHA256', 'RSA-PSS+SHA256'), rsa)
    assert.equal(shown([p384, rsa], 'TLSv1.2', 'ECDSA+SHA256'), p384)
    assert.equal(shown([ec, rsa], 'TLSv1.2', 'ECDSA+SHA256', 'RSA+SHA256'), undefined)
  })
})
