/** Why an outcome is as it is: the statements that decided on what an expectation is about. */
import { type Reason, reasons } from '../log/reasons.ts'
import type { HeaderEdit, Place, RoutePlan } from '../plan/plan.ts'
import type { Expectation } from '../plan/test-plan.ts'
import { assert } from '../util/assert.ts'
import { durationText } from '../util/duration-text.ts'
import type { AccessDecision, Outcome, RouteTrial } from './outcome.ts'

export interface Ground {
  readonly message: string
  /** Where it stands; undefined: in no statement. */
  readonly place: Place | undefined
}

/** The most telling first. */
export function groundsOf(expectation: Expectation, outcome: Outcome): readonly Ground[] {
  switch (expectation.kind) {
    case 'route':
      return routeGrounds(
        outcome.trials.filter(({ route, result }) => result === 'taken' || route.name === expectation.name),
      )
    case 'cache':
      return [...reasonGrounds(outcome.cache.reason, outcome), ...takenGround(outcome)]
    case 'store':
    case 'no-store':
      return [...storeGrounds(outcome), ...takenGround(outcome)]
    case 'header':
    case 'no-header': {
      const edits = expectation.of === 'response' ? outcome.route?.responseHeaders : outcome.route?.requestHeaders
      return [...editGrounds(edits ?? [], expectation.name), ...takenGround(outcome)]
    }
    default:
      return [...accessGround(outcome), ...purgeGround(outcome), ...takenGround(outcome)]
  }
}

const trialTexts: Readonly<Record<Exclude<RouteTrial['result'], 'when'>, string>> = {
  taken: 'is the first that takes the request',
  later: 'would take it too, but comes later',
  path: 'has another path',
  method: 'has other methods',
}

/** `has another path`. */
export function trialText({ route, result }: RouteTrial): string {
  return result === 'when' ? `wants @${route.when}, which does not hold` : trialTexts[result]
}

function routeGrounds(trials: readonly RouteTrial[]): readonly Ground[] {
  return trials.map((trial) => ({
    message: `route ${trial.route.name}: ${trialText(trial)}`,
    place: trial.route.place,
  }))
}

function takenGround({ route }: Outcome): readonly Ground[] {
  return route === undefined ? [] : [{ message: `route ${route.name}`, place: route.place }]
}

/** Who let the request in, or kept it out. */
export function accessText({ allowed, matcher, isDefault }: AccessDecision): string {
  const name = matcher === undefined ? 'all' : `@${matcher}`
  if (isDefault) return allowed ? 'nothing forbids it' : `no "allow" holds, ${name} neither`
  return allowed ? `"allow ${name}"` : `"deny ${name}"`
}

function accessGround({ access, response }: Outcome): readonly Ground[] {
  if (access === undefined || access.allowed || response.status !== 403) return []
  return [{ message: accessText(access), place: access.place }]
}

/** Who let a purge happen, or that nobody did. */
function purgeGround({ purge, matchers, route }: Outcome): readonly Ground[] {
  if (purge === undefined) return []
  const { allowed, matcher } = purge
  const place = matchers.find(({ name }) => name === matcher)?.place
  if (allowed) return [{ message: `purged, as @${matcher} holds`, place }]
  if (route?.cache === undefined) return [{ message: 'not purged: the route uses no cache', place: undefined }]
  if (matcher !== undefined) return [{ message: `not purged: @${matcher} does not hold`, place }]
  return [{ message: `not purged: cache ${route.cache.name} has no "purge { allow @NAME; }"`, place: undefined }]
}

/** What the reason says, and the matchers behind it. */
export function reasonGrounds(reason: Reason, outcome: Outcome): readonly Ground[] {
  const { route, matchers, store, purge } = outcome
  if (purge !== undefined) return purgeGround(outcome)
  const record = reasons.find((one) => one.name === reason)
  const text: Ground[] =
    record === undefined || reason === 'none' ? [] : [{ message: `${reason}: ${record.doc}`, place: undefined }]
  if (reason === 'ttl-zero' && store?.rule !== undefined) return [...text, { message: 'ttl', place: store.rule.place }]
  const names = matchersBehind(reason, route)
  const held = matchers.filter((matcher) => matcher.holds && names.includes(matcher.name))
  return [...text, ...held.map(({ name, place }) => ({ message: `matcher @${name} holds`, place }))]
}

function matchersBehind(reason: Reason, route: RoutePlan | undefined): readonly string[] {
  if (reason === 'bypass') return route?.cache?.settings.bypass ?? []
  return reason === 'no-store-configured' ? (route?.cache?.settings.noStore ?? []) : []
}

function storeGrounds(outcome: Outcome): readonly Ground[] {
  const { store } = outcome
  if (store === undefined) return reasonGrounds(outcome.cache.reason, outcome)
  return store.stored ? lifetimeGrounds(outcome) : reasonGrounds(store.reason, outcome)
}

/** Where the lifetime of what is stored comes from. */
export function lifetimeGrounds({ store }: Outcome): readonly Ground[] {
  if (store === undefined) return []
  if (store.rule !== undefined) {
    const word = store.rule.mode === 'override' ? 'override' : 'where the origin says nothing'
    return [{ message: `ttl ${durationText(store.rule.ttlMs)}, ${word}`, place: store.rule.place }]
  }
  assert(store.source !== 'configured', 'a configured lifetime has its statement')
  const texts = {
    explicit: 'the lifetime is what the response says',
    heuristic: 'the lifetime is a tenth of the age of the document (RFC 9111 §4.2.2)',
    none: 'neither the response nor a ttl statement gives a lifetime',
  } as const
  return [{ message: texts[store.source], place: undefined }]
}

/** The edits of one field, as they run. */
function editGrounds(edits: readonly HeaderEdit[], name: string): readonly Ground[] {
  return edits
    .filter((edit) => edit.name.toLowerCase() === name.toLowerCase())
    .map((edit) => ({
      message: `${edit.op} ${edit.name}${edit.when === undefined ? '' : ` when @${edit.when}`}`,
      place: edit.place,
    }))
}
