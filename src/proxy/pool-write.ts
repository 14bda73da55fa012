/**
 * What has come to lie in memory goes to the pool too, behind everybody's back: the response first, and when it lies there
 * what leads to it, the marker of its variants and the link of its language; so nobody finds a way to nothing.
 *
 * The hard part is that what is stored may be removed while it is on its way: by an unsafe request that another worker
 * answers, say, whose removal may overtake it. So whoever has written looks whether it was removed meanwhile, or anything was
 * and it is no longer here, and then takes it back.
 */
import { decodeMeta, META_CELLS_USED } from '../cache/policy/meta.ts'
import { type EntryFront, EntryKind, entryBytes } from '../cache/tiers/pool/entry.ts'
import { MAX_RELATIVE_SEC, ttlSecOf } from '../cache/tiers/pool/lifetime.ts'
import type { WriteOrder } from '../cache/tiers/pool/pool-tier.ts'
import type { SegmentedBody } from '../cache/tiers/pool/segmented-write.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { clock } from '../util/clock.ts'
import type { CacheRuntime } from './runtime.ts'
import { storedOf } from './stored.ts'
import { survivesPurges } from './survives-purges.ts'

/** What leads to a response; empty and 0 where nothing does. */
export interface WayToIt {
  readonly primaryKey: string
  readonly markerId: number
  readonly varyNames: string
  /** The marker is this fetch's own, and takes the place of what lies under the primary key. */
  readonly isNewMarker: boolean
  readonly languageKey: string
}

/** Of what lies under its primary key, or is led to by what is there already. */
export const noWay: WayToIt = { primaryKey: '', markerId: 0, varyNames: '', isNewMarker: false, languageKey: '' }

const NOTHING = new Uint8Array(0)
const NO_META = new Float64Array(META_CELLS_USED)

/**
 * Writes the response that lies in memory under `key`. `fleetNumber`: the fleet's when its fetch began. `onDone` is told
 * whether it lies in the pool now, with all that leads to it; perhaps at once.
 */
export function shareStored(
  cache: CacheRuntime,
  key: string,
  fleetNumber: number,
  way: WayToIt,
  onDone: (isShared: boolean) => void,
): void {
  const { tier } = cache
  const object = tier.find(key)
  if (cache.shared === undefined || fleetNumber === 0 || object === undefined || !tier.pin(object)) {
    onDone(false)
    return
  }
  const meta = decodeMeta(object.meta)
  const ttlSec = ttlSecOf(meta, clock.nowMs)
  const isWhole = meta.status !== 206 && survivesPurges(cache, object, storedOf(object)) && !object.softPurged
  if (ttlSec === 0 || !isWhole) {
    tier.unpin(object)
    onDone(false)
    return
  }
  const removals = tier.removalsOf(key)
  const labels = tier.labelsOf(object) ?? ''
  writeResponse(cache, object, { labels, fleetNumber, ttlSec }, (isWritten) => {
    clock.update()
    const isGone = tier.removalsOf(key) !== removals && tier.find(key) === undefined
    const isRemoved = isGone || cache.wasRemoved(key, labels, meta.responseMs)
    if (isWritten && isRemoved) cache.shared!.entries.remove(key)
    if (isWritten && !isRemoved) onWritten(cache, object, way, onDone)
    else onDone(false)
  })
}

/** The object is pinned, and unpinned as soon as it has been copied. */
function writeResponse(
  cache: CacheRuntime,
  object: StoredObject,
  { labels, fleetNumber, ttlSec }: { readonly labels: string; readonly fleetNumber: number; readonly ttlSec: number },
  onDone: (isWritten: boolean) => void,
): void {
  const { tier, shared } = cache
  const { entries } = shared!
  const { key, head, body, bodyBytes } = object
  const identity = entries.identityOf(key)
  const { nowMs } = clock
  const front: EntryFront = {
    kind: EntryKind.response,
    identity,
    writtenMs: nowMs,
    fleetNumber,
    markerId: 0,
    meta: object.meta,
    labels: Buffer.from(labels, 'latin1'),
    head,
  }
  if (entryBytes(front, bodyBytes) <= entries.maxEntryBytes) {
    entries.write(key, front, body, bodyBytes, { ttlSec, onDone })
    tier.unpin(object)
    return
  }
  // The head lies in shared memory, which is the object's for as long as it is pinned only.
  entries.writeSegmented(
    key,
    { ...front, head: Buffer.from(head) },
    bodyOf(object, () => tier.unpin(object)),
    {
      ttlSec,
      onDone,
    },
  )
}

function bodyOf({ body, bodyBytes }: StoredObject, release: () => void): SegmentedBody {
  return {
    bytes: bodyBytes,
    copy(offset, into) {
      let skipped = offset
      let at = 0
      for (const piece of body) {
        if (skipped < piece.length) at += piece.copy(into, at, skipped)
        skipped = Math.max(0, skipped - piece.length)
        if (at === into.length) return
      }
    },
    release,
  }
}

function onWritten(cache: CacheRuntime, object: StoredObject, way: WayToIt, onDone: (isShared: boolean) => void): void {
  if (cache.plan.isPoolOnly) cache.tier.discard(object)
  writeWay(cache, object.key, way, onDone)
}

function writeWay(cache: CacheRuntime, key: string, way: WayToIt, onDone: (isShared: boolean) => void): void {
  const { primaryKey, markerId, varyNames, isNewMarker, languageKey } = way
  const link = { kind: EntryKind.link, text: key, markerId: 0 }
  if (languageKey !== '') writeSmall(cache, languageKey, link, { onDone: () => {} })
  // One that is known here but no longer there was removed, perhaps, by a node that has changed what it leads to.
  if (!isNewMarker) onDone(true)
  else {
    const marker = { kind: EntryKind.marker, text: varyNames, markerId }
    writeSmall(cache, primaryKey, marker, { onDone })
  }
}

/** An entry that is no response. */
export interface SmallEntry {
  readonly kind: number
  readonly text: string
  readonly markerId: number
}

/** Without a time it is kept for as long as memcached counts from now. */
export function writeSmall(
  cache: CacheRuntime,
  key: string,
  { kind, text, markerId }: SmallEntry,
  { ttlSec = MAX_RELATIVE_SEC, onDone }: Omit<WriteOrder, 'ttlSec'> & { readonly ttlSec?: number },
): void {
  const { entries } = cache.shared!
  const front: EntryFront = {
    kind,
    identity: entries.identityOf(key),
    writtenMs: clock.nowMs,
    fleetNumber: 0,
    markerId,
    meta: NO_META,
    labels: NOTHING,
    head: Buffer.from(text, 'latin1'),
  }
  entries.write(key, front, [], 0, { ttlSec, onDone })
}
