/**
 *     key {
 *         path normalise; query sort drop utm_* gclid; cookie keep currency; header X-Device; scheme off;
 *         class mobile @mobile; vary accept-encoding br gzip; vary accept-language en de;
 *     }
 *
 * Path and host are always told apart unless the block says otherwise: a part that is not mentioned keeps its default,
 * so a short block never makes two requests share an object by accident.
 */
import type { ClassKeyPlan, PathKeyPlan, QueryKeyPlan } from '../../plan/plan.ts'
import { many, nothing, optional, readReference } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import {
  contentCoding,
  cookieName,
  headerName,
  identifier,
  languageTag,
  matcherName,
  oneOf,
  onOff,
  queryName,
} from './values.ts'

export const keyScheme = directive({
  name: 'scheme',
  shape: optional(onOff, true),
  defaultText: 'on',
  phase: 'key',
  doc: 'Whether http and https are told apart.',
  example: 'scheme off;',
})

export const keyHost = directive({
  name: 'host',
  shape: optional(onOff, true),
  defaultText: 'on',
  phase: 'key',
  doc: 'Whether host names are told apart. "off" lets all names of a site share their objects.',
  example: 'host off;',
})

/** Also where nothing is said. */
export const pathAsReceived: PathKeyPlan = { normalise: false, mergeSlashes: false }

const pathShape: Shape<PathKeyPlan> = {
  syntax: '[normalise [merge-slashes]]',
  read(reader) {
    if (reader.peek() === undefined) return pathAsReceived
    if (!reader.expectWord('normalise')) return undefined
    return { normalise: true, mergeSlashes: reader.takeWord('merge-slashes') }
  },
}

export const keyPath = directive({
  name: 'path',
  shape: pathShape,
  phase: 'key',
  doc:
    'The path, which is always part of the key; as it came, unless "normalise" makes one of the spellings that RFC ' +
    '3986 calls equivalent ("%7euser", "%7Euser" and "~user"), and "merge-slashes" of those that differ in the number of ' +
    'slashes ("//a" and "/a"). The origin is then asked for that one spelling. Letter case always ' +
    'counts, and paths with dot segments are refused.',
  example: 'path normalise merge-slashes;',
  peers: ['merge_slashes', 'normalize-uri', 'http-request normalize-uri', 'std.tolower', 'cachekey'],
})

const queryMode = oneOf('keep', 'drop')

const queryShape: Shape<QueryKeyPlan> = {
  syntax: `all|none|[sort] [keep|drop ${queryName.syntax} ...]`,
  read(reader) {
    if (reader.takeWord('none')) return { sort: false, mode: 'none', names: [] }
    if (reader.takeWord('all')) return { sort: false, mode: 'all', names: [] }
    const sort = reader.takeWord('sort')
    if (sort && reader.peek() === undefined) return { sort, mode: 'all', names: [] }
    const mode = reader.next(queryMode)
    const names = mode === undefined ? undefined : reader.rest(queryName)
    return mode === undefined || names === undefined ? undefined : { sort, mode, names }
  },
}

export const keyQuery = directive({
  name: 'query',
  shape: queryShape,
  defaultText: 'all',
  phase: 'key',
  doc:
    'Which query parameters count: all as they came, none, sorted by name, only some ("keep") or all but some ' +
    '("drop"). A name may end in "*".',
  example: 'query sort drop utm_* gclid fbclid;',
  peers: ['querysort', 'std.querysort', 'proxy_cache_key', 'cachekey'],
})

const cookieShape: Shape<readonly string[]> = {
  syntax: `keep ${cookieName.syntax} ...`,
  read(reader) {
    return reader.expectWord('keep') ? reader.rest(cookieName) : undefined
  },
}

export const keyCookie = directive({
  name: 'cookie',
  shape: cookieShape,
  repeat: 'many',
  phase: 'key',
  doc: 'Cookies whose values tell objects apart. Other cookies do not.',
  example: 'cookie keep currency language;',
})

export const keyHeader = directive({
  name: 'header',
  shape: many(headerName),
  repeat: 'many',
  phase: 'key',
  doc: 'Request fields whose values tell objects apart, beside those that the response names in Vary.',
  example: 'header X-Device;',
  peers: ['hash_data'],
})

export interface VaryArguments {
  readonly field: 'accept-encoding' | 'accept-language'
  /** Lower case. */
  readonly offered: readonly string[]
}

const varyField = oneOf('accept-encoding', 'accept-language')

const varyShape: Shape<VaryArguments> = {
  syntax: `accept-encoding ${contentCoding.syntax} ...`,
  otherSyntax: `accept-language ${languageTag.syntax} ...`,
  read(reader) {
    const field = reader.next(varyField)
    if (field === undefined) return undefined
    const offered = reader.rest(field === 'accept-encoding' ? contentCoding : languageTag)
    return offered === undefined ? undefined : { field, offered }
  },
}

export const keyVary = directive({
  name: 'vary',
  shape: varyShape,
  repeat: 'many',
  phase: 'key',
  doc:
    'What the origin offers, so that a response that varies on the field is kept once for each member of the list and ' +
    "once for clients that want none. The client's value becomes the member it prefers, for the origin too: of codings the " +
    'one of the greatest weight, of equals the one that stands first here; of languages the one that RFC 4647 look-up ' +
    'finds ("de-AT" finds "de").',
  example: 'vary accept-encoding br gzip;',
  peers: ['http_gzip_support', 'req.http.Accept-Encoding', 'normalize_ae', 'gzip_vary', 'accept.rb'],
})

const classShape: Shape<ClassKeyPlan> = {
  syntax: `${identifier.syntax} ${matcherName.syntax}`,
  read(reader) {
    const name = reader.next(identifier)
    const matcher = name === undefined ? undefined : readReference(reader, 'matcher', matcherName)
    return name === undefined || matcher === undefined ? undefined : { name, matcher }
  },
}

export const keyClass = directive({
  name: 'class',
  shape: classShape,
  repeat: 'many',
  phase: 'key',
  doc:
    'Requests for which the matcher holds have objects of their own, such as those of phones. A request may be of several ' +
    'classes, or of none.',
  example: 'class mobile @mobile;',
  peers: ['req.http.X-Device', 'X-UA-Device', 'hash_data', 'cachekey'],
})

export const keyContext: Context = {
  name: 'key',
  doc: 'What makes two requests ask for the same object. A part that is not mentioned keeps its default.',
  directives: [keyScheme, keyHost, keyPath, keyQuery, keyCookie, keyHeader, keyClass, keyVary],
}

export const key = directive({
  name: 'key',
  shape: nothing,
  block: 'key',
  phase: 'key',
  doc:
    'What makes two requests ask for the same object: scheme, host, path and the whole query, unless this block ' +
    'changes a part. A rule changes the parts it mentions and adds cookies, fields and classes to those of its cache.',
  example: 'key { query sort drop utm_*; cookie keep currency; }',
  peers: ['proxy_cache_key', 'vcl_hash', 'hash_data', 'store_id_program'],
})
