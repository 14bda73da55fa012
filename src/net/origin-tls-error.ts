/** Why TLS to an origin did not come about: OpenSSL's and Node's codes as ours, with what the operator wants to know. */
import type { OriginErrorCode } from './origin-error.ts'

/** X509_V_ERR_* as Node names them: dates. */
const dateCodes: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
])

/** Names. */
const nameCodes: ReadonlySet<string> = new Set(['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH'])

/** Everything else that `verifyError` can say: signature, chain, purpose, revocation. */
const trustCodes: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECRYPT_CRL_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'CERT_SIGNATURE_FAILURE',
  'CRL_SIGNATURE_FAILURE',
  'CRL_NOT_YET_VALID',
  'CRL_HAS_EXPIRED',
  'ERROR_IN_CRL_LAST_UPDATE_FIELD',
  'ERROR_IN_CRL_NEXT_UPDATE_FIELD',
  'OUT_OF_MEM',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REVOKED',
  'INVALID_CA',
  'PATH_LENGTH_EXCEEDED',
  'INVALID_PURPOSE',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'UNSPECIFIED',
])

/** The code for an error between the TCP connection and the end of the handshake. */
export function tlsErrorCode(error: NodeJS.ErrnoException): OriginErrorCode {
  const code = error.code ?? ''
  if (dateCodes.has(code)) return 'certificate-expired'
  if (nameCodes.has(code)) return 'certificate-name'
  if (trustCodes.has(code)) return 'certificate-untrusted'
  return 'tls-handshake'
}

/**
 * In TLS 1.3 the client is done before the server has looked at its certificate: a refusal comes when the request is on its
 * way, as an alert (RFC 8446 §6.2), and the request has not been read.
 */
const REFUSAL =
  /_ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_[A-Z]+|UNKNOWN_CA|ACCESS_DENIED|NO_CERTIFICATE)$/

export function isCertificateRefusal(error: NodeJS.ErrnoException): boolean {
  const { code = '' } = error
  return code.startsWith('ERR_SSL_') && REFUSAL.test(code)
}

const MAX_DETAIL = 300
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\uffff]+/g

/**
 * What the log says of it: what Node says, in one printable line. Names out of a certificate are the peer's words, so they
 * are cut; a key or a session never is in it.
 */
export function tlsErrorDetail(error: NodeJS.ErrnoException): string {
  const code = error.code ?? ''
  const text = error.message.replace(UNPRINTABLE, ' ').trim()
  const detail = text.includes(code) ? text : `${text} (${code})`
  return detail.length <= MAX_DETAIL ? detail : `${detail.slice(0, MAX_DETAIL)}...`
}
