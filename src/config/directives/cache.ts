/**
 *     cache shop {
 *         tier memory 512MiB; max-object 16MiB;
 *         key { query sort drop utm_*; }
 *         ttl 404 410 30s; grace 10m; stale-if-error 1d;
 *         purge { allow @ops; default soft; }
 *     }
 *     rule static { ttl 1d override; override private; remove request Cookie; remove response Set-Cookie; }
 */
import { type ArgumentReader, definition } from './arguments.ts'
import { cacheSettings } from './cache-settings.ts'
import { type Context, directive, type Shape } from './directive.ts'
import { headersBlock } from './headers.ts'
import { purge } from './purge.ts'
import { editableField, identifier, oneOf, size } from './values.ts'

export interface TierArguments {
  readonly kind: 'memory'
  readonly bytes: number
}

const tierKind = oneOf('memory')

const tierShape: Shape<TierArguments> = {
  syntax: `memory ${size.syntax}`,
  read(reader: ArgumentReader) {
    const kind = reader.next(tierKind)
    const bytes = kind === undefined ? undefined : reader.next(size)
    return kind === undefined || bytes === undefined ? undefined : { kind, bytes }
  },
}

export const tier = directive({
  name: 'tier',
  shape: tierShape,
  isRequired: true,
  phase: 'look-up',
  doc:
    'Where objects lie and how much room they may take. "memory" is one copy for all workers, and its size is a ' +
    'bound that holds.',
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
