/**
 * Text in PEM (RFC 7468), taken apart: the certificates of a file in their order, and its private key. What stands between the
 * blocks is for people and is skipped, as are blocks of other kinds (parameters, revocation lists).
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'

/** Longer chains than this lead nowhere; a bundle of authorities may be longer. */
export const MAX_CHAIN = 16

/** What is wrong with a file, in words for the operator: a sentence whose subject is the file, and never a part of a key. */
export class PemError extends Error {
  override readonly name = 'PemError'
}

/** Its certificates, at most `most`. Throws a PemError that numbers them from 1. */
export function parseCertificates(text: string, most: number): X509Certificate[] {
  const blocks = blocksOf(text, /^(?:X509 |TRUSTED )?CERTIFICATE$/)
  if (blocks.length === 0) throw new PemError('holds no certificate in PEM')
  if (blocks.length > most) throw new PemError(`holds ${blocks.length} certificates, and ${most} are the most`)
  return blocks.map((block, at) => {
    try {
      return new X509Certificate(block)
    } catch {
      throw new PemError(
        blocks.length === 1
          ? 'holds a certificate that cannot be read'
          : `holds ${blocks.length} certificates, and number ${at + 1} cannot be read`,
      )
    }
  })
}

/** Its private key, and the text of that block alone. Throws a PemError. */
export function parsePrivateKey(text: string): { readonly key: KeyObject; readonly pem: string } {
  const blocks = blocksOf(text, /PRIVATE KEY$/)
  const [pem] = blocks
  if (pem === undefined) throw new PemError('holds no private key in PEM')
  if (blocks.length > 1) throw new PemError('holds more than one private key')
  if (/^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw new PemError('holds a key that is locked with a password; unlock it with "openssl pkey"')
  }
  try {
    return { key: createPrivateKey(pem), pem }
  } catch {
    throw new PemError('holds a key that cannot be read')
  }
}

/** From the first dash of BEGIN to the last of END; a block without its end is none. */
function blocksOf(text: string, kind: RegExp): string[] {
  const blocks: string[] = []
  for (let at = text.indexOf(BEGIN); at !== -1; at = text.indexOf(BEGIN, at)) {
    const labelEnd = text.indexOf('-----', at + BEGIN.length)
    if (labelEnd === -1) break
    const label = text.slice(at + BEGIN.length, labelEnd)
    const footer = `-----END ${label}-----`
    const end = text.indexOf(footer, labelEnd)
    if (end === -1) {
      at = labelEnd
      continue
    }
    if (kind.test(label)) blocks.push(text.slice(at, end + footer.length))
    at = end + footer.length
  }
  return blocks
}

const BEGIN = '-----BEGIN '
