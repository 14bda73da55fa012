/**
 * Tokenizer for `#( token [ "=" ( token / quoted-string ) ] )`, the syntax of Cache-Control and Pragma (RFC 9111 §5.2).
 *
 * The hard part is text that breaks the syntax, where two readings are possible and one is dangerous. Three rules:
 * 1. A quoted string is opaque: `ext="no-store, max-age=9"` is one directive called `ext`.
 * 2. A quote that is never closed is an ordinary letter, so it cannot swallow a `no-store` behind it.
 * 3. An element that starts with a token but goes on wrongly (`max-age =9`, `max-age=9 8`) keeps its name and is marked
 *    `malformed`: whoever reads it can be strict with a permission and lenient with a prohibition.
 *
 * Time is linear in the length of the text: the search for a closing quote fails once at most.
 */

import { byteClass, COMMA, DQUOTE, isBlank, quotedStringEnd, TOKEN } from '../../http/tokens.ts'

const EQUALS = 0x3d

export class DirectiveCursor {
  /** Of the current directive, lower case; empty for an element that does not start with a token. */
  name: string
  /** Without quotes and escapes; undefined when there is none, or none that can be read. */
  argument: string | undefined
  /** The element departs from the syntax. */
  malformed: boolean
  #text: string
  #position: number
  /** Rule 2: no quote behind `#position` is ever closed. */
  #quotesAreLetters: boolean

  constructor(text: string) {
    this.name = ''
    this.argument = undefined
    this.malformed = false
    this.#text = text
    this.#position = 0
    this.#quotesAreLetters = false
  }

  /** Moves to the next directive; false at the end. Empty list elements are skipped (RFC 9110 §5.6.1.2). */
  next(): boolean {
    const text = this.#text
    let at = this.#position
    while (at < text.length && (isBlank(text.charCodeAt(at)) || text.charCodeAt(at) === COMMA)) at++
    if (at === text.length) return false
    const nameEnd = tokenEnd(text, at)
    this.name = text.slice(at, nameEnd).toLowerCase()
    this.argument = undefined
    this.malformed = nameEnd === at
    at = nameEnd
    if (!this.malformed && text.charCodeAt(at) === EQUALS) at = this.#readArgument(at + 1)
    while (at < text.length && isBlank(text.charCodeAt(at))) at++
    if (at < text.length && text.charCodeAt(at) !== COMMA) {
      this.malformed = true
      this.argument = undefined
      at = this.#elementEnd(at)
    }
    this.#position = at
    return true
  }

  /** Returns the offset behind the argument. */
  #readArgument(start: number): number {
    const text = this.#text
    if (text.charCodeAt(start) === DQUOTE) {
      const end = this.#quotedEnd(start)
      if (end === -1) return start
      this.argument = withoutEscapes(text.slice(start + 1, end - 1))
      return end
    }
    const end = tokenEnd(text, start)
    if (end === start) this.malformed = true
    else this.argument = text.slice(start, end)
    return end
  }

  /** The offset behind the quoted string that opens at `open`; -1 when it is not closed. */
  #quotedEnd(open: number): number {
    if (this.#quotesAreLetters) return -1
    const end = quotedStringEnd(this.#text, open)
    this.#quotesAreLetters = end === -1
    return end
  }

  /** Offset of the comma that ends the element, or the end of the text. */
  #elementEnd(start: number): number {
    const text = this.#text
    let at = start
    while (at < text.length && text.charCodeAt(at) !== COMMA) {
      const end = text.charCodeAt(at) === DQUOTE ? this.#quotedEnd(at) : -1
      at = end === -1 ? at + 1 : end
    }
    return at
  }
}

function tokenEnd(text: string, start: number): number {
  let at = start
  while (at < text.length && (byteClass[text.charCodeAt(at)]! & TOKEN) !== 0) at++
  return at
}

function withoutEscapes(text: string): string {
  return text.includes('\\') ? text.replace(/\\([\s\S])/g, '$1') : text
}
