import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import fc from 'fast-check'
import { OcspError, readOcspResponse } from '../../../src/tls/ocsp-response.ts'
import { type Authority, type Issued, makeAuthority } from '../../support/certificates.ts'

const DAY_MS = 86_400_000

let ca: Authority
let shop: Issued
let certificate: X509Certificate
let response: Buffer

before(() => {
  ca = makeAuthority()
  shop = ca.issue({ names: ['shop.example.com'] })
  certificate = new X509Certificate(readFileSync(shop.certificate))
  response = readFileSync(ca.ocspResponse(shop, { days: 7 }))
})

function refuses(der: Buffer, message: string | RegExp, nowMs = Date.now()): void {
  assert.throws(
    () => readOcspResponse(der, certificate, nowMs),
    (error) =>
      error instanceof OcspError &&
      (message instanceof RegExp ? message : { test: (text: string) => text === message }).test(error.message),
  )
}

describe('readOcspResponse', () => {
  it('gives the response of an authority and the end of its time', () => {
    const { der, untilMs } = readOcspResponse(response, certificate, Date.now())
    assert.equal(der, response)
    assert.ok(Math.abs(untilMs - Date.now() - 7 * DAY_MS) < 60_000)
  })

  it('refuses one that has expired or is of later', () => {
    refuses(response, /^has expired on 20\S+Z$/, Date.now() + 8 * DAY_MS)
    refuses(response, /^is valid only from 20\S+Z on$/, Date.now() - DAY_MS)
  })

  it('refuses one about another certificate, or that says anything but good', () => {
    const other = ca.issue({ names: ['other.example'] })
    refuses(readFileSync(ca.ocspResponse(other)), 'is about another certificate')
    refuses(readFileSync(ca.ocspResponse(shop, { revoked: true })), 'does not say that the certificate is good')
  })

  it('refuses errors of the authority', () => {
    refuses(Buffer.from('30030a0103', 'hex'), 'is no answer but an error of the authority: try later')
    refuses(Buffer.from('30030a0163', 'hex'), 'is no answer but an error of the authority: 99')
  })

  it('refuses what is not DER, without ever failing otherwise', () => {
    const message = 'is no OCSP response in DER'
    refuses(Buffer.alloc(0), message)
    refuses(Buffer.from('not at all'), message)
    refuses(Buffer.concat([response, Buffer.from([0])]), message)
    for (let length = 0; length < response.length; length++) refuses(response.subarray(0, length), message)
    const change = fc.tuple(fc.nat(response.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = Buffer.from(response)
        for (const [at, byte] of changes) changed[at] = byte
        try {
          readOcspResponse(changed, certificate, Date.now())
        } catch (error) {
          assert.ok(error instanceof OcspError, String(error))
        }
      }),
    )
  })
})
