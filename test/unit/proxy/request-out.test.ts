import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  fillCaptures,
  type OutgoingRequest,
  requestFieldList,
  requestHeadText,
} from '../../../src/proxy/request-out.ts'
import { parsed } from '../http/parsed.ts'
import { contextOf, type Peer, runtimeOf } from './parts.ts'

const SERVER = 'server a 10.0.0.1:8080;'
const PLAIN = `backend app { ${SERVER} } site * { proxy app; forwarded { x-forwarded off; via off; } }`

interface Case {
  readonly config?: string
  readonly out?: Partial<OutgoingRequest>
  readonly peer?: Peer
}

/** Lines of the head that goes to the first server, without the blank one. */
function sent(lines: readonly string[], { config = PLAIN, out = {}, peer }: Case = {}): string[] {
  const context = contextOf(runtimeOf(config), parsed(...lines), peer)
  const server = context.route.backend!.plan.servers[0]!
  const text = requestHeadText({ context, fills: false, validators: '', upgrade: undefined, ...out }, server)
  assert.ok(text.endsWith('\r\n\r\n'))
  return text.slice(0, -4).split('\r\n')
}

/** The list that goes to the first server over HTTP/2. */
function listed(lines: readonly string[], { config = PLAIN, out = {}, peer }: Case = {}): string[] {
  const context = contextOf(runtimeOf(config), parsed(...lines), peer)
  const server = context.route.backend!.plan.servers[0]!
  return requestFieldList({ context, fills: false, validators: '', upgrade: undefined, ...out }, server, 'http')
}

describe('the list for an origin of HTTP/2', () => {
  it('has the pseudo-fields first, and what the client said in lower case', () => {
    const lines = ['GET /a?b HTTP/1.1', 'Host: Shop.Example:81', 'X-Odd:  a b ', 'Accept: x', 'Accept: y']
    assert.deepEqual(listed(lines), [
      ...[':method', 'GET', ':scheme', 'http', ':authority', 'shop.example:81', ':path', '/a?b'],
      ...['x-odd', 'a b', 'accept', 'x', 'accept', 'y'],
    ])
  })

  it('has nothing that concerns a connection', () => {
    const lines = ['GET / HTTP/1.1', 'Host: a', 'Connection: X-Hop, Upgrade, keep-alive', 'X-Hop: 1', 'Keep-Alive: 2']
    const upgrading = [...lines, 'Upgrade: websocket', 'Proxy-Connection: x', 'HTTP2-Settings: y', 'TE: gzip']
    assert.deepEqual(listed(upgrading, { out: { upgrade: 'websocket' } }).slice(8), [])
  })

  it('tells the length of a body that has one, and that trailers are welcome where they are', () => {
    const post = ['POST / HTTP/1.1', 'Host: a']
    assert.deepEqual(listed([...post, 'Content-Length: 5', 'Expect: 100-continue']).slice(8), [
      ...['expect', '100-continue', 'content-length', '5'],
    ])
    assert.deepEqual(listed([...post, 'Transfer-Encoding: chunked']).slice(8), [])
    for (const te of ['trailers', 'deflate;q=0.5, Trailers']) {
      assert.deepEqual(listed([...post, `TE: ${te}`]).slice(8), ['te', 'trailers'])
    }
  })

  it('names the server where the backend says so, without the port that its scheme has', () => {
    const site = 'site * { proxy app; forwarded { x-forwarded off; via off; } }'
    for (const [backend, expected] of [
      ['server a app.internal:8443; host server;', 'app.internal:8443'],
      ['server a app.internal:80; host server;', 'app.internal'],
      ['server a app.internal:443; host server;', 'app.internal:443'],
    ]) {
      const list = listed(['GET / HTTP/1.1', 'Host: a'], { config: `backend app { ${backend} } ${site}` })
      assert.deepEqual(list.slice(4, 6), [':authority', expected])
    }
  })

  it('of a fetch has the conditions of the cache', () => {
    const out = { fills: true, validators: 'If-None-Match: "2"\r\n' }
    assert.deepEqual(listed(['GET / HTTP/1.1', 'Host: a', 'Range: bytes=0-1'], { out }).slice(8), [
      ...['if-none-match', '"2"'],
    ])
  })
})

describe('the head for an origin', () => {
  it('tells the framing of the body that was parsed', () => {
    const post = ['POST / HTTP/1.1', 'Host: a']
    assert.deepEqual(sent(post), ['POST / HTTP/1.1', 'Host: a'])
    assert.deepEqual(sent([...post, 'Content-Length: 0']).slice(2), ['Content-Length: 0'])
    assert.deepEqual(sent([...post, 'content-length: 05']).slice(2), ['Content-Length: 5'])
    assert.deepEqual(sent([...post, 'transfer-encoding: CHUNKED']).slice(2), ['Transfer-Encoding: chunked'])
  })

  it('asks for 100-continue only where a body follows', () => {
    const expecting = ['PUT / HTTP/1.1', 'Host: a', 'Expect: 100-continue']
    assert.deepEqual(sent(expecting).slice(2), [])
    assert.deepEqual(sent([...expecting, 'Content-Length: 1']).slice(2), ['Expect: 100-continue', 'Content-Length: 1'])
  })

  it('asks for a change of protocol only where the proxy does', () => {
    const lines = ['GET / HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket']
    assert.deepEqual(sent(lines).slice(2), [])
    assert.deepEqual(sent(lines, { out: { upgrade: 'websocket' } }).slice(2), [
      'Connection: Upgrade',
      'Upgrade: websocket',
    ])
  })

  it('of a fetch leaves the conditions and ranges of the client out and has those of the cache', () => {
    const lines = [
      'GET / HTTP/1.1',
      'Host: a',
      'If-None-Match: "1"',
      'If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT',
      'Range: bytes=0-1',
      'If-Range: "1"',
      'Accept: */*',
    ]
    assert.deepEqual(sent(lines).slice(2), lines.slice(2))
    const fetch = sent(lines, { out: { fills: true, validators: 'If-None-Match: "2"\r\n' } })
    assert.deepEqual(fetch.slice(2), ['Accept: */*', 'If-None-Match: "2"'])
  })

  it('is HTTP/1.1 for an HTTP/1.0 client, with the name of the server where it gave none', () => {
    assert.deepEqual(sent(['GET / HTTP/1.0']), ['GET / HTTP/1.1', 'Host: 10.0.0.1:8080'])
  })

  it('leaves the port 80 out of Host, and brackets IPv6', () => {
    const hostOf = (address: string) =>
      sent(['GET / HTTP/1.0'], { config: PLAIN.replace(SERVER, `server a "${address}";`) })[1]
    assert.equal(hostOf('10.0.0.1:80'), 'Host: 10.0.0.1')
    assert.equal(hostOf('[2001:db8::1]:81'), 'Host: [2001:db8::1]:81')
    assert.equal(hostOf('unix:/run/app.sock'), 'Host: localhost')
  })

  it('quotes an IPv6 client in Forwarded, and names one without address unknown; https over TLS', () => {
    const config = PLAIN.replace('via off;', 'via off; forwarded on;')
    const forwarded = (clientAddress: string) =>
      sent(['GET / HTTP/1.1', 'Host: a:81'], {
        config,
        peer: { clientAddress, clientPort: 1, isSecure: clientAddress === '', tls: undefined },
      })[2]
    assert.equal(forwarded('2001:db8::7'), 'Forwarded: for="[2001:db8::7]";host="a:81";proto=http')
    assert.equal(forwarded(''), 'Forwarded: for=unknown;host="a:81";proto=https')
  })

  it('names the version that was received in Via', () => {
    const config = PLAIN.replace('via off;', 'via edge;')
    assert.equal(sent(['GET / HTTP/1.0', 'Host: a', 'Via: 1.1 x, 1.1 y'], { config })[2], 'Via: 1.1 x, 1.1 y, 1.0 edge')
  })

  it('takes one from the Max-Forwards of OPTIONS', () => {
    const max = (method: string, value: string) =>
      sent([`${method} / HTTP/1.1`, 'Host: a', `Max-Forwards: ${value}`])[2]
    assert.equal(max('OPTIONS', '5'), 'Max-Forwards: 4')
    assert.equal(max('OPTIONS', 'x'), undefined)
    assert.equal(max('GET', '5'), 'Max-Forwards: 5')
  })
})

describe('fillCaptures', () => {
  const cases: readonly (readonly [template: string, captures: readonly string[], filled: string])[] = [
    ['/plain', [], '/plain'],
    ['/$1/$2', ['a', 'b/c'], '/a/b/c'],
    ['/$2', ['a'], '/'],
    ['/$9$1', ['x'], '/x'],
    ['/$12', ['x'], '/x2'],
    ['/$', ['x'], '/$'],
    ['/$0$x', ['x'], '/$0$x'],
    ['/$1', ['$1$2'], '/$1$2'],
  ]
  for (const [template, captures, filled] of cases)
    it(`makes ${filled} of ${template} and ${JSON.stringify(captures)}`, () =>
      assert.equal(fillCaptures(template, captures), filled))
})
