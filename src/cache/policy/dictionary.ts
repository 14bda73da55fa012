/**
 * Structured Field dictionaries (RFC 8941 §4.2.2; RFC 9651 adds dates and display strings), as far as targeted cache
 * control needs them (RFC 9213 §2.1): integers and booleans are kept, members of other types are checked and reported
 * as `other`. Any error anywhere drops the whole field, so the parser is strict to the letter and stops at the first.
 */

import { isBlank, SP } from '../../http/tokens.ts'

/** A member's value; `other`: well-formed, but a type that no directive uses. */
export type DictionaryValue = number | boolean | 'other'

/**
 * All lines of a field joined by `, `. Returns the members, of equal keys the last (RFC 8941 §3.2), or undefined on
 * any syntax error. An empty field is an empty map.
 */
export function parseDictionary(text: string): Map<string, DictionaryValue> | undefined {
  const reader = new DictionaryReader(text)
  const members = new Map<string, DictionaryValue>()
  reader.skipSpaces()
  while (!reader.atEnd()) {
    if (!reader.readMember(members)) return undefined
    reader.skipBlanks()
    if (reader.atEnd()) return members
    if (!reader.take(',')) return undefined
    reader.skipBlanks()
    if (reader.atEnd()) return undefined // trailing comma
  }
  return members
}

/** The productions of RFC 8941 §4.2, one method each. All return false or undefined on an error, and then are not used on. */
class DictionaryReader {
  readonly #text: string
  #at: number

  constructor(text: string) {
    this.#text = text
    this.#at = 0
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length
  }

  take(letter: string): boolean {
    if (this.#text[this.#at] !== letter) return false
    this.#at++
    return true
  }

  skipSpaces(): void {
    while (this.#text.charCodeAt(this.#at) === SP) this.#at++
  }

  skipBlanks(): void {
    while (isBlank(this.#text.charCodeAt(this.#at))) this.#at++
  }

  readMember(members: Map<string, DictionaryValue>): boolean {
    const key = this.#readMatch(keySyntax)
    if (key === undefined) return false
    const value = this.take('=') ? this.#readItemOrInnerList() : true
    if (value === undefined || !this.#readParameters()) return false
    members.set(key, value)
    return true
  }

  #readItemOrInnerList(): DictionaryValue | undefined {
    if (!this.take('(')) return this.#readBareItem()
    for (;;) {
      this.skipSpaces()
      if (this.take(')')) return 'other'
      if (this.#readBareItem() === undefined || !this.#readParameters()) return undefined
      const next = this.#text[this.#at]
      if (next !== ' ' && next !== ')') return undefined
    }
  }

  #readParameters(): boolean {
    while (this.take(';')) {
      this.skipSpaces()
      if (this.#readMatch(keySyntax) === undefined) return false
      if (this.take('=') && this.#readBareItem() === undefined) return false
    }
    return true
  }

  #readBareItem(): DictionaryValue | undefined {
    const first = this.#text[this.#at]
    if (first === undefined) return undefined
    if (first === '-' || (first >= '0' && first <= '9')) return this.#readNumber()
    if (first === '?') return this.#readBoolean()
    const syntax = otherItems.find((item) => item.starts.test(first))
    if (syntax === undefined || this.#readMatch(syntax.whole) === undefined) return undefined
    return 'other'
  }

  /** Integers have at most 15 digits, decimals 12 before and 3 behind the point (RFC 8941 §4.2.4). */
  #readNumber(): DictionaryValue | undefined {
    const digits = this.#readMatch(numberSyntax)
    if (digits === undefined) return undefined
    const [whole = '', fraction] = (digits.startsWith('-') ? digits.slice(1) : digits).split('.')
    if (fraction !== undefined)
      return whole.length <= 12 && fraction.length >= 1 && fraction.length <= 3 ? 'other' : undefined
    return whole.length <= 15 ? integerOf(whole) * (digits.startsWith('-') ? -1 : 1) : undefined
  }

  #readBoolean(): boolean | undefined {
    const text = this.#readMatch(booleanSyntax)
    return text === undefined ? undefined : text === '?1'
  }

  /** `syntax` is sticky and matches without backtracking. */
  #readMatch(syntax: RegExp): string | undefined {
    syntax.lastIndex = this.#at
    const match = syntax.exec(this.#text)
    if (match === null) return undefined
    this.#at = syntax.lastIndex
    return match[0]
  }
}

const keySyntax = /[a-z*][a-z0-9_.*-]*/y
const numberSyntax = /-?[0-9]+(?:\.[0-9]*)?/y
const booleanSyntax = /\?[01]/y

/** Strings, tokens, byte sequences, dates, display strings: RFC 8941 §4.2.5 to §4.2.7, RFC 9651 §4.2.9 and §4.2.10. */
const otherItems: readonly { starts: RegExp; whole: RegExp }[] = [
  { starts: /"/, whole: /"(?:[ !#-[\]-~]|\\["\\])*"/y },
  { starts: /[A-Za-z*]/, whole: /[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*/y },
  { starts: /:/, whole: /:[A-Za-z0-9+/]*={0,2}:/y },
  { starts: /@/, whole: /@-?[0-9]{1,15}(?![0-9.])/y },
  { starts: /%/, whole: /%"(?:[ !#$&-~]|%[0-9a-f]{2})*"/y },
]

/** Exact up to the 15 digits the caller has checked. */
function integerOf(digits: string): number {
  let value = 0
  for (let i = 0; i < digits.length; i++) value = value * 10 + (digits.charCodeAt(i) - 0x30)
  return value
}
