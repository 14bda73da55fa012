import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { alternativeNames, commonNameOf, distinguishedName } from '../../../src/tls/subject-names.ts'
import { type IssueOptions, makeAuthority } from '../../support/certificates.ts'

const issue = (options: IssueOptions): X509Certificate =>
  new X509Certificate(readFileSync(makeAuthority().issue(options).certificate))

describe('distinguishedName', () => {
  it('begins with the most exact part', () => {
    const { subject } = issue({ subject: '/O=Example/OU=Staff', commonName: 'Ada' })
    assert.equal(distinguishedName(subject), 'CN=Ada,OU=Staff,O=Example')
    assert.equal(commonNameOf(subject), 'Ada')
  })

  it('is printable ASCII, whatever stands in it', () => {
    const { subject } = issue({ subject: '/O=Zoë, Inc.', commonName: 'a\r\nb,CN=root' })
    const text = distinguishedName(subject)
    assert.match(text, /^[ -~]*$/)
    assert.equal(text, 'CN=a\\0D\\0Ab\\,CN=root,O=Zo\\C3\\AB\\, Inc.')
    assert.equal(commonNameOf(subject), 'a\\0D\\0Ab\\,CN=root')
  })

  it('is empty where nothing is', () => {
    assert.equal(distinguishedName(''), '')
    assert.equal(commonNameOf('O=Example'), '')
  })
})

describe('alternativeNames', () => {
  it('tells kinds and values apart', () => {
    const { subjectAltName } = issue({
      names: ['a.example', 'email:ada@a.example', 'URI:spiffe://a/b', 'IP:192.0.2.1'],
    })
    assert.deepEqual(alternativeNames(subjectAltName), [
      { kind: 'DNS', value: 'a.example' },
      { kind: 'email', value: 'ada@a.example' },
      { kind: 'URI', value: 'spiffe://a/b' },
      { kind: 'IP Address', value: '192.0.2.1' },
    ])
    assert.deepEqual(alternativeNames(undefined), [])
  })

  it('never takes a part of a name for a name', () => {
    const extensions = [
      'subjectAltName = @names',
      '[names]',
      'URI.0 = "http://a/?x, DNS:evil.example"',
      'DNS.0 = b.example',
    ]
    const { subjectAltName } = issue({ extensions })
    assert.deepEqual(alternativeNames(subjectAltName), [
      { kind: 'URI', value: 'http://a/?x, DNS:evil.example' },
      { kind: 'DNS', value: 'b.example' },
    ])
  })

  it('leaves out what is no string, and escapes what is not ASCII', () => {
    assert.deepEqual(alternativeNames('DNS:"a\\u00e9", DNS:"broken, DNS:c'), [{ kind: 'DNS', value: 'a\\C3\\A9' }])
  })
})
