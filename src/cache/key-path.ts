/**
 * The path as it stands in the key, where the operator says that several spellings are one resource.
 *
 * The hard part is that whoever chooses the spelling would choose the answer: an origin that tells `//a` from `/a` would
 * redirect the one to the other, and everybody would be served the redirect. So the origin is asked for the spelling that
 * stands in the key (`proxy/request-out.ts`), whatever the client wrote. And routes see both spellings as one, or two
 * routes would fill one object; so letter case, which routes tell apart, cannot be left out of a key.
 */

import { byteClass, HOST } from '../http/tokens.ts'
import type { PathKeyPlan } from '../plan/plan.ts'

export type PathForm = (path: string) => string

/** undefined: the path counts as it came. What it gives, given again, stays as it is. */
export function compilePath(plan: PathKeyPlan): PathForm | undefined {
  if (!plan.normalise) return undefined
  const { mergeSlashes } = plan
  return (path) => {
    const form = path.includes('%') ? normaliseEscapes(path) : path
    return mergeSlashes && form.includes('//') ? form.replace(/\/{2,}/g, '/') : form
  }
}

/**
 * RFC 3986 §6.2.2.1: digits of an escape in upper case; §6.2.2.2: escaped unreserved characters as themselves. Every
 * other escape is data (`%2F` is no `/`) and stays one. A path with a `%` that begins no escape is no URI and stays as it
 * is: out of `/%4%61` one would make `/%4a`, which an origin reads as `/J`.
 */
function normaliseEscapes(path: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return path
  return path.replace(/%[0-9A-Fa-f]{2}/g, (triplet) => {
    const letter = Buffer.from(triplet.slice(1), 'hex').toString('latin1')
    // The class of a host name is that of the unreserved characters.
    return (byteClass[letter.charCodeAt(0)]! & HOST) === 0 ? triplet.toUpperCase() : letter
  })
}
