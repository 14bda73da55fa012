/**
 * A second name for a response that varies on Accept-Language: the language it says it is in. Clients write their
 * preferences in thousands of ways, and most of them want the same few languages.
 *
 *     stored for "en-US, en;q=0.9" with Content-Language: en    answers    "en, de;q=0.5"
 *
 * This departs from RFC 9111 §4.1, where only fields that mean the same select the same response. The argument: such a
 * request says that nothing is better for it than this language, and the origin says that this is the language. So nothing
 * can be wrong with the answer as long as the two are the same tag, letter for letter, and the client likes no other
 * language as much: the origin may have "de" too, or "en-GB", but this client would not be better off with them.
 */

import { isToken, trimBlanks } from '../http/tokens.ts'
import type { RequestFacts, ResponseFacts } from '../plan/facts.ts'
import type { Negotiation } from './negotiate.ts'
import { variantKey } from './vary.ts'
import { parseWeightedList, remembering } from './weighted-list.ts'

const FIELD = 'accept-language'

/** The tag that a client prefers to all others, in lower case; empty: none, or several alike. */
export const preferredLanguage = remembering((value) => {
  const members = parseWeightedList(value) ?? []
  const most = Math.max(0, ...members.map(({ weight }) => weight))
  const best = members.filter(({ weight }) => weight === most)
  return most > 0 && best.length === 1 && best[0]!.name !== '*' ? best[0]!.name : ''
})

/** The one language that Content-Language names, in lower case; empty: none, or several. */
export function contentLanguage(value: string | undefined): string {
  const tag = trimBlanks(value ?? '', 0, value?.length ?? 0)
  return isToken(tag) ? tag.toLowerCase() : ''
}

/**
 * The language name of a response: the language it says it is in, and the request's other selecting fields; undefined
 * where there is not one language, or languages do not select. It may look like a name that `variantKey` gives; the keys
 * made of them differ.
 */
export function statedVariant(
  response: ResponseFacts,
  names: readonly string[],
  request: RequestFacts,
  negotiation: Negotiation | undefined,
): string | undefined {
  return languageVariant(contentLanguage(response.header('content-language')), names, request, negotiation)
}

/** The language name of what the request prefers. */
export function preferredVariant(
  names: readonly string[],
  request: RequestFacts,
  negotiation: Negotiation | undefined,
): string | undefined {
  if (!names.includes(FIELD)) return undefined
  const received = request.header(FIELD)
  const value = negotiation === undefined ? received : negotiation.chosen(FIELD, received)
  return value === undefined ? undefined : languageVariant(preferredLanguage(value), names, request, negotiation)
}

function languageVariant(
  language: string,
  names: readonly string[],
  request: RequestFacts,
  negotiation: Negotiation | undefined,
): string | undefined {
  if (language === '' || !names.includes(FIELD)) return undefined
  const others = names.filter((name) => name !== FIELD)
  return `${language}|${variantKey(others, request, negotiation)}`
}
