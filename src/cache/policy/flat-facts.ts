/** A response as a flat list of name, value, name, value, in the order and letter case received, seen as facts. */

import type { ResponseFacts } from '../../plan/facts.ts'

export class FlatFacts implements ResponseFacts {
  readonly status: number
  readonly fields: readonly string[]

  constructor(status: number, fields: readonly string[]) {
    this.status = status
    this.fields = fields
  }

  header(name: string): string | undefined {
    const lines = this.headers(name)
    return lines.length === 0 ? undefined : lines.join(', ')
  }

  headers(name: string): readonly string[] {
    return valuesOf(this.fields, name)
  }
}

/** Each line of a field in a flat list; `name` in lower case. */
export function valuesOf(fields: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < fields.length; i += 2) if (fields[i]!.toLowerCase() === name) values.push(fields[i + 1]!)
  return values
}

/** The part of a flat list with these names, in lower case, itself a flat list. */
export function fieldsNamed(fields: readonly string[], names: readonly string[]): readonly string[] {
  if (names.length === 0) return names
  return fields.filter((_, i) => names.includes(fields[i - (i % 2)]!.toLowerCase()))
}
