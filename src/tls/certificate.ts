/**
 * A certificate with its chain and its key, from text to what contexts are made of. Whatever would make handshakes fail, or
 * clients turn away, is found here in words, before a worker sees it.
 */
import type { X509Certificate } from 'node:crypto'
import type { CertificateMaterial, StapledResponse } from './material.ts'
import { MAX_CHAIN, PemError, parseCertificates, parsePrivateKey } from './pem.ts'
import { alternativeNames, commonNameOf, distinguishedName } from './subject-names.ts'

/** Fewer bits than this are refused by OpenSSL and by every client of today. */
const LEAST_RSA_BITS = 2048

/** Texts in PEM; `key` may be the same text. */
export interface CertificateTexts {
  readonly certificate: string
  readonly key: string
}

export interface LoadedCertificate {
  readonly material: CertificateMaterial
  /** What is doubtful but works, each a sentence without a subject: `is valid only from ... on`. */
  readonly doubts: readonly string[]
}

/** Which of the two files the error is about. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
  readonly about: 'certificate' | 'key'

  constructor(about: 'certificate' | 'key', message: string) {
    super(message)
    this.about = about
  }
}

/** `names`: those that the configuration gives; empty: the certificate's. Throws a CertificateError. */
export function loadCertificate(
  texts: CertificateTexts,
  names: readonly string[],
  ocsp: StapledResponse | undefined,
  nowMs: number,
): LoadedCertificate {
  const chain = about('certificate', () => parseCertificates(texts.certificate, MAX_CHAIN))
  const { key, pem } = about('key', () => parsePrivateKey(texts.key))
  const [leaf] = chain as [X509Certificate]
  if (!leaf.checkPrivateKey(key))
    throw new CertificateError(
      'key',
      mismatch(chain, (one) => one.checkPrivateKey(key)),
    )
  const bits = key.asymmetricKeyDetails?.modulusLength ?? LEAST_RSA_BITS
  if (bits < LEAST_RSA_BITS) {
    throw new CertificateError('key', `holds a key of ${bits} bits, and clients want ${LEAST_RSA_BITS}`)
  }
  const shown = names.length > 0 ? names : namesOf(leaf)
  return {
    material: {
      names: shown,
      keyType: key.asymmetricKeyType ?? 'unknown',
      curve: key.asymmetricKeyDetails?.namedCurve,
      certificate: chain.map((one) => one.toString()).join(''),
      key: pem,
      fingerprint: fingerprintOf(leaf),
      notAfterMs: leaf.validToDate.getTime(),
      ocsp,
    },
    doubts: [...chainDoubts(chain), ...timeDoubts(leaf, nowMs), ...nameDoubts(leaf, names)],
  }
}

/** SHA-256, hexadecimal, lower case, without colons. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase()
}

/** Host names a certificate is made out to, lower case; where it has no alternative names, its common name, if that is one. */
export function namesOf(certificate: X509Certificate): readonly string[] {
  const alternatives = alternativeNames(certificate.subjectAltName)
  const hosts = alternatives.filter(({ kind }) => kind === 'DNS').map(({ value }) => value.toLowerCase())
  const found = alternatives.length > 0 ? hosts : [commonNameOf(certificate.subject).toLowerCase()]
  return [...new Set(found.filter((name) => HOST.test(name)))]
}

const HOST = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

function about<T>(what: 'certificate' | 'key', work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof PemError) throw new CertificateError(what, error.message)
    throw error
  }
}

function mismatch(chain: readonly X509Certificate[], fits: (one: X509Certificate) => boolean): string {
  const other = chain.findIndex(fits)
  return other === -1
    ? 'holds a key that is not that of the certificate'
    : `holds the key of certificate ${other + 1} of those given with it, and its own must stand first`
}

/** Each must be signed by the next (RFC 8446 §4.4.2 allows others, and then some clients give up). */
function chainDoubts(chain: readonly X509Certificate[]): string[] {
  for (let at = 0; at + 1 < chain.length; at++) {
    const [one, next] = [chain[at]!, chain[at + 1]!]
    if (one.checkIssued(next)) continue
    const signer = distinguishedName(one.issuer)
    return [`has a chain out of order: certificate ${at + 1} is signed by "${signer}", and another one follows it`]
  }
  return []
}

function timeDoubts(leaf: X509Certificate, nowMs: number): string[] {
  return leaf.validFromDate.getTime() > nowMs ? [`is valid only from ${leaf.validFromDate.toISOString()} on`] : []
}

/** Clients compare the name themselves: one that the certificate does not have is of no use to them. */
function nameDoubts(leaf: X509Certificate, names: readonly string[]): string[] {
  if (names.length === 0)
    return namesOf(leaf).length === 0 ? ['is made out to no host name, so it is shown only as the first'] : []
  const strange = names.filter((name) => leaf.checkHost(name.replace(/^\*/, 'x')) === undefined)
  return strange.length === 0 ? [] : [`is not made out to ${strange.map((name) => `"${name}"`).join(', ')}`]
}
