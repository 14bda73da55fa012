import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { B } from '../../../src/http/body-kind.ts'
import { ResponseHead } from '../../../src/http/response-head.ts'
import { readResponseList, readTrailerList } from '../../../src/net/origin-h2-head.ts'
import { limits } from './recorders.ts'

interface Case {
  readonly method?: string
  readonly isLast?: boolean
}

function read(list: readonly string[], { method = 'GET', isLast = false }: Case = {}): ResponseHead | undefined {
  const head = new ResponseHead()
  return readResponseList(head, list, limits, method, isLast) ? head : undefined
}

describe('the head of a response over HTTP/2', () => {
  it('has status and fields', () => {
    const head = read([':status', '404', 'content-type', 'a/b', 'x-odd', '\xe9', 'set-cookie', 'a', 'set-cookie', 'b'])!
    assert.deepEqual([head.status, head.count], [404, 4])
    assert.deepEqual([head.valueOf('x-odd'), head.valuesOf('set-cookie')], ['\xe9', ['a', 'b']])
  })

  it('says how long the body is', () => {
    const kindOf = (list: readonly string[], one: Case = {}) => {
      const head = read([':status', '200', ...list], one)!
      return [head.bodyKind, head.contentLength]
    }
    assert.deepEqual(kindOf([]), [B.untilClose, -1])
    assert.deepEqual(kindOf(['content-length', '7']), [B.sized, 7])
    assert.deepEqual(kindOf([], { isLast: true }), [B.sized, 0])
    assert.deepEqual(kindOf([], { isLast: true, method: 'HEAD' }), [B.none, -1])
    assert.deepEqual(kindOf(['content-length', '7'], { isLast: true, method: 'HEAD' }), [B.none, 7])
    for (const status of ['204', '304']) assert.equal(read([':status', status], { isLast: true })!.bodyKind, B.none)
  })

  const refused: readonly [name: string, list: readonly string[]][] = [
    ['nothing', []],
    ['no status', ['a', 'b']],
    ['a status that is not first', ['a', 'b', ':status', '200']],
    ['two statuses', [':status', '200', ':status', '200']],
    ['a status of two digits', [':status', '20']],
    ['a status with a sign', [':status', '+20']],
    ['a status with more behind it', [':status', '200 OK\r\nx: y']],
    ['a pseudo-field', [':status', '200', ':path', '/']],
    ['a line end in a value', [':status', '200', 'a', 'b\r\nc: d']],
    ['a blank line in a value', [':status', '200', 'a', 'b\r\n\r\nc']],
    ['a line end in a name', [':status', '200', 'a: b\r\nc', 'd']],
    ['a bare line feed', [':status', '200', 'a', 'b\nc: d']],
    ['a character that latin1 would make a line end', [':status', '200', 'a', 'b\u010d\u010ac: d']],
    ['a NUL', [':status', '200', 'a', '\0']],
    ['an empty name', [':status', '200', '', 'a']],
    ['a colon in a name', [':status', '200', 'a:b', 'c']],
    ['connection', [':status', '200', 'connection', 'close']],
    ['a transfer coding', [':status', '200', 'transfer-encoding', 'chunked']],
    ['keep-alive', [':status', '200', 'keep-alive', '1']],
    ['upgrade', [':status', '200', 'upgrade', 'h2c']],
    ['two lengths', [':status', '200', 'content-length', '1', 'content-length', '2']],
    ['a length that is no number', [':status', '200', 'content-length', '1e3']],
    ['too many fields', [':status', '200', ...Array.from({ length: 21 }, (_, i) => [`x${i}`, 'y']).flat()]],
    ['too many bytes', [':status', '200', 'x', 'y'.repeat(1024)]],
  ]
  for (const [name, list] of refused) {
    it(`is none with ${name}`, () => {
      assert.equal(read(list), undefined)
    })
  }
})

describe('the trailers of a response over HTTP/2', () => {
  it('are lines', () => {
    assert.equal(readTrailerList(['grpc-status', '0', 'x-sum', '7']), 'grpc-status: 0\r\nx-sum: 7\r\n')
    assert.equal(readTrailerList([]), undefined)
  })

  it('lose what may not stand there', () => {
    assert.equal(readTrailerList(['set-cookie', 'a=1', 'x-sum', '7', 'connection', 'x']), 'x-sum: 7\r\n')
    assert.equal(readTrailerList(['cache-control', 'max-age=9']), undefined)
  })

  it('are refused when they could be mistaken', () => {
    for (const list of [
      ['content-length', '5'],
      ['a', 'b\r\n\r\nc'],
      ['a', 'b\nc'],
      ['a b', 'c'],
      [':status', '200'],
      ['a', 'b\u010d\u010ac'],
      ['a', 'b'.repeat(10_000)],
    ]) {
      assert.equal(readTrailerList(list), false, JSON.stringify(list).slice(0, 50))
    }
  })
})
