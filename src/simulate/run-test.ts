/** One test block run: what came of it, held against what it expects. */
import { valuesOf } from '../cache/policy/flat-facts.ts'
import type { Place } from '../plan/plan.ts'
import type { Expectation, OriginScript, TestPlan } from '../plan/test-plan.ts'
import { unreachable } from '../util/assert.ts'
import { durationText } from '../util/duration-text.ts'
import { type Ground, groundsOf } from './grounds.ts'
import type { Outcome, StoreOutcome } from './outcome.ts'
import type { Simulator } from './simulator.ts'

/** When all tests run: they come out the same tomorrow. */
export const TEST_CLOCK_MS = Date.UTC(2026, 0, 1)

export const defaultOrigin = { kind: 'response', status: 200, fields: [] } as const satisfies OriginScript

export interface TestFailure {
  /** Of the statement that does not hold. */
  readonly place: Place
  /** `expected cache hit, got cache miss (absent)`. */
  readonly message: string
  /** What decided. */
  readonly grounds: readonly Ground[]
}

/** Empty: the test passes. */
export function runTest(simulator: Simulator, test: TestPlan): readonly TestFailure[] {
  const { request, stored, origin = defaultOrigin } = test
  const outcome = simulator.run({ request, stored, origin, nowMs: TEST_CLOCK_MS })
  const impossible = outcome.problems.map(({ place, message }) => ({ place, message, grounds: [] }))
  if (impossible.length > 0) return impossible
  return test.expectations.flatMap((expectation) => {
    const message = differenceOf(expectation, outcome)
    return message === undefined
      ? []
      : [{ place: expectation.place, message, grounds: groundsOf(expectation, outcome) }]
  })
}

/** undefined: the expectation holds. */
function differenceOf(expectation: Expectation, outcome: Outcome): string | undefined {
  switch (expectation.kind) {
    case 'route': {
      const { route } = outcome
      return route?.name === expectation.name ? undefined : differ(`route ${expectation.name}`, routeText(outcome))
    }
    case 'status': {
      const [least, most] = expectation.status
      const { status } = outcome.response
      const isExpected = status >= least && status <= most
      return isExpected ? undefined : differ(`status ${least === most ? least : `${least}-${most}`}`, `${status}`)
    }
    case 'cache': {
      const { result, reason } = outcome.cache
      const isExpected = result === expectation.result && (expectation.reason ?? reason) === reason
      const wanted = withReason(`cache ${expectation.result}`, expectation.reason ?? 'none')
      return isExpected ? undefined : differ(wanted, withReason(`cache ${result}`, reason))
    }
    case 'store':
    case 'no-store':
      return storeDifference(expectation, outcome)
    case 'key':
      return outcome.key === expectation.key
        ? undefined
        : differ(
            `key "${expectation.key}"`,
            outcome.key === undefined ? 'none: the cache was not asked' : `"${outcome.key}"`,
          )
    case 'backend': {
      const asked = outcome.sent?.backend
      return asked === expectation.name ? undefined : differ(`backend ${expectation.name}`, asked ?? 'none was asked')
    }
    case 'header':
    case 'no-header':
      return fieldDifference(expectation, outcome)
    case 'location':
      return valueDifference('location', valuesOf(outcome.response.fields, 'location'), expectation.url)
    default:
      return unreachable(expectation)
  }
}

function differ(expected: string, got: string): string {
  return `expected ${expected}, got ${got}`
}

function routeText({ route, site }: Outcome): string {
  if (route !== undefined) return `route ${route.name}`
  return site === undefined ? 'no site' : `no route of site ${site.name}`
}

function withReason(text: string, reason: string): string {
  return reason === 'none' ? text : `${text} (${reason})`
}

function storeDifference(
  expectation: Extract<Expectation, { kind: 'store' | 'no-store' }>,
  { store, sent }: Outcome,
): string | undefined {
  const why = sent === undefined ? 'the origin was not asked' : 'its answer goes past the cache'
  if (expectation.kind === 'no-store') {
    if (store === undefined)
      return expectation.reason === undefined ? undefined : differ(`no-store (${expectation.reason})`, why)
    if (store.stored)
      return differ(withReason('no-store', expectation.reason ?? 'none'), `store ttl ${durationText(store.ttlMs)}`)
    const isExpected = (expectation.reason ?? store.reason) === store.reason
    return isExpected ? undefined : differ(`no-store (${expectation.reason})`, `no-store (${store.reason})`)
  }
  if (store === undefined) return differ('store', why)
  if (!store.stored) return differ('store', `no-store (${store.reason})`)
  return storedDifference(expectation, store)
}

/** Lifetime and tags in one message, so that a test need not be run again to see the other. */
function storedDifference(
  { ttlMs, tags }: Extract<Expectation, { kind: 'store' }>,
  store: StoreOutcome,
): string | undefined {
  const isOtherTtl = ttlMs !== undefined && ttlMs !== store.ttlMs
  const missing = tags.filter((tag) => !store.tags.includes(tag))
  if (!isOtherTtl && missing.length === 0) return undefined
  const wanted: string[] = []
  const got: string[] = []
  if (isOtherTtl) {
    wanted.push(`ttl ${durationText(ttlMs)}`)
    got.push(`ttl ${durationText(store.ttlMs)}`)
  }
  if (missing.length > 0) {
    wanted.push(`tag ${missing.join(' ')}`)
    got.push(store.tags.length === 0 ? 'no tags' : `tags ${store.tags.join(' ')}`)
  }
  return differ(wanted.join(' and '), got.join(' and '))
}

function fieldDifference(
  expectation: Extract<Expectation, { kind: 'header' | 'no-header' }>,
  { sent, response }: Outcome,
): string | undefined {
  const { of, name } = expectation
  const fields = of === 'response' ? response.fields : sent?.fields
  if (fields === undefined) return differ(`${of} with ${expectation.kind} ${name}`, 'no request to the origin')
  const values = valuesOf(fields, name.toLowerCase())
  if (expectation.kind === 'header') return valueDifference(`${of} header ${name}`, values, expectation.value)
  return values.length === 0 ? undefined : differ(`${of} no-header ${name}`, `"${values.join(', ')}"`)
}

/** `expected` undefined: any value will do. Lines of one field are one list (RFC 9110 §5.3). */
function valueDifference(what: string, values: readonly string[], expected: string | undefined): string | undefined {
  const isThere = values.length > 0
  if (isThere && (expected === undefined || values.join(', ') === expected)) return undefined
  const wanted = expected === undefined ? what : `${what} "${expected}"`
  return differ(wanted, isThere ? `"${values.join(', ')}"` : 'no such field')
}
