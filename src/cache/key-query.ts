/**
 * The query as it stands in the key: sorted, and without the parameters that do not change the answer.
 *
 * The hard part is a parameter that the key leaves out although the origin reads it: whoever sends it chooses what others
 * are served. Whatever the origin might read differently from us is therefore kept in the key:
 * 1. `a=1;b=2`: some origins see two parameters. A piece with a `;` is never left out.
 * 2. `%70age=2` is `page=2`: names are compared decoded, and a name that cannot be decoded is never left out.
 * 3. Under `keep page`, `Page=2` and `page[]=2` are kept too: some origins take them for `page`.
 * 4. Parameters of one name keep their order; only different names are sorted.
 */

import type { RequestFacts } from '../plan/facts.ts'
import type { QueryKeyPlan } from '../plan/plan.ts'

/** Gives `?...`, or nothing. */
export function compileQuery(plan: QueryKeyPlan): (request: RequestFacts) => string {
  if (plan.mode === 'none') return () => ''
  const names = new NameSet(plan.names, plan.mode === 'keep')
  return (request) => {
    // The query is empty in `/a?` as in `/a`; they stay two resources.
    if (request.query === '') return request.hasQuery ? '?' : ''
    let pieces = request.query.split('&')
    if (plan.mode === 'keep') pieces = pieces.filter((piece) => isOpaque(piece) || names.has(nameOf(piece)))
    if (plan.mode === 'drop') pieces = pieces.filter((piece) => isOpaque(piece) || !names.has(nameOf(piece)))
    if (plan.sort) pieces.sort(byName)
    return pieces.length === 0 ? '' : `?${pieces.join('&')}`
  }
}

/** Names of the configuration; one that ends in `*` stands for all that begin like it. */
class NameSet {
  readonly #exact: ReadonlySet<string>
  readonly #prefixes: readonly string[]
  readonly #isLoose: boolean

  /** `isLoose`: rule 3 of the head of this file. */
  constructor(names: readonly string[], isLoose: boolean) {
    const wanted = isLoose ? names.map(baseName) : names
    this.#exact = new Set(wanted.filter((name) => !name.endsWith('*')))
    this.#prefixes = wanted.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))
    this.#isLoose = isLoose
  }

  has(name: string): boolean {
    const wanted = this.#isLoose ? baseName(name) : name
    return this.#exact.has(wanted) || this.#prefixes.some((prefix) => wanted.startsWith(prefix))
  }
}

/** `Page[0]` is `page` to some. */
function baseName(name: string): string {
  const bracket = name.indexOf('[')
  return (bracket > 0 ? name.slice(0, bracket) : name).toLowerCase()
}

/** Rules 1 and 2. */
function isOpaque(piece: string): boolean {
  return piece.includes(';') || hasBadEscape(rawName(piece))
}

function rawName(piece: string): string {
  const equals = piece.indexOf('=')
  return equals === -1 ? piece : piece.slice(0, equals)
}

/** Decoded as forms are: `+` is a space; bytes stay bytes. Only for names without a bad escape. */
function nameOf(piece: string): string {
  const name = rawName(piece)
  if (!name.includes('%') && !name.includes('+')) return name
  return name.replaceAll('+', ' ').replace(/%([0-9A-Fa-f]{2})/g, decodeByte)
}

function hasBadEscape(name: string): boolean {
  return /%(?![0-9A-Fa-f]{2})/.test(name)
}

function decodeByte(escaped: string): string {
  return Buffer.from(escaped.slice(1), 'hex').toString('latin1')
}

/** By name alone: the sort is stable, so rule 4 holds. */
function byName(a: string, b: string): number {
  const left = nameOf(a)
  const right = nameOf(b)
  return left < right ? -1 : left > right ? 1 : 0
}
