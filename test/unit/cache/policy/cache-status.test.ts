import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  detailOf,
  forwardOf,
  forwardStatus,
  hitStatus,
  localStatus,
  withAddress,
} from '../../../../src/cache/policy/cache-status.ts'
import { reasons } from '../../../../src/log/reasons.ts'

describe('Cache-Status (RFC 9211)', () => {
  test('hit', () => {
    assert.equal(hitStatus(376_999, 'none'), 'Shellac; hit; ttl=376')
    assert.equal(hitStatus(-412_000, 'expired'), 'Shellac; hit; ttl=-412; detail=expired')
    assert.equal(hitStatus(1e300, 'none'), 'Shellac; hit; ttl=999999999999999')
  })

  test('forward', () => {
    const none = { forward: 'uri-miss', status: 0, stored: false, collapsed: false, reason: 'none' } as const
    assert.equal(forwardStatus(none), 'Shellac; fwd=uri-miss')
    assert.equal(
      forwardStatus({ forward: 'stale', status: 200, stored: true, collapsed: true, reason: 'expired' }),
      'Shellac; fwd=stale; fwd-status=200; stored; collapsed; detail=expired',
    )
  })

  test('hit-for-miss brings the reason of the refusal, as one token', () => {
    const passed = {
      forward: 'uri-miss',
      status: 200,
      stored: false,
      collapsed: false,
      reason: 'hit-for-miss',
    } as const
    const text = forwardStatus({ ...passed, refusal: 'set-cookie' })
    assert.equal(text, 'Shellac; fwd=uri-miss; fwd-status=200; detail=hit-for-miss:set-cookie')
    assert.equal(forwardStatus(passed), 'Shellac; fwd=uri-miss; fwd-status=200; detail=hit-for-miss')
    assert.equal(detailOf('bypass', 'set-cookie'), 'bypass')
  })

  test('an answer of our own', () => {
    assert.equal(localStatus('only-if-cached'), 'Shellac; detail=only-if-cached')
    assert.equal(localStatus('none'), 'Shellac')
  })

  test('with its address', () => {
    assert.equal(
      withAddress('Shellac; hit; ttl=9', 'http|a|/x', 'route css @ shop.conf:56'),
      'Shellac; hit; ttl=9; key="http|a|/x"; detail="route css @ shop.conf:56"',
    )
    assert.equal(withAddress('Shellac; detail=method', '', 'route r'), 'Shellac; detail="method; route r"')
  })

  test('whatever key and address hold, the two are strings that read back and stay short', () => {
    const anything = fc.string({ unit: fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)) })
    fc.assert(
      fc.property(anything, anything, (key, address) => {
        const text = withAddress('Shellac; hit; detail=expired', `k${key}`, address)
        const match = /^Shellac; hit; key=("(?:[^"\\]|\\["\\])*"); detail=("(?:[^"\\]|\\["\\])*")$/.exec(text)
        assert.ok(match !== null, text)
        assert.match(text, /^[ -~]*$/)
        assert.equal(JSON.parse(match[1]!), `k${key}`.replace(/[^ -~]/g, '?'))
        assert.equal(JSON.parse(match[2]!), `expired; ${address}`.replace(/[^ -~]/g, '?'))
      }),
    )
    assert.ok(withAddress('Shellac; hit', 'x'.repeat(10_000), 'r').length < 400)
  })

  test('every reason is a token, so none needs quotes, and has a forward', () => {
    for (const { name } of reasons) {
      assert.match(name, /^[a-z][a-z-]*$/)
      assert.match(forwardOf(name), /^[a-z-]+$/)
    }
    assert.equal(forwardOf('vary-mismatch'), 'vary-miss')
    assert.equal(forwardOf('too-many-variants'), 'vary-miss')
  })
})
