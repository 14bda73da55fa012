/**
 * Which response field governs caching: a targeted one such as CDN-Cache-Control (RFC 9213), or Cache-Control.
 *
 * The first field of the operator's list that is valid and not empty replaces Cache-Control and Expires altogether
 * (RFC 9213 §2.2), a `no-store` in them included. One that is empty or not a well-formed dictionary is as good as absent.
 */

import type { ResponseFacts } from '../../plan/facts.ts'
import { ABSENT, parseResponseDirectives, ResponseDirectives } from './cache-control.ts'
import { MAX_DELTA_SECONDS } from './delta-seconds.ts'
import { type DictionaryValue, parseDictionary } from './dictionary.ts'

export interface GoverningDirectives {
  readonly directives: ResponseDirectives
  /** Expires counts only where no targeted field took over. */
  readonly expiresCounts: boolean
}

/** `obey`: lower-case field names, strongest first; Cache-Control is the last resort also when the list leaves it out. */
export function governingDirectives(response: ResponseFacts, obey: readonly string[]): GoverningDirectives {
  for (const name of obey) {
    const text = response.header(name)
    if (text === undefined) continue
    if (name === 'cache-control') return { directives: parseResponseDirectives(text), expiresCounts: true }
    const members = parseDictionary(text)
    if (members !== undefined && members.size > 0) {
      return { directives: directivesOf(members), expiresCounts: false }
    }
  }
  return { directives: parseResponseDirectives(response.header('cache-control') ?? ''), expiresCounts: true }
}

/** RFC 9213 §2.1: directives are members, those without argument are boolean, delta-seconds are integers. */
function directivesOf(members: ReadonlyMap<string, DictionaryValue>): ResponseDirectives {
  const directives = new ResponseDirectives()
  directives.maxAgeSec = lifetime(members.get('max-age'))
  directives.sharedMaxAgeSec = lifetime(members.get('s-maxage'))
  directives.staleWhileRevalidateSec = permission(members.get('stale-while-revalidate'))
  directives.staleIfErrorSec = permission(members.get('stale-if-error'))
  directives.noStore = isGiven(members, 'no-store')
  directives.noCache = isGiven(members, 'no-cache')
  directives.isPrivate = isGiven(members, 'private')
  directives.isPublic = isGiven(members, 'public')
  directives.mustRevalidate = isGiven(members, 'must-revalidate')
  directives.proxyRevalidate = isGiven(members, 'proxy-revalidate')
  directives.mustUnderstand = isGiven(members, 'must-understand')
  directives.immutable = isGiven(members, 'immutable')
  return directives
}

/** Seconds; a value of the wrong type or sign is invalid and means stale (RFC 9111 §4.2.1). */
function lifetime(value: DictionaryValue | undefined): number {
  return value === undefined ? ABSENT : Math.max(0, permission(value))
}

function permission(value: DictionaryValue | undefined): number {
  return typeof value === 'number' && value >= 0 ? Math.min(value, MAX_DELTA_SECONDS) : ABSENT
}

/** Anything but `?0`: a prohibition with an odd value still prohibits. */
function isGiven(members: ReadonlyMap<string, DictionaryValue>, name: string): boolean {
  const value = members.get(name)
  return value !== undefined && value !== false
}
