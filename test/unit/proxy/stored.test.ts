import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { StoredMeta } from '../../../src/cache/policy/meta.ts'
import type { StoredObject } from '../../../src/cache/tiers/stored-object.ts'
import type { RouteRuntime } from '../../../src/proxy/route-runtime.ts'
import {
  isMarker,
  keyOfVariant,
  markerCells,
  nextMarkerId,
  responseCells,
  Stored,
  staleStatus,
  storedOf,
} from '../../../src/proxy/stored.ts'

const NOW = 1_800_000_000_000

function metaOf(change: Partial<StoredMeta>): StoredMeta {
  return Object.assign(new StoredMeta(), { status: 200, responseMs: NOW, lifetimeMs: 60_000 }, change)
}

function objectOf(meta: StoredMeta, head = 'A: 1\r\nETag: "x"\r\n\r\n'): StoredObject {
  const object = { meta: responseCells(meta, 0), head: Buffer.from(head, 'latin1'), bodyBytes: 5, user: undefined }
  return { ...object, key: 'http|a|/x' } as unknown as StoredObject
}

function routeWith(cacheStatus: 'off' | 'reason' | 'full', statusStyle: number): RouteRuntime {
  return {
    plan: { id: 'route css @ shop.conf:56', cacheStatus, requestHeaders: [] },
    statusStyle,
  } as unknown as RouteRuntime
}

const route = routeWith('reason', 0)

describe('the beginning of a hit', () => {
  const stored = new Stored(objectOf(metaOf({ initialAgeMs: 2500, lifetimeMs: 10_000 })))

  it('tells length, age and remaining lifetime', () => {
    const lines = ['HTTP/1.1 200 OK', 'Content-Length: 5', 'Age: 2', 'Cache-Status: Shellac; hit; ttl=7', '']
    assert.equal(stored.freshPrefix(NOW, route), lines.join('\r\n'))
  })

  it('stays the same text until the millisecond in which age or lifetime changes', () => {
    const first = stored.freshPrefix(NOW, route)
    assert.equal(stored.freshPrefix(NOW + 499, route), first)
    assert.match(stored.freshPrefix(NOW + 500, route), /Age: 3\r\n.*ttl=7\r\n/)
    assert.match(stored.freshPrefix(NOW + 501, route), /Age: 3\r\n.*ttl=6\r\n/)
  })

  it('is right again after the clock was set back', () => {
    stored.freshPrefix(NOW + 5000, route)
    assert.match(stored.freshPrefix(NOW + 100, route), /Age: 2\r\n.*ttl=7\r\n/)
  })

  it('is at every moment what it would be without being kept', () => {
    const moments = fc.array(fc.integer({ min: -1000, max: 59_999 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(
        moments,
        fc.nat(5000),
        fc.integer({ min: 65_000, max: 70_000 }),
        (offsets, initialAgeMs, lifetimeMs) => {
          const object = objectOf(metaOf({ initialAgeMs, lifetimeMs }))
          const kept = new Stored(object)
          for (const offset of offsets)
            assert.equal(kept.freshPrefix(NOW + offset, route), new Stored(object).freshPrefix(NOW + offset, route))
        },
      ),
    )
  })

  it('is told as its route wants it, whichever route was answered before', () => {
    const full = 'Shellac; hit; ttl=7; key="http|a|/x"; detail="route css @ shop.conf:56"'
    const wanted = [
      [routeWith('full', 7), `Age: 2\r\nCache-Status: ${full}\r\n`],
      [route, 'Age: 2\r\nCache-Status: Shellac; hit; ttl=7\r\n'],
      [routeWith('off', -1), 'Age: 2\r\n'],
    ] as const
    for (const _ of [1, 2]) {
      for (const [one, text] of wanted) assert.ok(stored.freshPrefix(NOW, one).endsWith(text), text)
    }
  })

  it('has no length where the status forbids it', () => {
    assert.doesNotMatch(new Stored(objectOf(metaOf({ status: 204 }))).freshPrefix(NOW, route), /Content-Length/)
  })
})

describe('what is known of a stored object', () => {
  it('is made once and kept with it', () => {
    const object = objectOf(metaOf({}))
    assert.equal(storedOf(object), storedOf(object))
  })

  it('are its fields and its entity tag', () => {
    const stored = storedOf(objectOf(metaOf({}), 'A: 1\r\nEmpty: \r\nETag: "x"\r\nB: c: d\r\n\r\n'))
    assert.deepEqual(stored.fields, ['A', '1', 'Empty', '', 'ETag', '"x"', 'B', 'c: d'])
    assert.equal(stored.etag, '"x"')
  })

  it('is how long it has been stale', () => {
    assert.equal(staleStatus(metaOf({}), NOW + 61_500, 'expired'), 'Shellac; hit; ttl=-2; detail=expired')
  })
})

describe('a marker of variants', () => {
  it('is told from a response by its cells, and holds the names', () => {
    const object = { meta: markerCells(7), head: Buffer.from('accept,accept-language'), bodyBytes: 0, user: undefined }
    const marker = storedOf(object as unknown as StoredObject)
    assert.deepEqual([isMarker(markerCells(7)), isMarker(responseCells(metaOf({}), 0))], [true, false])
    assert.deepEqual([marker.markerId, marker.names], [7, ['accept', 'accept-language']])
  })

  it('has an id of its own, which is part of the keys below it', () => {
    const ids = new Set([0, 1].flatMap((worker) => Array.from({ length: 100 }, () => nextMarkerId(worker))))
    assert.equal(ids.size, 200)
    assert.notEqual(keyOfVariant('k', 1, 'v'), keyOfVariant('k', 2, 'v'))
  })
})
