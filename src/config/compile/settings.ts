/**
 * What one route stores and for how long: a rule's word before its cache's before the default. Lists add up: a rule's
 * `ttl`, `bypass`, `override`, key cookies and key fields stand beside those of the cache.
 */
import type {
  CachePlan,
  CacheSettings,
  ClassKeyPlan,
  KeyPlan,
  Override,
  PurgePlan,
  StatementPlace,
  TagPlan,
  TtlRule,
} from '../../plan/plan.ts'
import { type Block, headOf, type Node } from '../checked.ts'
import { defaultOf, setting, stated } from '../defaults.ts'
import { memoryTierOf, poolTierOf, workingBytes } from '../directives/cache.ts'
import * as settings from '../directives/cache-settings.ts'
import type { Directive } from '../directives/directive.ts'
import * as key from '../directives/key.ts'
import * as purging from '../directives/purge.ts'
import { orderTtls, type TtlStatement } from '../ttl-order.ts'
import { placeOf } from './place.ts'

/** Methods answered from the cache: HEAD is answered from what GET stored (RFC 9111 §4). */
const CACHED_METHODS = ['GET', 'HEAD']

/** `blocks`: from the strongest to the weakest, a rule before its cache. */
export function buildSettings(...blocks: readonly Block[]): CacheSettings {
  const maxObjects = blocks.flatMap((block) => block.value(settings.maxObject) ?? [])
  return {
    key: buildKey(blocks.map((block) => block.child(key.key))),
    ttls: buildTtls(blocks),
    overrides: buildOverrides(blocks),
    bypass: unique(blocks.flatMap((block) => block.all(settings.bypass).flatMap((node) => node.value))),
    noStore: unique(blocks.flatMap((block) => block.all(settings.noStore).flatMap((node) => node.value))),
    minUses: setting(settings.minUses, ...blocks),
    graceMs: stated(settings.grace, ...blocks),
    staleIfErrorMs: stated(settings.staleIfError, ...blocks),
    jitter: setting(settings.jitter, ...blocks),
    collapse: buildCollapse(blocks),
    hitForMissMs: setting(settings.hitForMiss, ...blocks),
    clientDirectives: setting(settings.clientDirectives, ...blocks),
    obey: setting(settings.obey, ...blocks),
    tags: buildTags(blocks),
    // A rule may keep less than its cache takes, never more.
    maxObjectBytes: maxObjects.length === 0 ? defaultOf(settings.maxObject) : Math.min(...maxObjects),
    ranges: setting(settings.ranges, ...blocks),
    places: blocks.flatMap((block) => explained.flatMap((directive) => block.all(directive).map(buildPlace))),
  }
}

/** The others say where they stand themselves, or decide nothing that an explanation names. */
const explained: readonly Directive<unknown>[] = [
  key.key,
  settings.grace,
  settings.staleIfError,
  settings.jitter,
  settings.minUses,
  purging.tag,
]

function buildPlace(node: Node): StatementPlace {
  return { statement: node.directive.name, place: placeOf(headOf(node)) }
}

/** Those of a stronger block before those of a weaker one. */
function buildTtls(blocks: readonly Block[]): readonly TtlRule[] {
  const ttls: TtlRule[] = []
  for (const block of blocks) ttls.push(...orderTtls(block.all(settings.ttl).map(buildTtl), ttls.length))
  return ttls
}

export function buildTtl(node: Node<settings.TtlArguments>): TtlStatement {
  return { ...node.value, place: placeOf(headOf(node)) }
}

function buildOverrides(blocks: readonly Block[]): readonly Override[] {
  const overrides = blocks.flatMap((block) => block.all(settings.override).flatMap((node) => node.value))
  const stores = blocks.flatMap((block) => block.all(settings.store).flatMap((node) => node.value))
  return unique([...overrides, ...stores])
}

function buildCollapse(blocks: readonly Block[]): CacheSettings['collapse'] {
  const inside = blocks.map((block) => block.child(settings.collapse))
  return {
    enabled: setting(settings.collapse, ...blocks),
    scope: setting(settings.collapseScope, ...inside),
    waitMs: setting(settings.collapseWait, ...inside),
    waiters: setting(settings.collapseWaiters, ...inside),
  }
}

function buildKey(blocks: readonly Block[]): KeyPlan {
  return {
    scheme: setting(key.keyScheme, ...blocks),
    host: setting(key.keyHost, ...blocks),
    path: stated(key.keyPath, ...blocks) ?? key.pathAsReceived,
    query: setting(key.keyQuery, ...blocks),
    headers: unique(blocks.flatMap((block) => block.all(key.keyHeader)).flatMap((node) => node.value)).map((name) =>
      name.toLowerCase(),
    ),
    cookies: unique(blocks.flatMap((block) => block.all(key.keyCookie)).flatMap((node) => node.value)),
    classes: buildClasses(blocks),
    vary: { encodings: offered('accept-encoding', blocks), languages: offered('accept-language', blocks) },
    methods: CACHED_METHODS,
  }
}

/** A rule's class takes the place of its cache's of the same name. */
function buildClasses(blocks: readonly Block[]): readonly ClassKeyPlan[] {
  const classes = blocks.flatMap((block) => block.all(key.keyClass)).map((node) => node.value)
  return classes.filter((one, index) => classes.findIndex(({ name }) => name === one.name) === index)
}

/** The list of the strongest block that has one. */
function offered(field: key.VaryArguments['field'], blocks: readonly Block[]): readonly string[] {
  const lists = blocks.flatMap((block) => block.all(key.keyVary)).map((node) => node.value)
  return unique(lists.find((list) => list.field === field)?.offered ?? [])
}

export function buildCache(node: Node<string>): CachePlan {
  const { block } = node
  const own = buildSettings(block)
  const memory = memoryTierOf(block)?.value.bytes
  const pool = poolTierOf(block)?.value.pool
  return {
    name: node.value,
    memoryBytes: memory ?? workingBytes(own.maxObjectBytes),
    pool,
    isPoolOnly: memory === undefined && pool !== undefined,
    maxObjectBytes: own.maxObjectBytes,
    settings: own,
    purge: buildPurge(block.child(purging.purge)),
    place: placeOf(headOf(node)),
  }
}

function buildPurge(block: Block): PurgePlan {
  return {
    allow: block.value(purging.purgeAllow),
    mode: setting(purging.purgeDefault, block),
    methods: setting(purging.purgeMethods, block),
  }
}

function buildTags(blocks: readonly Block[]): TagPlan {
  const fields = setting(purging.tagsFrom, ...blocks.map((block) => block.child(purging.tags)))
  return {
    fields: unique(fields.map((name) => name.toLowerCase())),
    fixed: unique(blocks.flatMap((block) => block.all(purging.tag).flatMap((node) => node.value))),
  }
}

function unique<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)]
}
