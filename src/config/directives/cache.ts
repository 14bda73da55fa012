/**
 *     cache shop {
 *         tier memory 512MiB; tier memcached edge; max-object 16MiB;
 *         key { query sort drop utm_*; }
 *         ttl 404 410 30s; grace 10m; stale-if-error 1d;
 *         purge { allow @ops; default soft; }
 *     }
 *     rule static { ttl 1d override; override private; remove request Cookie; remove response Set-Cookie; }
 */
import type { Block, Node } from '../checked.ts'
import { type ArgumentReader, definition, readReference } from './arguments.ts'
import { cacheSettings } from './cache-settings.ts'
import { type Context, directive, type Shape } from './directive.ts'
import { headersBlock } from './headers.ts'
import { purge } from './purge.ts'
import { editableField, identifier, oneOf, size } from './values.ts'

export interface MemoryTierArguments {
  readonly kind: 'memory'
  readonly bytes: number
}
export interface PoolTierArguments {
  readonly kind: 'memcached'
  readonly pool: string
}
export type TierArguments = MemoryTierArguments | PoolTierArguments

const tierKind = oneOf('memory', 'memcached')

const tierShape: Shape<TierArguments> = {
  syntax: `memory ${size.syntax}`,
  otherSyntax: `memcached ${identifier.syntax}`,
  read(reader: ArgumentReader) {
    const kind = reader.next(tierKind)
    if (kind === 'memory') {
      const bytes = reader.next(size)
      return bytes === undefined ? undefined : { kind, bytes }
    }
    const pool = kind === undefined ? undefined : readReference(reader, 'memcached', identifier)
    return kind === undefined || pool === undefined ? undefined : { kind, pool }
  },
}

export const tier = directive({
  name: 'tier',
  shape: tierShape,
  repeat: 'many',
  isRequired: true,
  phase: 'look-up',
  doc:
    'Where objects lie: in memory, in a pool of memcached servers, or in both, one statement for each. "memory" is one ' +
    'copy for all workers, and its size is a bound that holds. What is not there is looked for in the pool, and what is ' +
    'found there fills the memory; what the origin answers is put into both. With the pool alone the cache still takes ' +
    '16MiB of memory (twice "max-object" if that is more) in which answers are put together, and hits come from the pool ' +
    'each time.',
  example: 'tier memory 512MiB;',
  peers: [
    'proxy_cache_path',
    'keys_zone',
    'total-max-size',
    'cache_mem',
    'storage',
    'malloc',
    'cache_dir',
    'CacheRoot',
  ],
})

/** Where fills are made while only a pool keeps objects. */
const WORKING_BYTES = 16 << 20

/** The memory of a cache without a tier of that kind: one fill must fit beside what is being read. */
export function workingBytes(maxObjectBytes: number): number {
  return Math.max(WORKING_BYTES, 2 * maxObjectBytes)
}

/** The first of its kind; a second one is an error. */
export function memoryTierOf(block: Block): Node<MemoryTierArguments> | undefined {
  return block.all(tier).find((node): node is Node<MemoryTierArguments> => node.value.kind === 'memory')
}

export function poolTierOf(block: Block): Node<PoolTierArguments> | undefined {
  return block.all(tier).find((node): node is Node<PoolTierArguments> => node.value.kind === 'memcached')
}

export const cacheContext: Context = {
  name: 'cache',
  doc: 'A store, and what holds for everything in it unless a rule says otherwise.',
  directives: [tier, purge, ...cacheSettings],
}

export const cache = directive({
  name: 'cache',
  shape: definition('cache', identifier),
  block: 'cache',
  repeat: 'many',
  phase: 'look-up',
  doc: 'A store of responses, with the defaults that hold in it. Sites use it with "use-cache NAME;".',
  example: 'cache shop { tier memory 256MiB; ttl origin else 2m; }',
  peers: ['proxy_cache_path', 'proxy_cache', 'CacheEnable', 'cache_dir', 'http-request cache-use', 'filter cache'],
})

export interface RemoveArguments {
  readonly side: 'request' | 'response'
  readonly name: string
}

const removeSide = oneOf('request', 'response')

const removeShape: Shape<RemoveArguments> = {
  syntax: `request|response ${editableField.syntax}`,
  read(reader) {
    const side = reader.next(removeSide)
    const name = side === undefined ? undefined : reader.next(editableField)
    return side === undefined || name === undefined ? undefined : { side, name }
  },
}

export const remove = directive({
  name: 'remove',
  shape: removeShape,
  repeat: 'many',
  phase: 'request edits',
  doc:
    'Removes a field from the request before it is looked up and sent on, or from the response before it is ' +
    'judged and stored. A response whose Set-Cookie is removed this way may be stored.',
  example: 'remove response Set-Cookie;',
  peers: ['unset', 'proxy_hide_header', 'http-response del-header', 'http-request del-header', 'fastcgi_hide_header'],
})

export const ruleContext: Context = {
  name: 'rule',
  doc: 'How the responses of some routes are cached.',
  directives: [...cacheSettings, remove, headersBlock],
}

export const rule = directive({
  name: 'rule',
  shape: definition('rule', identifier),
  block: 'rule',
  repeat: 'many',
  phase: 'store',
  doc:
    'A named set of cache settings. Routes choose it with "cache NAME;". What a rule does not say, its cache ' +
    'does.',
  example: 'rule static { ttl 1d override; remove request Cookie; remove response Set-Cookie; }',
  peers: ['vcl_backend_response', 'vcl_recv', 'http-response cache-store', 'refresh_pattern'],
})
