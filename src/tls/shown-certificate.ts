/**
 * Which of several certificates OpenSSL is about to show a client. It has one slot for each kind of key and chooses late, while the
 * response to be stapled must be named before; a response about another certificate would make the client hang up.
 *
 * In TLS 1.3 the first signature algorithm that both sides know, in the order of the client, decides (RFC 8446 §4.4.2.2), and
 * each algorithm is of one kind of key, even of one curve. In TLS 1.2 the cipher decides, which nobody can ask for yet; so only
 * where the algorithms leave one kind of key is it known.
 */
import type { TLSSocket } from 'node:tls'
import type { CertificateMaterial } from './material.ts'

/** Curves by the only hash that TLS 1.3 lets them sign with. */
const CURVES: ReadonlyMap<string, string> = new Map([
  ['ECDSA+SHA256', 'prime256v1'],
  ['ECDSA+SHA384', 'secp384r1'],
  ['ECDSA+SHA512', 'secp521r1'],
])

/** During the handshake; undefined: it cannot be told. `socket` undefined: nothing is known of the client. */
export function shownCertificate(
  certificates: readonly CertificateMaterial[],
  socket: Pick<TLSSocket, 'getSharedSigalgs' | 'getProtocol'> | undefined,
): CertificateMaterial | undefined {
  if (certificates.length === 1) return certificates[0]
  if (socket === undefined) return undefined
  const algorithms = socket.getSharedSigalgs()
  if (socket.getProtocol() === 'TLSv1.3') {
    for (const algorithm of algorithms) {
      const found = certificates.find((one) => signsInTls13(one, algorithm))
      if (found !== undefined) return found
    }
    return undefined
  }
  const possible = certificates.filter((one) => algorithms.some((algorithm) => kindOf(algorithm) === one.keyType))
  return possible.length === 1 ? possible[0] : undefined
}

function signsInTls13({ keyType, curve }: CertificateMaterial, algorithm: string): boolean {
  // RSA with PKCS #1 v1.5 signs no handshake of TLS 1.3 (RFC 8446 §4.2.3).
  if (algorithm.startsWith('RSA+')) return false
  return kindOf(algorithm) === keyType && (keyType !== 'ec' || CURVES.get(algorithm) === curve)
}

/** As OpenSSL names algorithms to the kinds of keys that Node knows. */
function kindOf(algorithm: string): string {
  if (algorithm.startsWith('ECDSA+')) return 'ec'
  if (algorithm.startsWith('RSA-PSS-PSS+')) return 'rsa-pss'
  if (algorithm.startsWith('RSA')) return 'rsa'
  return algorithm.toLowerCase()
}
