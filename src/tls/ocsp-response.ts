/**
 * The OCSP response of a file (RFC 6960 §4.2), to be stapled (RFC 6066 §8): only whether it is about this certificate, what it says,
 * and until when. Whether it is signed by the right one is for the client to find out, who does not take our word for it anyway.
 */
import type { X509Certificate } from 'node:crypto'
import { DerError, DerReader } from './der.ts'
import type { StapledResponse } from './material.ts'

/** Why a response is not stapled, a sentence without a subject. */
export class OcspError extends Error {
  override readonly name = 'OcspError'
}

const SEQUENCE = 0x30
const INTEGER = 0x02
const OCTET_STRING = 0x04
const OBJECT_ID = 0x06
const ENUMERATED = 0x0a
const GENERALIZED_TIME = 0x18
/** `[n] EXPLICIT`, and a constructed choice. */
const CONTEXT = [0xa0, 0xa1, 0xa2] as const
/** certStatus: `[0] IMPLICIT NULL`, `[1] RevokedInfo`, `[2] IMPLICIT NULL`. */
const GOOD = 0x80

/** id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1. */
const BASIC = Buffer.from('2b0601050507300101', 'hex')

/** RFC 6960 §4.2.1: what a responder says instead of an answer. */
const STATUS_WORDS: ReadonlyMap<number, string> = new Map([
  [1, 'the request was malformed'],
  [2, 'an internal error'],
  [3, 'try later'],
  [5, 'the request must be signed'],
  [6, 'it is not authorised'],
])

/** Throws an OcspError for what is of no use now: expired, about another certificate, or anything but "good". */
export function readOcspResponse(der: Buffer, certificate: X509Certificate, nowMs: number): StapledResponse {
  const single = parse(der, certificate.serialNumber)
  if (single.status !== GOOD) throw new OcspError('does not say that the certificate is good')
  if (single.fromMs > nowMs) throw new OcspError(`is valid only from ${new Date(single.fromMs).toISOString()} on`)
  if (single.untilMs <= nowMs) throw new OcspError(`has expired on ${new Date(single.untilMs).toISOString()}`)
  return { der, untilMs: single.untilMs }
}

interface SingleResponse {
  readonly status: number
  readonly fromMs: number
  readonly untilMs: number
}

function parse(der: Buffer, serial: string): SingleResponse {
  try {
    const found = findResponse(basicResponse(der), BigInt(`0x${serial}`))
    if (found !== undefined) return found
  } catch (error) {
    if (error instanceof DerError) throw new OcspError('is no OCSP response in DER')
    throw error
  }
  throw new OcspError('is about another certificate')
}

/** What the BasicOCSPResponse holds. */
function basicResponse(der: Buffer): DerReader {
  const file = new DerReader(der)
  const response = file.enter(SEQUENCE)
  const status = response.next(ENUMERATED).content
  const code = status.length === 1 ? status[0]! : 2
  if (code !== 0) throw new OcspError(`is no answer but an error of the authority: ${STATUS_WORDS.get(code) ?? code}`)
  const bytes = response.enter(CONTEXT[0]).enter(SEQUENCE)
  if (!file.isAtEnd || !bytes.next(OBJECT_ID).content.equals(BASIC)) throw new DerError('not a basic response')
  return new DerReader(bytes.next(OCTET_STRING).content).enter(SEQUENCE)
}

function findResponse(basic: DerReader, serial: bigint): SingleResponse | undefined {
  const data = basic.enter(SEQUENCE)
  data.skip(CONTEXT[0]) // version
  data.next() // responderID
  data.next(GENERALIZED_TIME) // producedAt
  const responses = data.enter(SEQUENCE)
  while (!responses.isAtEnd) {
    const single = responses.enter(SEQUENCE)
    const certId = single.enter(SEQUENCE)
    certId.next(SEQUENCE) // hashAlgorithm
    certId.next(OCTET_STRING) // issuerNameHash
    certId.next(OCTET_STRING) // issuerKeyHash
    const number = certId.next(INTEGER).content
    if (number.length === 0 || number.length > MAX_SERIAL_BYTES) throw new DerError('a serial number without bound')
    const status = single.next().tag
    const fromMs = timeOf(single.next(GENERALIZED_TIME).content)
    const untilMs =
      single.peek() === CONTEXT[0] ? timeOf(single.enter(CONTEXT[0]).next(GENERALIZED_TIME).content) : Infinity
    if (BigInt(`0x${number.toString('hex')}`) === serial) return { status, fromMs, untilMs }
  }
  return undefined
}

/** RFC 5280 §4.1.2.2: 20 octets and a sign. */
const MAX_SERIAL_BYTES = 21

/** `YYYYMMDDHHMMSSZ`, as RFC 5280 §4.1.2.5.2 wants it. */
function timeOf(content: Buffer): number {
  const found = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(content.toString('latin1'))
  if (found === null) throw new DerError('not a time')
  const [, year, month, day, hour, minute, second] = found
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (Number.isNaN(ms)) throw new DerError('not a time')
  return ms
}
