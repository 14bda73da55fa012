/** The test blocks of a configuration, run, with their failures as diagnostics at the statements that do not hold. */
import type { CompiledTest } from '../config/compile/test.ts'
import type { Diagnostic } from '../config/diagnostics.ts'
import { errorAt } from '../config/errors.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Place } from '../plan/plan.ts'
import { runTest, type TestFailure } from '../simulate/run-test.ts'
import { Simulator } from '../simulate/simulator.ts'

export interface TestReport {
  /** Tests, not statements in them. */
  readonly passed: number
  readonly failed: number
  readonly diagnostics: readonly Diagnostic[]
}

export const noTests: TestReport = { passed: 0, failed: 0, diagnostics: [] }

/** Runs none for a configuration with errors: what it means is not known. */
export function runTests({ plan, tests }: Pick<LoadedConfig, 'plan' | 'tests'>): TestReport {
  if (plan === undefined || tests.length === 0) return noTests
  const simulator = new Simulator(plan)
  const results = tests.map((test) => runTest(simulator, test.plan).map((failure) => diagnosticOf(test, failure)))
  const failed = results.filter((diagnostics) => diagnostics.length > 0).length
  return { passed: results.length - failed, failed, diagnostics: results.flat() }
}

function diagnosticOf({ plan, spans }: CompiledTest, { place, message, grounds }: TestFailure): Diagnostic {
  const notes = grounds.map((ground) => ({ message: withPlace(ground.message, ground.place), span: undefined }))
  const test = { message: withPlace(`in test "${plan.name}"`, plan.place), span: undefined }
  return errorAt(spans.get(place)!, 'test-failed', message, undefined, [...notes, test])
}

/** `route css (shop.conf:56)`. */
export function withPlace(text: string, place: Place | undefined | null): string {
  return place === undefined || place === null ? text : `${text} (${place.file}:${place.line})`
}
