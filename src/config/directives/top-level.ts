/** The file itself. */
import { one } from './arguments.ts'
import { backend } from './backend.ts'
import { cache, rule } from './cache.ts'
import { type Context, directive } from './directive.ts'
import { listener } from './listener.ts'
import { log } from './log.ts'
import { match } from './match.ts'
import { memcached } from './memcached.ts'
import { memcachedProxy } from './memcached-proxy.ts'
import { adminBlock, processBlock, reloadBlock } from './process.ts'
import { site } from './site.ts'
import { test } from './test-block.ts'
import { tlsSessions } from './tls-sessions.ts'
import { languageVersion, text } from './values.ts'

export const shellac = directive({
  name: 'shellac',
  shape: one(languageVersion),
  isRequired: true,
  phase: 'check',
  doc: 'The version of the language, which is 1. It is the first statement of the file, always.',
  example: 'shellac 1;',
  peers: ['vcl', 'vcl 4.1'],
})

export const include = directive({
  name: 'include',
  shape: one(text),
  repeat: 'many',
  phase: 'check',
  doc:
    'Reads other files in this place; it may stand wherever a statement may. The name is relative to the file it ' +
    'stands in, and "*" takes all files that fit, in the order of their names. No file at all is an error only ' +
    'where the name has no "*".',
  example: 'include conf.d/*.conf;',
  peers: ['Include', 'IncludeOptional', 'import'],
})

export const mainContext: Context = {
  name: 'main',
  doc: 'The file itself. Objects may stand in any order and be used before they are declared.',
  directives: [
    shellac,
    include,
    processBlock,
    reloadBlock,
    adminBlock,
    log,
    listener,
    backend,
    memcached,
    memcachedProxy,
    tlsSessions,
    cache,
    rule,
    match,
    site,
    test,
  ],
}
