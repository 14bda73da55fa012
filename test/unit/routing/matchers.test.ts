import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MatchNode, StringTest } from '../../../src/plan/plan.ts'
import type { ClientCertificateFacts, TlsFacts } from '../../../src/plan/tls-facts.ts'
import { compileMatchers } from '../../../src/routing/matchers.ts'
import { cpuMsOf } from '../../support/cpu.ts'
import { matcher, type RequestSketch, request, response } from './facts.ts'

const present: StringTest = { kind: 'present' }
const absent: StringTest = { kind: 'absent' }
const equal = (value: string, secret = false): StringTest => ({ kind: 'equal', value, secret })
const glob = (pattern: string): StringTest => ({ kind: 'glob', pattern })
const regex = (source: string): StringTest => ({ kind: 'regex', source })

function holds(node: MatchNode, path: string, sketch: RequestSketch = {}): boolean {
  return compileMatchers([matcher('m', node)]).holds('m', request(path, sketch))
}

describe('conditions on a request', () => {
  const cookie = (...tests: StringTest[]): MatchNode => ({ kind: 'cookie', name: 'sid', tests })
  const query = (...tests: StringTest[]): MatchNode => ({ kind: 'query', name: 'a b', tests })
  const header = (...tests: StringTest[]): MatchNode => ({ kind: 'header', name: 'X-Token', tests })
  const withCookie = (...lines: string[]): RequestSketch => ({ fields: { cookie: lines } })
  const withToken = (...lines: string[]): RequestSketch => ({ fields: { 'x-token': lines } })
  const source: MatchNode = { kind: 'source', networks: [{ address: '192.0.2.0', prefix: 24, family: 'ipv4' }] }
  const hosts: MatchNode = { kind: 'host', patterns: ['a.test', '*.B.test'] }

  const cases: [title: string, node: MatchNode, sketch: RequestSketch, expected: boolean][] = [
    ['source inside', source, {}, true],
    ['source outside', source, { clientAddress: '198.51.100.1' }, false],
    ['method in the list', { kind: 'method', methods: ['GET', 'HEAD'] }, {}, true],
    ['method is case-sensitive', { kind: 'method', methods: ['GET'] }, { method: 'get' }, false],
    ['host by name', hosts, { host: 'a.test' }, true],
    ['host by wildcard', hosts, { host: 'x.b.test' }, true],
    ['host of no pattern', hosts, { host: 'b.test' }, false],
    ['scheme', { kind: 'scheme', scheme: 'https' }, { scheme: 'https' }, true],
    ['scheme differs', { kind: 'scheme', scheme: 'https' }, {}, false],
    ['path by glob', { kind: 'path', patterns: [equal('/y'), glob('/p*')] }, {}, true],
    ['path glob stays in its segment', { kind: 'path', patterns: [glob('/*')] }, { path: '/a/b' }, false],
    ['path by regex', { kind: 'path', patterns: [regex('^/p.*h$')] }, {}, true],

    ['cookie present', cookie(present), withCookie('a=1; sid=x'), true],
    ['cookie present on a second line', cookie(present), withCookie('a=1', 'sid=x'), true],
    ['cookie name is a suffix of another', cookie(present), withCookie('asid=x'), false],
    ['cookie name is a prefix of another', cookie(present), withCookie('sids=x'), false],
    ['cookie name differs in case', cookie(present), withCookie('SID=x'), false],
    ['cookie name inside a value', cookie(present), withCookie('a=sid=1'), false],
    ['cookie without equals sign', cookie(present), withCookie('sid'), false],
    ['cookie with an empty value is present', cookie(present), withCookie('sid='), true],
    ['cookie without space behind the semicolon', cookie(equal('2')), withCookie('a=1;sid=2;b=3'), true],
    ['cookie value in quotes', cookie(equal('2')), withCookie('sid="2"'), true],
    ['cookie value holds an equals sign', cookie(equal('a=b')), withCookie('sid=a=b'), true],
    ['second cookie of the name', cookie(equal('2')), withCookie('sid=1; sid=2'), true],
    ['cookie absent', cookie(absent), withCookie('a=1'), true],
    ['cookie absent without any', cookie(absent), {}, true],
    ['cookie not absent', cookie(absent), withCookie('sid=1'), false],
    ['cookie value differs', cookie(equal('2')), withCookie('sid=3'), false],
    ['absent or a value', cookie(absent, equal('2')), withCookie('sid=2'), true],
    ['neither absent nor the value', cookie(absent, equal('2')), withCookie('sid=3'), false],

    ['query present', query(present), { query: 'x&a+b&y' }, true],
    ['query name escaped', query(present), { query: 'a%20b=1' }, true],
    ['query absent', query(absent), { query: 'a=b' }, true],
    ['empty query', query(present), { query: '' }, false],
    ['query value escaped', query(equal('ü/')), { query: 'a+b=%c3%BC%2f' }, true],
    ['query value with a broken escape', query(equal('%zz%4')), { query: 'a+b=%zz%4' }, true],
    ['any of repeated parameters', query(equal('2')), { query: 'a+b=1&a+b=2' }, true],
    ['query value by glob crosses slashes', query(glob('*x')), { query: 'a+b=/1/x' }, true],

    ['header present', header(present), withToken('1'), true],
    ['header absent', header(absent), {}, true],
    ['header line equal', header(equal('1')), withToken('0', '1'), true],
    ['header lines are not joined', header(equal('0, 1')), withToken('0', '1'), false],
    ['header equal beyond ASCII', header(equal('ü')), withToken('\xc3\xbc'), true],
    ['secret equal', header(equal('s3cret', true)), withToken('s3cret'), true],
    ['secret shorter', header(equal('s3cret', true)), withToken('s3cre'), false],
    ['secret differs', header(equal('s3cret', true)), withToken('s3creT'), false],
    ['secret but none given', header(equal('s3cret', true)), {}, false],
    ['header by glob', header(glob('v1/*')), withToken('v1/a/b'), true],
    ['header by regex', header(regex('^[a-f0-9]+$')), withToken('c0ffee'), true],

    ['all', { kind: 'all', nodes: [source, hosts] }, {}, false],
    ['all of nothing', { kind: 'all', nodes: [] }, {}, true],
    ['any', { kind: 'any', nodes: [hosts, source] }, {}, true],
    ['any of nothing', { kind: 'any', nodes: [] }, {}, false],
    ['not', { kind: 'not', nodes: [hosts, source] }, {}, false],
    ['not any of several', { kind: 'not', nodes: [hosts, cookie(present)] }, {}, true],
  ]
  for (const [title, node, sketch, expected] of cases) {
    it(`${title}: ${expected}`, () => assert.equal(holds(node, '/path', sketch), expected))
  }

  it('scans a hostile query in linear time', () => {
    const hostile = { query: 'a&'.repeat(200_000) }
    const cpuMs = cpuMsOf(() => assert.equal(holds(query(equal('x')), '/', hostile), false))
    assert.ok(cpuMs < 1000)
  })
})

describe('conditions on a response', () => {
  const node: MatchNode = {
    kind: 'any',
    nodes: [
      {
        kind: 'status',
        statuses: [
          [500, 599],
          [404, 404],
        ],
      },
      { kind: 'response-header', name: 'Age', tests: [present] },
    ],
  }
  const set = compileMatchers([
    matcher('bad', node, true),
    matcher('good', { kind: 'not', nodes: [{ kind: 'matcher', name: 'bad' }] }, true),
  ])

  it('look at status and fields', () => {
    assert.equal(set.holds('bad', request('/'), response(503)), true)
    assert.equal(set.holds('bad', request('/'), response(404)), true)
    assert.equal(set.holds('bad', request('/'), response(405)), false)
    assert.equal(set.holds('bad', request('/'), response(200, { age: '1' })), true)
  })

  it('hold for no request that has no response yet, negated or not', () => {
    assert.equal(set.holds('bad', request('/')), false)
    assert.equal(set.holds('good', request('/')), false)
    assert.equal(set.holds('good', request('/'), response(200)), true)
  })
})

describe('references', () => {
  it('reach matchers declared later', () => {
    const set = compileMatchers([
      matcher('a', { kind: 'matcher', name: 'b' }),
      matcher('b', { kind: 'method', methods: ['GET'] }),
    ])
    assert.equal(set.holds('a', request('/')), true)
  })

  it('to nothing, or in a circle, break an invariant of the Plan', () => {
    assert.throws(() => compileMatchers([matcher('a', { kind: 'matcher', name: 'b' })]), /@b is declared/)
    assert.throws(() => compileMatchers([matcher('a', { kind: 'matcher', name: 'a' })]), /does not refer to itself/)
    assert.throws(() => compileMatchers([]).holds('a', request('/')), /@a is declared/)
  })
})

describe('conditions on TLS', () => {
  const client: ClientCertificateFacts = {
    isVerified: true,
    subject: 'CN=Ada,O=Example',
    commonName: 'Ada',
    names: ['ada@a.example', 'a.example'],
    issuer: 'CN=Below',
    serial: '01ab',
    fingerprint: 'ff00',
  }
  const tls: TlsFacts = {
    version: '1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    protocol: 'h2',
    sni: 'shop.example.com',
    client,
  }
  const untrusted: TlsFacts = { ...tls, client: { ...client, isVerified: false } }
  const stranger: TlsFacts = { ...tls, sni: '', protocol: '', client: undefined }
  const field = (name: 'sni' | 'version' | 'cipher' | 'protocol', ...tests: StringTest[]): MatchNode => ({
    kind: 'tls',
    field: name,
    tests,
  })
  const state = (word: 'verified' | 'untrusted' | 'absent'): MatchNode => ({ kind: 'client-certificate', state: word })
  const ofClient = (
    name: 'subject' | 'common-name' | 'name' | 'issuer' | 'serial' | 'fingerprint',
    ...tests: StringTest[]
  ): MatchNode => ({ kind: 'client-field', field: name, tests })

  const cases: [title: string, node: MatchNode, tls: TlsFacts | undefined, expected: boolean][] = [
    ['the name asked for', field('sni', glob('*.example.com')), tls, true],
    ['another name', field('sni', equal('example.com')), tls, false],
    ['no name', field('sni', absent), stranger, true],
    ['a name that is there', field('sni', present), stranger, false],
    ['the version', field('version', equal('1.2'), equal('1.3')), tls, true],
    ['the cipher', field('cipher', regex('^TLS_')), tls, true],
    ['the protocol', field('protocol', equal('http/1.1')), tls, false],
    ['nothing, without TLS', field('sni', absent), undefined, false],
    ['a verified client', state('verified'), tls, true],
    ['a verified client, who is not', state('verified'), untrusted, false],
    ['an untrusted client', state('untrusted'), untrusted, true],
    ['an untrusted client, who shows nothing', state('untrusted'), stranger, false],
    ['no certificate', state('absent'), stranger, true],
    ['no certificate, without TLS', state('absent'), undefined, true],
    ['no certificate, where one is', state('absent'), untrusted, false],
    ['a subject', ofClient('subject', equal('CN=Ada,O=Example')), tls, true],
    ['a common name', ofClient('common-name', equal('Grace'), equal('Ada')), tls, true],
    ['one of the names', ofClient('name', equal('a.example')), tls, true],
    ['none of the names', ofClient('name', equal('b.example')), tls, false],
    ['an issuer', ofClient('issuer', regex('Below$')), tls, true],
    ['a serial number', ofClient('serial', equal('01ab')), tls, true],
    ['a fingerprint', ofClient('fingerprint', equal('ff00', true)), tls, true],
    ['nothing of who is not verified', ofClient('common-name', equal('Ada')), untrusted, false],
    ['not even the absence of something', ofClient('name', absent), untrusted, false],
    ['names that are missing', ofClient('name', absent), { ...tls, client: { ...client, names: [] } }, true],
  ]
  for (const [title, node, facts, expected] of cases) {
    it(`${title}: ${expected}`, () => {
      assert.equal(holds(node, '/', { tls: facts, scheme: facts === undefined ? 'http' : 'https' }), expected)
    })
  }
})
