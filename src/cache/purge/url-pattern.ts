/**
 * Which URLs a prefix or glob purge covers. URLs are compared as the cache key has them (`urlText` in url-text.ts):
 *
 *     [authority "|"] path [ "?" query ]        the authority is missing where the key leaves the host out
 *
 * A pattern is `[AUTHORITY] PATH`: `/img/` or `shop.example.com/img/`; without authority it covers every host, and an object
 * whose key has no host is covered whatever host the pattern names. In a glob `*` stands within a path segment and `**`
 * across them, in the authority `*` for any letters; without a `?` it is compared with the path alone, whatever the query.
 */
import { compilePathGlob, compileTextGlob } from '../../util/glob.ts'

export type PatternKind = 'prefix' | 'glob'

export type UrlTest = (url: string) => boolean

export function compileUrlPattern(kind: PatternKind, pattern: string): UrlTest {
  const slash = pattern.indexOf('/')
  const authority = pattern.slice(0, slash)
  const target = pattern.slice(slash)
  const host = authority === '' ? undefined : compileTextGlob(authority)
  const path = kind === 'prefix' ? (text: string) => text.startsWith(target) : globTest(target)
  return (url) => {
    const pathAt = url.startsWith('/') ? 0 : url.indexOf('|') + 1
    if (host !== undefined && pathAt > 0 && !host.matches(url.slice(0, pathAt - 1))) return false
    return path(url.slice(pathAt))
  }
}

function globTest(target: string): UrlTest {
  const glob = compilePathGlob(target)
  if (target.includes('?')) return (text) => glob.matches(text)
  return (text) => {
    const mark = text.indexOf('?')
    return glob.matches(mark === -1 ? text : text.slice(0, mark))
  }
}
