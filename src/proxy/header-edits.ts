/**
 * `headers { request set ...; response remove ...; }`: compiled once per route, run over a flat list of names and values.
 *
 * What is stored is what the origin sent; responses are edited on their way to the client, so that a changed edit shows
 * on hits at once. Where all edits of a route are constant (no variable, no condition) that is done once per stored
 * response and worker. Constant edits also come before the judgement whether a response may be stored.
 *
 * `hsts` is one more edit behind all of them, for requests that came over TLS: over TCP its field may not be sent
 * (RFC 6797 §7.2).
 */
import type { RequestFacts, ResponseFacts } from '../plan/facts.ts'
import type { HeaderEdit, VariableName } from '../plan/plan.ts'
import type { Condition, MatcherSet } from '../routing/matchers.ts'

/** Whoever knows the values of `$variables` for one request. */
export interface VariableSource {
  variable(name: VariableName): string
}

interface CompiledEdit {
  readonly edit: HeaderEdit
  readonly lowerName: string
  readonly condition: Condition | undefined
}

export class HeaderEdits {
  readonly #edits: readonly CompiledEdit[]
  readonly #names: ReadonlySet<string>
  /** The value of Strict-Transport-Security over TLS; undefined: it stays as it is. */
  readonly #hsts: string | undefined
  readonly isEmpty: boolean
  /** The result is the same for all requests over TLS, and for all without: `applyFor` will do. */
  readonly isConstant: boolean

  constructor(edits: readonly HeaderEdit[], matchers: MatcherSet, hsts?: string) {
    this.#names = new Set(edits.map((edit) => edit.name.toLowerCase()))
    this.#hsts = hsts
    this.isEmpty = edits.length === 0 && hsts === undefined
    this.isConstant = edits.every(isConstant)
    this.#edits = edits.map((edit) => ({
      edit,
      lowerName: edit.name.toLowerCase(),
      condition: edit.when === undefined ? undefined : matchers.condition(edit.when),
    }))
  }

  /** Runs top to bottom, as they stand in the file; `list` is flat names and values and is changed in place. */
  apply(list: string[], source: VariableSource, request: RequestFacts, response: ResponseFacts | undefined): void {
    for (const { edit, lowerName, condition } of this.#edits) {
      if (condition !== undefined && !condition(request, response)) continue
      applyEdit(list, edit, lowerName, source)
    }
    if (request.scheme === 'https') this.#setHsts(list)
  }

  /** Whether one of the edits is of this field. */
  touches(lowerName: string): boolean {
    return this.#names.has(lowerName)
  }

  /** What the request edits make of one field: its values, out of those received. */
  valuesAfter(
    lowerName: string,
    received: readonly string[],
    source: VariableSource,
    request: RequestFacts,
  ): readonly string[] {
    const list = received.flatMap((value) => [lowerName, value])
    for (const compiled of this.#edits) {
      if (compiled.lowerName !== lowerName) continue
      if (compiled.condition !== undefined && !compiled.condition(request)) continue
      applyEdit(list, compiled.edit, lowerName, source)
    }
    return list.filter((_, i) => i % 2 === 1)
  }

  /** The constant ones alone, in their order. */
  applyConstant(list: string[]): void {
    for (const { edit, lowerName } of this.#edits) if (isConstant(edit)) applyEdit(list, edit, lowerName, undefined)
  }

  /** All of them where `isConstant`, for an answer over TLS or without. */
  applyFor(list: string[], isSecure: boolean): void {
    this.applyConstant(list)
    if (isSecure) this.#setHsts(list)
  }

  /** Whether `applyFor` says something else over TLS. */
  get dependsOnTls(): boolean {
    return this.#hsts !== undefined
  }

  #setHsts(list: string[]): void {
    if (this.#hsts === undefined) return
    removeField(list, 'strict-transport-security')
    list.push(HSTS, this.#hsts)
  }
}

export const HSTS = 'Strict-Transport-Security'

function applyEdit(list: string[], edit: HeaderEdit, lowerName: string, source: VariableSource | undefined): void {
  if (edit.op === 'default' && hasField(list, lowerName)) return
  if (edit.op === 'remove' || edit.op === 'set') removeField(list, lowerName)
  if (edit.op !== 'remove') list.push(edit.name, valueText(edit, source))
}

function isConstant(edit: HeaderEdit): boolean {
  return edit.when === undefined && edit.value.every((part) => part.kind === 'text')
}

/** `source` undefined: the edit is constant. */
function valueText(edit: HeaderEdit, source: VariableSource | undefined): string {
  let text = ''
  for (const part of edit.value) text += part.kind === 'text' ? part.text : source!.variable(part.name)
  return text
}

/** Whether a flat list holds a field. */
export function hasField(list: readonly string[], lowerName: string): boolean {
  for (let i = 0; i < list.length; i += 2) if (list[i]!.toLowerCase() === lowerName) return true
  return false
}

/** Removes every line of a field from a flat list, in place. */
export function removeField(list: string[], lowerName: string): void {
  let kept = 0
  for (let i = 0; i < list.length; i += 2) {
    if (list[i]!.toLowerCase() === lowerName) continue
    list[kept] = list[i]!
    list[kept + 1] = list[i + 1]!
    kept += 2
  }
  list.length = kept
}
