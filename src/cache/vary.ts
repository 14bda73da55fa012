/**
 * Vary: which request fields select among the stored responses of a key, and the name a request has by them (RFC 9111
 * §4.1). Values that mean the same get the same name; more than that is never put together.
 */

import { isToken, splitList, trimBlanks } from '../http/tokens.ts'
import type { RequestFacts } from '../plan/facts.ts'
import { namedPart } from './key.ts'
import type { Negotiation } from './negotiate.ts'
import { normaliseWeightedList } from './weighted-list.ts'

export interface VarySpec {
  /** No request matches, not even the same one again. */
  readonly star: boolean
  /** Lower case, sorted, each once; empty when there is no Vary. */
  readonly names: readonly string[]
}

/** More names than any origin needs: beyond it the response is not reused. */
const MAX_NAMES = 32

const never: VarySpec = { star: true, names: [] }
const always: VarySpec = { star: false, names: [] }

/** All lines of the field. `*` anywhere, or what is no field name, means no reuse (RFC 9110 §12.5.5). */
export function parseVary(lines: readonly string[]): VarySpec {
  if (lines.length === 0) return always
  const names = new Set<string>()
  for (const line of lines) {
    for (const member of line.split(',')) {
      const name = trimBlanks(member, 0, member.length).toLowerCase()
      if (name === '') continue
      if (name === '*' || !isToken(name) || names.size === MAX_NAMES) return never
      names.add(name)
    }
  }
  return names.size === 0 ? always : { star: false, names: [...names].sort() }
}

/**
 * `a|b=value`: what distinguishes this request's variant. The same names in the same order must be used each time.
 * `request` is as the route's edits leave it; what is chosen in `negotiation` stands in the place of its fields.
 */
export function variantKey(
  names: readonly string[],
  request: RequestFacts,
  negotiation: Negotiation | undefined,
): string {
  let key = ''
  for (const name of names) {
    const received = request.header(name)
    const value = negotiation === undefined ? received : negotiation.chosen(name, received)
    const part = namedPart(name, normalisedField(name, value))
    key = key === '' ? part : `${key}|${part}`
  }
  return key
}

/**
 * The key of a variant's own object. No primary key starts with a line feed, and no variant key holds one, so it can
 * neither be mistaken for the key of another resource nor for another variant.
 */
export function variantObjectKey(primary: string, variant: string): string {
  return `\n${variant}\n${primary}`
}

/** The primary key of a variant; of any other key itself. */
export function primaryKeyOf(key: string): string {
  return key.startsWith('\n') ? key.slice(key.indexOf('\n', 1) + 1) : key
}

/** A key as people may read it: the primary key, and behind a blank what selects the variant. */
export function readableKey(key: string): string {
  const end = key.indexOf('\n', 1)
  return key.startsWith('\n') && end !== -1 ? `${key.slice(end + 1)} ${key.slice(1, end)}` : key
}

function normalisedField(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  if (name === 'accept-encoding' || name === 'accept-language') return normaliseWeightedList(value)
  return normaliseList(value)
}

/** Without blanks around the commas between members (RFC 9111 §4.1); what is no clean list stays as it is. */
function normaliseList(value: string): string {
  if (!value.includes(',')) return trimBlanks(value, 0, value.length)
  return splitList(value)?.join(',') ?? value
}
