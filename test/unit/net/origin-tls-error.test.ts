import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCertificateRefusal, tlsErrorCode, tlsErrorDetail } from '../../../src/net/origin-tls-error.ts'

const error = (code: string, message = 'x'): NodeJS.ErrnoException => Object.assign(new Error(message), { code })

describe('an error of TLS', () => {
  it('says what is wrong with the certificate', () => {
    for (const [code, expected] of [
      ['CERT_HAS_EXPIRED', 'certificate-expired'],
      ['CERT_NOT_YET_VALID', 'certificate-expired'],
      ['ERR_TLS_CERT_ALTNAME_INVALID', 'certificate-name'],
      ['DEPTH_ZERO_SELF_SIGNED_CERT', 'certificate-untrusted'],
      ['CERT_REVOKED', 'certificate-untrusted'],
      ['ECONNRESET', 'tls-handshake'],
      ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'tls-handshake'],
    ] as const) {
      assert.equal(tlsErrorCode(error(code)), expected, code)
    }
    assert.equal(tlsErrorCode(new Error('without a code')), 'tls-handshake')
  })

  it('is one printable line of bounded length', () => {
    const detail = tlsErrorDetail(error('CERT_X', `bad\r\n\x1b[31m name \u2028 ${'y'.repeat(1000)}`))
    assert.match(detail, /^[ -~]{1,310}$/)
    assert.equal(tlsErrorDetail(error('CERT_X', 'expired')), 'expired (CERT_X)')
  })

  it('after the handshake is a refusal of our certificate only where the alert says so', () => {
    for (const code of ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA']) {
      assert.ok(isCertificateRefusal(error(code)), code)
    }
    for (const code of [
      'ECONNRESET',
      'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
      'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
    ]) {
      assert.ok(!isCertificateRefusal(error(code)), code)
    }
    assert.ok(!isCertificateRefusal(new Error('without a code')))
  })
})
