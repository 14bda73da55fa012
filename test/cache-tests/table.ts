/** The committed table of results: what came of each test, totals by kind, and what has become worse or better. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Kind, SuiteTest } from './suite.ts'

/** `unmet`: a test that this one depends on does not pass, so it says nothing. */
export type Verdict = 'pass' | 'fail' | 'unmet'

export interface Table {
  readonly package: string
  /** By kind: how many pass, of how many. */
  readonly totals: Readonly<Record<Kind, readonly [passed: number, of: number]>>
  /** By kind, then by id. */
  readonly tests: Readonly<Record<Kind, Readonly<Record<string, Verdict>>>>
}

const FILE = new URL('./results.json', import.meta.url)
const kinds: readonly Kind[] = ['required', 'optimal', 'check']

export function kindOf(test: SuiteTest): Kind {
  return test.kind ?? 'required'
}

export function makeTable(name: string, tests: readonly SuiteTest[], passed: ReadonlySet<string>): Table {
  const byId = new Map(tests.map((test) => [test.id, test]))
  const verdictOf = (test: SuiteTest): Verdict => {
    const needs = (test.depends_on ?? []).flatMap((id) => byId.get(id) ?? [])
    if (needs.some((needed) => verdictOf(needed) !== 'pass')) return 'unmet'
    return passed.has(test.id) ? 'pass' : 'fail'
  }
  const verdicts = (kind: Kind) =>
    tests.filter((test) => kindOf(test) === kind).map((test) => [test.id, verdictOf(test)] as const)
  const total = (kind: Kind) => {
    const all = verdicts(kind)
    return [all.filter(([, verdict]) => verdict === 'pass').length, all.length] as const
  }
  const perKind = <T>(make: (kind: Kind) => T) =>
    Object.fromEntries(kinds.map((kind) => [kind, make(kind)])) as Record<Kind, T>
  return { package: name, totals: perKind(total), tests: perKind((kind) => Object.fromEntries(verdicts(kind))) }
}

export function readTable(): Table {
  return JSON.parse(readFileSync(FILE, 'utf8'))
}

export function writeTable(table: Table): void {
  writeFileSync(FILE, `${JSON.stringify(table, undefined, 2).replaceAll(/\[\s+(\d+),\s+(\d+)\s+\]/g, '[$1, $2]')}\n`)
}

/** Ids whose verdict was `pass` in one of them and is not in the other. */
export function passesOnlyIn(one: Table, other: Table): string[] {
  return kinds.flatMap((kind) =>
    Object.entries(one.tests[kind])
      .filter(([id, verdict]) => verdict === 'pass' && other.tests[kind][id] !== 'pass')
      .map(([id]) => id),
  )
}

/** `required 150 of 157, optimal 80 of 86, check 60 of 86` */
export function totalsText({ totals }: Table): string {
  return kinds.map((kind) => `${kind} ${totals[kind][0]} of ${totals[kind][1]}`).join(', ')
}
