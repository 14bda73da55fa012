/**
 * Reads the options of one pool the way twemproxy checks them: numbers are digits, booleans exactly `true` or `false`, and what
 * is unknown, missing or of the wrong shape is an error with its place.
 */
import type { Diagnostic } from '../diagnostics.ts'
import { errorAt, warningAt } from '../errors.ts'
import { didYouMean, suggest } from '../suggest.ts'
import type { YamlPool, YamlText } from './yaml-pools.ts'

/** Of numbers in 32 bits with a sign, as both programs have them. */
const MAX_NUMBER = 2 ** 31 - 1

export class OptionReader {
  readonly pool: YamlPool
  readonly #problems: Diagnostic[]
  readonly #known = new Set<string>()

  constructor(pool: YamlPool, problems: Diagnostic[]) {
    this.pool = pool
    this.#problems = problems
  }

  error(at: YamlText, code: string, message: string, help?: string): undefined {
    this.#problems.push(errorAt(at.span, code, message, help))
  }

  warn(at: YamlText, code: string, message: string, help?: string): void {
    this.#problems.push(warningAt(at.span, code, message, help))
  }

  /** undefined: absent, or reported. */
  text(name: string): YamlText | undefined {
    const value = this.#take(name)
    if (value === undefined || 'text' in value) return value
    return this.error(value[0] ?? this.pool.name, 'bad-shape', `"${name}" is one text, not a list`)
  }

  /** What must be there: its absence is reported. */
  required(name: string): YamlText | undefined {
    const isThere = this.pool.options.some((option) => option.name.text === name)
    if (!isThere) this.error(this.pool.name, 'missing-option', `pool "${this.pool.name.text}" has no "${name}"`)
    return this.text(name)
  }

  list(name: string): readonly YamlText[] {
    const isThere = this.pool.options.some((option) => option.name.text === name)
    const value = this.#take(name)
    if (!isThere) this.error(this.pool.name, 'missing-option', `pool "${this.pool.name.text}" has no "${name}"`)
    if (value === undefined) return []
    if (!('text' in value)) {
      if (value.length === 0) this.error(this.pool.name, 'missing-option', `"${name}" is empty`)
      return value
    }
    this.error(value, 'bad-shape', `"${name}" is a list`, `write "- ${value.text}" on a line of its own`)
    return []
  }

  number(name: string, min = 0): number | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (!/^\d{1,10}$/.test(value.text) || Number(value.text) > MAX_NUMBER) {
      return this.error(value, 'bad-number', `"${value.text}" is not a number`, 'write digits only, at most 2147483647')
    }
    const number = Number(value.text)
    return number >= min ? number : this.error(value, 'bad-number', `"${name}" is at least ${min}`)
  }

  /** A number of ours ends at `max`: a larger one is cut, with a warning. */
  numberUpTo(name: string, max: number, min = 0): number | undefined {
    const number = this.number(name, min)
    if (number === undefined || number <= max) return number
    this.warn(this.#value(name)!, 'too-large', `"${name}" is ${number}, and ${max} at most here`, `${max} is written`)
    return max
  }

  boolean(name: string): boolean | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    if (value.text === 'true') return true
    if (value.text === 'false') return false
    return this.error(value, 'bad-choice', `"${value.text}" is neither "true" nor "false"`)
  }

  oneOf<const T extends string>(name: string, words: readonly T[]): T | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const found = words.find((word) => word === value.text)
    if (found !== undefined) return found
    const help = didYouMean(suggest(value.text, words)) ?? `it is one of ${words.join(', ')}`
    return this.error(value, 'bad-choice', `unknown ${name} "${value.text}"`, help)
  }

  /** Accepts these options and forgets them. */
  ignore(...names: string[]): void {
    for (const name of names) this.#known.add(name)
  }

  /** Reports the options that nobody has asked for. */
  finish(): void {
    for (const { name } of this.pool.options) {
      if (this.#known.has(name.text)) continue
      const help = didYouMean(suggest(name.text, this.#known))
      this.error(name, 'unknown-option', `unknown option "${name.text}"`, help)
    }
  }

  #take(name: string): YamlText | readonly YamlText[] | undefined {
    this.#known.add(name)
    return this.pool.options.find((option) => option.name.text === name)?.value
  }

  #value(name: string): YamlText | undefined {
    const value = this.#take(name)
    return value !== undefined && 'text' in value ? value : undefined
  }
}
