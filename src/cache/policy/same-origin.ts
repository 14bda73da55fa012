/** URI references in response fields, resolved against the request they answer (RFC 3986 §5, RFC 9110 §4.3.1). */

import type { RequestFacts } from '../../plan/facts.ts'

/** Where a reference leads within the origin of the request. */
export interface Target {
  readonly path: string
  readonly query: string
  readonly hasQuery: boolean
}

/** No URI this cache would ever store is longer; resolving costs time linear in it. */
const MAX_REFERENCE_LETTERS = 8192

/** undefined: another origin, not http(s), unreadable or overlong. The fragment is dropped. */
export function resolveSameOrigin(reference: string, request: RequestFacts): Target | undefined {
  if (reference.length > MAX_REFERENCE_LETTERS) return undefined
  const origin = `${request.scheme}://${request.authority}`
  const rest = reference.startsWith(`${origin}/`) ? reference.slice(origin.length) : reference
  // Taken as it stands where nothing needs resolving: the URL class would encode letters that the key does not.
  if (isPlainPath(rest)) return splitTarget(rest)
  const base = URL.parse(origin + targetOf(request))
  const url = base === null ? null : URL.parse(reference, base.href)
  if (base === null || url === null || url.origin !== base.origin) return undefined
  return splitTarget(url.pathname + url.search)
}

/** Whether the reference is the URI of the request itself. */
export function isSameResource(reference: string, request: RequestFacts): boolean {
  const target = resolveSameOrigin(reference, request)
  return (
    target !== undefined &&
    target.path === request.path &&
    target.query === request.query &&
    target.hasQuery === request.hasQuery
  )
}

/** `/path?query` without dot segments, and not `//host`. */
function isPlainPath(reference: string): boolean {
  return /^\/(?!\/)[!-~]*$/.test(reference) && !reference.includes('/.') && !reference.includes('\\')
}

function targetOf(request: RequestFacts): string {
  return request.hasQuery ? `${request.path}?${request.query}` : request.path
}

function splitTarget(target: string): Target {
  const hash = target.indexOf('#')
  const whole = hash === -1 ? target : target.slice(0, hash)
  const mark = whole.indexOf('?')
  if (mark === -1) return { path: whole, query: '', hasQuery: false }
  return { path: whole.slice(0, mark), query: whole.slice(mark + 1), hasQuery: true }
}
