/**
 * Accept-Encoding and Accept-Language as one spelling per meaning (RFC 9110 §12.4.2, §12.5.3, §12.5.4): lower case,
 * weights in shortest form, members of equal weight in alphabetical order, since their order means nothing.
 *
 *     "GZIP, br;q=1.000 , de;q=0.50"  becomes  "br,gzip,de;q=0.5"
 *
 * Runs for every request to a resource that varies so, and browsers send few different values: results are remembered.
 */

import { isToken, trimBlanks } from '../http/tokens.ts'

/** Spellings remembered; a client that sends new ones all the time makes us forget, never grow. */
const MAX_REMEMBERED = 512
/** Longer values, which no browser sends, are worked out each time. */
const MAX_REMEMBERED_LETTERS = 200
/** Past this many members the value is taken as it stands. */
const MAX_MEMBERS = 64

/** One spelling per meaning. */
export const normaliseWeightedList = remembering(normalise)

/** The same function of a field's value, with the results for the last spellings seen kept. */
export function remembering(work: (value: string) => string): (value: string) => string {
  const remembered = new Map<string, string>()
  return (value) => {
    const known = remembered.get(value)
    if (known !== undefined) return known
    const result = work(value)
    if (value.length <= MAX_REMEMBERED_LETTERS) {
      if (remembered.size >= MAX_REMEMBERED) remembered.clear()
      // A copy: `value` is a slice that would keep the whole head it was cut from.
      remembered.set(Buffer.from(value, 'latin1').toString('latin1'), result)
    }
    return result
  }
}

export interface WeightedMember {
  /** Lower case. */
  readonly name: string
  /** 0 to 1000. */
  readonly weight: number
}

/** A value with a member that cannot be read stays as it is, since the origin may read it. */
function normalise(value: string): string {
  const members = parseWeightedList(value)
  if (members === undefined) return value
  return members
    .toSorted((a, b) => b.weight - a.weight || (a.name < b.name ? -1 : 1))
    .map(encodeMember)
    .join(',')
}

/** The members in the order of the text; undefined when one cannot be read, or there are too many. */
export function parseWeightedList(value: string): readonly WeightedMember[] | undefined {
  const members: WeightedMember[] = []
  for (const text of value.split(',')) {
    if (trimBlanks(text, 0, text.length) === '') continue
    const member = parseMember(text)
    if (member === undefined || members.length === MAX_MEMBERS) return undefined
    members.push(member)
  }
  return members
}

/** `name [ ";" "q=" weight ]`, blanks around the semicolon allowed. */
function parseMember(text: string): WeightedMember | undefined {
  const semicolon = text.indexOf(';')
  const name = trimBlanks(text, 0, semicolon === -1 ? text.length : semicolon).toLowerCase()
  if (!isToken(name)) return undefined
  if (semicolon === -1) return { name, weight: 1000 }
  const weight = parseWeight(trimBlanks(text, semicolon + 1, text.length))
  return weight === -1 ? undefined : { name, weight }
}

/** `q=0.5` in thousandths; -1 for anything else (RFC 9110 §12.4.2). */
function parseWeight(text: string): number {
  const match = /^[qQ]=(?:0(?:\.([0-9]{0,3}))?|1(?:\.0{0,3})?)$/.exec(text)
  if (match === null) return -1
  if (text[2] === '1') return 1000
  const digits = (match[1] ?? '').padEnd(3, '0')
  return (digits.charCodeAt(0) - 48) * 100 + (digits.charCodeAt(1) - 48) * 10 + (digits.charCodeAt(2) - 48)
}

function encodeMember({ name, weight }: WeightedMember): string {
  if (weight === 1000) return name
  if (weight === 0) return `${name};q=0`
  return `${name};q=0.${String(weight).padStart(3, '0').replace(/0+$/, '')}`
}
