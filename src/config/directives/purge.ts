/**
 * What a stored response can be purged by, who may purge, and how.
 *
 *     tags { from Surrogate-Key Cache-Tag; }  tag catalogue;
 *     purge { allow @ops; default soft; methods PURGE PURGEKEY; }
 */
import { many, nothing, one, reference } from './arguments.ts'
import { type Context, directive } from './directive.ts'
import { headerName, matcherName, oneOf, purgeMethod, tagName } from './values.ts'

export const tagsFrom = directive({
  name: 'from',
  shape: many(headerName),
  defaultText: 'Surrogate-Key Cache-Tag',
  phase: 'store',
  doc:
    'The response fields that carry tags: in Surrogate-Key and xkey between blanks, in all others between commas. They ' +
    'are read as the origin sent them, before edits, and sent on to clients unless an edit removes them.',
  example: 'from Surrogate-Key Cache-Tag;',
  peers: ['Surrogate-Key', 'Cache-Tag', 'xkey', 'Edge-Cache-Tag'],
})

export const tagsContext: Context = {
  name: 'tags',
  doc: 'Where the tags of stored responses come from.',
  directives: [tagsFrom],
}

export const tags = directive({
  name: 'tags',
  shape: nothing,
  block: 'tags',
  phase: 'store',
  doc:
    'Where the tags of stored responses come from, besides "tag". Up to 128 tags and 16 KiB of them are kept with a ' +
    'response; one with more is purged whenever any tag is.',
  example: 'tags { from Cache-Tag; }',
  peers: ['xkey', 'cache-tags', 'softpurge', 'purge_by_key'],
})

export const tag = directive({
  name: 'tag',
  shape: many(tagName),
  repeat: 'many',
  phase: 'store',
  doc: 'Tags of every response that is stored here, besides those that it brings along.',
  example: 'tag static theme-2;',
  peers: ['beresp.http.xkey', 'header set Cache-Tag'],
})

export const purgeAllow = directive({
  name: 'allow',
  shape: reference('matcher', matcherName),
  isRequired: true,
  phase: 'access',
  doc: 'Who may purge. Everybody else gets 403.',
  example: 'allow @ops;',
})

export const purgeDefault = directive({
  name: 'default',
  shape: one(oneOf('soft', 'hard')),
  defaultText: 'soft',
  phase: 'look-up',
  doc:
    'What a purge does that does not say: "soft" makes objects stale, so that "grace" and "stale-if-error" may still use ' +
    'them; "hard" removes them.',
  example: 'default hard;',
  peers: ['purge.soft', 'purge.hard', 'xkey.softpurge'],
})

export const purgeMethods = directive({
  name: 'methods',
  shape: many(purgeMethod),
  defaultText: 'PURGE PURGEKEY',
  phase: 'access',
  doc:
    'The request methods that purge. With a field Surrogate-Key, Cache-Tag or xkey they purge the tags it names; without, ' +
    'what the URL stands for: "Purge-Scope: url" (also without the field) that URL with all its variants, "prefix" all ' +
    'URLs that begin with it, "glob" all that match it, "all" the whole cache. "Purge-Mode: soft" or "hard" goes before ' +
    '"default", and so does "Fastly-Soft-Purge: 1".',
  example: 'methods PURGE BAN;',
  peers: ['ban', 'BAN', 'acl Purge method PURGE', 'PURGE'],
})

export const purgeContext: Context = {
  name: 'purge',
  doc: 'Who may purge, and what a purge does.',
  directives: [purgeAllow, purgeDefault, purgeMethods],
}

export const purge = directive({
  name: 'purge',
  shape: nothing,
  block: 'purge',
  phase: 'access',
  doc:
    'Lets chosen clients purge with the methods PURGE and PURGEKEY. Without this block these are answered with 403; ' +
    '"shellac purge" works in any case. In a cache with "tier memcached" a purge reaches all machines that share the pool, ' +
    'within two seconds; the answer says whether they will hear of it ("fleet": "published"), or not before the pool answers ' +
    'again ("pending").',
  example: 'purge { allow @ops; default soft; }',
  peers: ['proxy_cache_purge', 'return (purge)', 'ban', 'CachePurge', 'std.ban'],
})
