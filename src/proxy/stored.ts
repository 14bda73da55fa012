/** What a worker knows of a stored object beyond its bytes: decoded once, kept with the object in this worker. */
import { hitStatus } from '../cache/policy/cache-status.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import { ageSeconds, currentAgeMs, decodeMeta, encodeMeta, remainingMs, StoredMeta } from '../cache/policy/meta.ts'
import { decodeLabels, type Labels } from '../cache/purge/labels.ts'
import { PURGE_CELL } from '../cache/purge/layout.ts'
import { META_CELLS, type MemoryTier } from '../cache/tiers/memory-tier.ts'
import type { StoredObject } from '../cache/tiers/stored-object.ts'
import { variantObjectKey } from '../cache/vary.ts'
import { reasonPhrase } from '../http/status.ts'
import type { Reason } from '../log/reasons.ts'
import { clock } from '../util/clock.ts'
import { cacheStatusLine } from './cache-status-line.ts'
import { fieldLines, parseFieldLines } from './facts.ts'
import { type SharedHead, sharedHead } from './h2-block.ts'
import { h2HeadOf, h2HeadWith } from './h2-response.ts'
import type { RouteRuntime } from './route-runtime.ts'

/**
 * The cell of an object's numbers that tells a response (0) from a Vary marker: an object under the primary key that
 * holds the names the responses vary on; the responses lie under keys made of its number and the values of those names.
 * LINK: neither, but a second name of a variant (`language-link.ts`).
 */
const MARKER_CELL = META_CELLS - 1
const LINK = -1
/** The cell that is 1 where a response came from the pool. */
const POOL_CELL = META_CELLS - 2

export class Stored {
  readonly meta: StoredMeta
  /** 0 for a response, greater for a marker. */
  readonly markerId: number
  /** The purge log's `sequence` when this worker last judged the object, and the number of the last purge then. */
  judgedAt = 0
  judgedNumber = 0
  labelHashes: Int32Array | undefined = undefined
  readonly #object: StoredObject
  #labels: Labels | undefined = undefined
  #names: readonly string[] | undefined = undefined
  #varyNames: string | undefined = undefined
  #fields: readonly string[] | undefined = undefined
  #etag: string | undefined = undefined
  #editedLines = ''
  #editedFor = 0
  #h2Head: SharedHead | undefined = undefined
  #h2Prefix = ''
  #h2Lines: string | undefined = undefined
  #prefix = ''
  /** `statusStyle` of the route it was made for. */
  #prefixStyle = 0
  #prefixFromMs = 0
  #prefixUntilMs = 0

  constructor(object: StoredObject) {
    this.#object = object
    this.meta = decodeMeta(object.meta)
    this.markerId = object.meta[MARKER_CELL]!
  }

  /** Of a marker: the lower-case names of request fields the responses vary on. The object must be pinned at first. */
  get names(): readonly string[] {
    this.#names ??= this.varyNames.split(',')
    return this.#names
  }

  /** The same joined by commas, as the marker holds them. */
  get varyNames(): string {
    this.#varyNames ??= this.#object.head.toString('latin1')
    return this.#varyNames
  }

  /** It came from the pool. */
  get isFromPool(): boolean {
    return this.#object.meta[POOL_CELL] === 1
  }

  /** Of a link: the key of the response it leads to. The object must be pinned at first. */
  get linkedKey(): string {
    return this.varyNames
  }

  /** Flat list of names and values. The object must be pinned when this is first asked. */
  get fields(): readonly string[] {
    this.#fields ??= parseFieldLines(this.#object.head.toString('latin1'))
    return this.#fields
  }

  /** Field lines and the blank line as the route's edits, all of them constant, leave them. The object must be pinned. */
  editedLines(route: RouteRuntime, isSecure: boolean): string {
    // Negative: over TLS.
    const wanted = isSecure && route.responseEdits.dependsOnTls ? -route.serial : route.serial
    if (this.#editedFor === wanted) return this.#editedLines
    const list = [...this.fields]
    route.responseEdits.applyFor(list, isSecure)
    this.#editedFor = wanted
    this.#editedLines = `${fieldLines(list)}\r\n`
    return this.#editedLines
  }

  /**
   * The head that begins with `prefix`, which `freshPrefix` and its like make, for HTTP/2. `lines`: what follows in place of
   * the stored fields. The object must be pinned.
   */
  h2Head(prefix: string, lines: string | undefined): SharedHead {
    if (this.#h2Head === undefined || prefix !== this.#h2Prefix || lines !== this.#h2Lines) {
      const head = lines === undefined ? h2HeadWith(prefix, this.fields) : h2HeadOf(prefix + lines)
      this.#h2Head = sharedHead(head)
      this.#h2Prefix = prefix
      this.#h2Lines = lines
    }
    return this.#h2Head
  }

  get bodyBytes(): number {
    return this.#object.bodyBytes
  }

  /** undefined: the object has gone. */
  labels(tier: MemoryTier): Labels | undefined {
    if (this.#labels !== undefined) return this.#labels
    const text = tier.labelsOf(this.#object)
    if (text !== undefined) this.#labels = decodeLabels(this.#object.key, text)
    return this.#labels
  }

  get facts(): FlatFacts {
    return new FlatFacts(this.meta.status, this.fields)
  }

  get etag(): string | undefined {
    this.#etag ??= this.facts.header('etag')
    return this.#etag
  }

  /** Start line, length, Age and Cache-Status of a fresh hit: the same text until one of the numbers changes. */
  freshPrefix(nowMs: number, route: RouteRuntime): string {
    const isCurrent = nowMs >= this.#prefixFromMs && nowMs < this.#prefixUntilMs
    if (isCurrent && route.statusStyle === this.#prefixStyle) return this.#prefix
    const ageMs = currentAgeMs(this.meta, nowMs)
    const leftMs = remainingMs(this.meta, nowMs)
    this.#prefix = this.prefix(nowMs, hitStatus(leftMs, 'none'), route)
    this.#prefixStyle = route.statusStyle
    this.#prefixFromMs = nowMs
    this.#prefixUntilMs = nowMs + Math.min(1000 - (ageMs % 1000), 1 + (leftMs % 1000))
    return this.#prefix
  }

  /** The same with another Cache-Status. */
  prefix(nowMs: number, cacheStatus: string, route: RouteRuntime): string {
    const statusLine = cacheStatusLine(route, cacheStatus, this.#object.key)
    return responsePrefix(this.meta, this.#object.bodyBytes, nowMs, statusLine)
  }
}

/** Start line, length, Age and `statusLine`, which `cacheStatusLine` makes. */
export function responsePrefix(meta: StoredMeta, bodyBytes: number, nowMs: number, statusLine: string): string {
  const { status } = meta
  const length = status === 204 ? '' : `Content-Length: ${bodyBytes}\r\n`
  return `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${length}` + `Age: ${ageSeconds(meta, nowMs)}\r\n${statusLine}`
}

/** The Stored that goes with an object; made at the first look. */
export function storedOf(object: StoredObject): Stored {
  if (object.user === undefined) object.user = new Stored(object)
  return object.user as Stored
}

/** Cache-Status of a stale answer. What was purged has no lifetime left, whatever remains of that it was given. */
export function staleStatus(meta: StoredMeta, nowMs: number, reason: Reason): string {
  const leftMs = remainingMs(meta, nowMs)
  return hitStatus(reason === 'purged' ? Math.min(leftMs, 0) : leftMs, reason)
}

/** The numbers of a response for the store; `purgeNumber`: the last purge when its fetch began. */
export function responseCells(meta: StoredMeta, purgeNumber: number): Float64Array {
  const cells = new Float64Array(META_CELLS)
  encodeMeta(meta, cells)
  cells[PURGE_CELL] = purgeNumber
  return cells
}

/** The numbers of a response or marker that comes from the pool; gives `cells`. */
export function fromPool(cells: Float64Array): Float64Array {
  cells[POOL_CELL] = 1
  return cells
}

/** The numbers of a marker, which no purge touches; `id` is greater than 0 and used once, or LINK. */
export function markerCells(id: number): Float64Array {
  const cells = responseCells(new StoredMeta(), Number.MAX_SAFE_INTEGER)
  cells[MARKER_CELL] = id
  return cells
}

/** The numbers of a link. */
export function linkCells(): Float64Array {
  return markerCells(LINK)
}

export function isMarker(cells: Float64Array): boolean {
  return markerIdOf(cells) !== 0
}

/** 0 for a response. */
export function markerIdOf(cells: Float64Array): number {
  return cells[MARKER_CELL]!
}

/**
 * The key under which a variant lies. It names its marker, so that whoever removes the marker has removed all variants.
 * `variant` is what `variantKey` makes of the request.
 */
export function keyOfVariant(primaryKey: string, markerId: number, variant: string): string {
  return variantObjectKey(primaryKey, `${markerId}:${variant}`)
}

/** The key of a link to a variant of the marker; begins with what the key of no variant begins with. */
export function keyOfLink(primaryKey: string, markerId: number, languageVariant: string): string {
  return variantObjectKey(primaryKey, `<${markerId}:${languageVariant}`)
}

/** How the keys that `keyOfVariant` makes for the variants of one marker begin and end. */
export function variantKeyEnds(primaryKey: string, markerId: number): { readonly start: string; readonly end: string } {
  return { start: `\n${markerId}:`, end: `\n${primaryKey}` }
}

let markerNumber = 0

/** A number no other marker of the last days has: milliseconds, worker, and a counter. */
export function nextMarkerId(worker: number): number {
  markerNumber = (markerNumber + 1) % 1000
  return (clock.nowMs % 1e9) * 1e6 + worker * 1e3 + markerNumber + 1
}
