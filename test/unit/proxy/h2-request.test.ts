import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { B } from '../../../src/http/body-kind.ts'
import { F } from '../../../src/http/fields.ts'
import { headErrors } from '../../../src/http/head-errors.ts'
import { RequestHead } from '../../../src/http/request-head.ts'
import { readH2Request } from '../../../src/proxy/h2-request.ts'

const limits = { headBytes: 1000, targetBytes: 200, fields: 10 }
const GET = [':method', 'GET', ':scheme', 'http', ':authority', 'Shop.example:81', ':path', '/a?b']

function read(list: readonly string[], { isSecure = false, isEnded = true } = {}): RequestHead | string {
  const head = new RequestHead()
  const error = readH2Request(head, list, { isSecure, isEnded, limits })
  return error === 0 ? head : headErrors[-error]!.code
}

function accept(list: readonly string[], how = {}): RequestHead {
  const head = read(list, how)
  assert.ok(typeof head !== 'string', `refused: ${head as string}`)
  return head
}

describe('a request of HTTP/2', () => {
  it('is the request of HTTP/1.1 that says the same', () => {
    const head = accept([...GET, 'x-a', '1', 'accept', '*/*', 'accept', 'a/b'])
    assert.deepEqual(
      [head.method, head.uri, head.path, head.query, head.authority, head.host, head.form],
      ['GET', '/a?b', '/a', 'b', 'shop.example:81', 'shop.example', 'origin'],
    )
    assert.equal(head.valueOf('x-a'), '1')
    assert.equal(head.value(F.accept), '*/*, a/b')
    assert.deepEqual([head.minor, head.isHttp2, head.receivedProtocol], [1, true, '2.0'])
    assert.equal(head.detach().receivedProtocol, '2.0')
  })

  it('names its host in :authority, in Host, or in both alike', () => {
    const bare = [':method', 'GET', ':scheme', 'http', ':path', '/']
    assert.equal(accept([...bare, 'host', 'a.example']).host, 'a.example')
    const both = accept([...bare, ':authority', 'A.example', 'host', 'a.EXAMPLE'])
    assert.equal(both.host, 'a.example')
    assert.equal(both.isRepeated(F.host), false)
    assert.equal(read([...bare, ':authority', 'a', 'host', 'b']), 'two-authorities')
    assert.equal(read([...bare, 'host', 'a', 'host', 'a']), 'two-authorities')
    assert.equal(read(bare), 'host-missing')
    assert.equal(read([...bare, ':authority', 'u@a']), 'bad-host')
  })

  it('joins the crumbs of its cookie', () => {
    assert.equal(
      accept([...GET, 'cookie', 'a=1', 'x-a', '1', 'cookie', '', 'cookie', 'b=2']).value(F.cookie),
      'a=1; b=2',
    )
  })

  it('has a body unless the head ends the stream, with a length or without', () => {
    assert.equal(accept(GET).hasBody, false)
    assert.deepEqual([accept(GET, { isEnded: false }).bodyKind, accept(GET).bodyKind], [B.chunked, B.none])
    const sized = accept([...GET, 'content-length', '5'], { isEnded: false })
    assert.deepEqual([sized.bodyKind, sized.contentLength], [B.sized, 5])
    assert.equal(accept([...GET, 'content-length', '0'], { isEnded: false }).hasBody, false)
    assert.equal(accept([...GET, 'content-length', '0']).hasBody, false)
    assert.equal(read([...GET, 'content-length', '5']), 'bad-content-length')
    assert.equal(read([...GET, 'content-length', '05 ']), 'bad-field-value')
  })

  it('came by the scheme of its connection', () => {
    const secure = GET.map((text) => (text === 'http' ? 'https' : text))
    assert.equal(read(secure), 'bad-scheme')
    assert.equal(read(GET, { isSecure: true }), 'bad-scheme')
    accept(secure, { isSecure: true })
    accept(GET.map((text) => (text === 'http' ? 'HTTP' : text)))
  })

  const refused: readonly (readonly [string, readonly string[], string])[] = [
    ['a pseudo field twice', [':path', '/b', ...GET], 'bad-pseudo-field'],
    ['an empty pseudo field', [':method', '', ...GET.slice(2)], 'bad-pseudo-field'],
    ['an unknown pseudo field', [':protocol', 'websocket', ...GET], 'bad-pseudo-field'],
    ['a pseudo field behind others', ['x-a', '1', ...GET], 'bad-pseudo-field'],
    ['a pseudo field in the middle', [...GET, 'x-a', '1', ':path', '/b'], 'bad-pseudo-field'],
    ['no method', GET.slice(2), 'bad-pseudo-field'],
    ['no path', GET.slice(0, 6), 'bad-target'],
    ['no scheme', [...GET.slice(0, 2), ...GET.slice(4)], 'bad-scheme'],
    ['a path without its slash', [...GET.slice(0, 7), 'a'], 'bad-target'],
    ['a URL for a path', [...GET.slice(0, 7), 'http://b/'], 'bad-target'],
    ['a fragment', [...GET.slice(0, 7), '/a#b'], 'bad-target'],
    ['an upper-case name', [...GET, 'X-A', '1'], 'bad-field-name'],
    ['a colon in a name', [...GET, 'x:a', '1'], 'bad-field-name'],
    ['an empty name', [...GET, '', '1'], 'bad-field-name'],
    ['a line end in a name', [...GET, 'x\r\ny', '1'], 'bad-field-name'],
    ['a field smuggled in a value', [...GET, 'x-a', '1\r\nx-b: 2'], 'bad-field-value'],
    ['the end smuggled in a value', [...GET, 'x-a', '1\r\n\r\nGET / HTTP/1.1'], 'bad-field-value'],
    ['a field smuggled in the host', [...GET.slice(0, 5), 'a\r\nx-b: 2', ':path', '/'], 'bad-field-value'],
    ['a field smuggled in the path', [...GET.slice(0, 7), '/ HTTP/1.1\r\nx-b: 2\r\nx:'], 'bad-field-value'],
    ['a lone line feed', [...GET, 'x-a', '1\n2'], 'bad-line-ending'],
    ['a NUL', [...GET, 'x-a', '1\0'], 'bad-field-value'],
    ['a blank before a value', [...GET, 'x-a', ' 1'], 'bad-field-value'],
    ['a blank behind a value', [...GET, 'x-a', '1\t'], 'bad-field-value'],
    ['Connection', [...GET, 'connection', 'x-a'], 'connection-field'],
    ['Transfer-Encoding', [...GET, 'transfer-encoding', 'chunked'], 'connection-field'],
    ['Upgrade', [...GET, 'upgrade', 'websocket'], 'connection-field'],
    ['a TE that names codings', [...GET, 'te', 'gzip'], 'connection-field'],
    ['too many fields', [...GET, ...Array.from({ length: 10 }, () => ['x-a', '1']).flat()], 'too-many-fields'],
    ['too long a head', [...GET, 'x-a', 'a'.repeat(1000)], 'head-too-large'],
    ['too long a target', [...GET.slice(0, 7), `/${'a'.repeat(200)}`], 'target-too-long'],
    ['CONNECT with a path', [':method', 'CONNECT', ':authority', 'a:443', ':path', '/'], 'bad-target'],
  ]
  for (const [what, list, code] of refused) {
    it(`is refused with ${what}`, () => {
      assert.equal(read(list), code)
    })
  }

  it('keeps what it may: TE for trailers, OPTIONS for the server, CONNECT for the one who refuses it', () => {
    assert.equal(accept([...GET, 'te', 'Trailers']).value(F.te), 'Trailers')
    assert.equal(accept([':method', 'OPTIONS', ':scheme', 'http', ':authority', 'a', ':path', '*']).form, 'asterisk')
    assert.equal(accept([':method', 'CONNECT', ':authority', 'a:443']).method, 'CONNECT')
  })
})
