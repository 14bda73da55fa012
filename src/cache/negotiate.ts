/**
 * What a client prefers of what the origin offers: its Accept-Encoding or Accept-Language becomes the one member of the
 * operator's list that suits it best, or nothing. The origin is asked with that value and the variants of a response are
 * told apart by it, so that there are no more of them than members in the list.
 *
 *     vary accept-encoding br gzip;    "gzip;q=0.5, zstd, *;q=0.1"  becomes  "gzip"
 *     vary accept-language en de;      "de-AT, fr;q=0.9, en;q=0.5"  becomes  "de"
 *
 * Nothing: the origin answers as it does by default. A value that cannot be read gives nothing too.
 */

import type { VaryKeyPlan } from '../plan/plan.ts'
import { parseWeightedList, remembering, type WeightedMember } from './weighted-list.ts'

/** The value of a field that takes the place of `value`; undefined: none. */
type Choice = (value: string) => string | undefined

export class Negotiation {
  readonly #encoding: Choice | undefined
  readonly #language: Choice | undefined

  private constructor({ encodings, languages }: VaryKeyPlan) {
    this.#encoding = encodings.length === 0 ? undefined : rememberingChoice((value) => chooseCoding(value, encodings))
    this.#language = languages.length === 0 ? undefined : rememberingChoice((value) => chooseLanguage(value, languages))
  }

  /** undefined: the plan names no field. */
  static of(plan: VaryKeyPlan): Negotiation | undefined {
    return plan.encodings.length === 0 && plan.languages.length === 0 ? undefined : new Negotiation(plan)
  }

  /** What stands for `value`, all lines of the field (lower-case name) joined by commas; undefined: the field is absent. */
  chosen(name: string, value: string | undefined): string | undefined {
    const choice = this.#choiceOf(name)
    return choice === undefined || value === undefined ? value : choice(value)
  }

  /** Puts what was chosen in the place of what a flat list of names and values says, in place. */
  apply(list: string[]): void {
    this.#applyTo(list, 'Accept-Encoding', this.#encoding)
    this.#applyTo(list, 'Accept-Language', this.#language)
  }

  #choiceOf(name: string): Choice | undefined {
    return name === 'accept-encoding' ? this.#encoding : name === 'accept-language' ? this.#language : undefined
  }

  #applyTo(list: string[], name: string, choice: Choice | undefined): void {
    if (choice === undefined) return
    const lowerName = name.toLowerCase()
    const values: string[] = []
    let kept = 0
    for (let i = 0; i < list.length; i += 2) {
      if (list[i]!.toLowerCase() === lowerName) {
        values.push(list[i + 1]!)
        continue
      }
      list[kept] = list[i]!
      list[kept + 1] = list[i + 1]!
      kept += 2
    }
    list.length = kept
    const chosen = values.length === 0 ? undefined : choice(values.join(', '))
    if (chosen !== undefined) list.push(name, chosen)
  }
}

/** No member of a list is empty, so the empty text can stand for nothing among the results kept. */
function rememberingChoice(choice: Choice): Choice {
  const remembered = remembering((value) => choice(value) ?? '')
  return (value) => remembered(value) || undefined
}

/** RFC 9110 §12.5.3: the acceptable coding of the greatest weight; of equals the one that stands first in the list. */
export function chooseCoding(value: string, offered: readonly string[]): string | undefined {
  const members = parseWeightedList(value) ?? []
  let best: string | undefined
  let bestWeight = 0
  for (const coding of offered) {
    const weight = weightOf(coding, members)
    if (weight <= bestWeight) continue
    best = coding
    bestWeight = weight
  }
  return best
}

/** 0: not acceptable. `*` stands for every coding that is not named; `x-gzip` is `gzip` (RFC 9110 §8.4.1.3). */
function weightOf(coding: string, members: readonly WeightedMember[]): number {
  const named = members.find(({ name }) => name === coding || name === `x-${coding}`)
  return (named ?? members.find(({ name }) => name === '*'))?.weight ?? 0
}

/**
 * RFC 4647 §3.4, look-up: each range in turn, the one of the greatest weight first and of equals the first in the field,
 * is shortened from its end until it is one of the tags offered. `*` chooses nothing. A tag that another range refuses
 * (`q=0`) is not chosen.
 */
export function chooseLanguage(value: string, offered: readonly string[]): string | undefined {
  const members = parseWeightedList(value) ?? []
  const refused = members.filter(({ weight }) => weight === 0).map(({ name }) => name)
  const wanted = members.filter(({ weight }) => weight > 0).toSorted((a, b) => b.weight - a.weight)
  for (const { name } of wanted) {
    const tag = lookUp(name, offered)
    if (tag !== undefined && !refused.some((range) => tag === range || tag.startsWith(`${range}-`))) return tag
  }
  return undefined
}

function lookUp(range: string, offered: readonly string[]): string | undefined {
  let rest = range
  while (rest !== '') {
    if (offered.includes(rest)) return rest
    const hyphen = rest.lastIndexOf('-')
    // §3.4: a single letter (`x-`, `u-`) goes together with what it introduces.
    const isSingle = rest.charAt(hyphen - 2) === '-'
    rest = hyphen === -1 ? '' : rest.slice(0, isSingle ? hyphen - 2 : hyphen)
  }
  return undefined
}
