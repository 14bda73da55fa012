/**
 *     key { query sort drop utm_* gclid; cookie keep currency; header X-Device; scheme off; }
 *
 * Path and host are always told apart unless the block says otherwise: a part that is not mentioned keeps its default,
 * so a short block never makes two requests share an object by accident.
 */
import type { QueryKeyPlan } from '../../plan/plan.ts'
import { many, nothing, optional } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import { cookieName, headerName, oneOf, onOff, queryName } from './values.ts'

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

const keyPath = directive({
  name: 'path',
  shape: nothing,
  phase: 'key',
  doc: 'The path. It is always part of the key; the statement only says so to readers.',
  example: 'path;',
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

export const keyContext: Context = {
  name: 'key',
  doc: 'What makes two requests ask for the same object. A part that is not mentioned keeps its default.',
  directives: [keyScheme, keyHost, keyPath, keyQuery, keyCookie, keyHeader],
}

export const key = directive({
  name: 'key',
  shape: nothing,
  block: 'key',
  phase: 'key',
  doc:
    'What makes two requests ask for the same object: scheme, host, path and the whole query, unless this block ' +
    'changes a part. A rule changes the parts it mentions and adds cookies and fields to those of its cache.',
  example: 'key { query sort drop utm_*; cookie keep currency; }',
  peers: ['proxy_cache_key', 'vcl_hash', 'hash_data', 'store_id_program'],
})
