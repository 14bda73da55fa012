import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TlsFacts } from '../../../src/plan/tls-facts.ts'
import { type TlsVariable, tlsVariable } from '../../../src/proxy/tls-variables.ts'

const client = {
  isVerified: true,
  subject: 'CN=Ada,O=Example',
  commonName: 'Ada',
  names: [],
  issuer: 'CN=Below',
  serial: '01ab',
  fingerprint: 'ff00',
}
const tls: TlsFacts = { version: '1.3', cipher: 'TLS_AES_128_GCM_SHA256', protocol: 'h2', sni: 'a.example', client }

const ofClient: Readonly<Record<string, string>> = {
  'tls.client.subject': 'CN=Ada,O=Example',
  'tls.client.common-name': 'Ada',
  'tls.client.issuer': 'CN=Below',
  'tls.client.serial': '01ab',
  'tls.client.fingerprint': 'ff00',
}

function told(facts: TlsFacts | undefined, names: readonly string[]): readonly string[] {
  return names.map((name) => tlsVariable(facts, name as TlsVariable))
}

test('the connection is told', () => {
  const names = ['tls.version', 'tls.cipher', 'tls.protocol', 'tls.sni']
  assert.deepEqual(told(tls, names), ['1.3', 'TLS_AES_128_GCM_SHA256', 'h2', 'a.example'])
  assert.deepEqual(told(undefined, names), ['', '', '', ''])
})

test('a client is told if it is verified, else only that it is not', () => {
  const names = Object.keys(ofClient)
  const nothing = names.map(() => '')
  assert.deepEqual(told(tls, names), Object.values(ofClient))
  assert.deepEqual(told({ ...tls, client: { ...client, isVerified: false } }, names), nothing)
  assert.deepEqual(told({ ...tls, client: undefined }, names), nothing)
  assert.deepEqual(told(undefined, names), nothing)
  const states = [tls, { ...tls, client: { ...client, isVerified: false } }, { ...tls, client: undefined }, undefined]
  assert.deepEqual(
    states.map((facts) => tlsVariable(facts, 'tls.client.state')),
    ['verified', 'untrusted', 'absent', ''],
  )
})
