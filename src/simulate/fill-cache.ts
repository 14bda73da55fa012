/** What a scenario says is stored, put through the rules of storing, as if it had come when it says it came. */
import { statedVariant } from '../cache/language-variant.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import { variantKey } from '../cache/vary.ts'
import type { CacheSettings, Plan } from '../plan/plan.ts'
import type { StoredScript } from '../plan/test-plan.ts'
import { questionFor } from '../proxy/fetch-plan.ts'
import { judgePart, judgeResponse, type StoringRules } from '../proxy/judge-response.ts'
import type { RouteRules } from '../proxy/route-runtime.ts'
import { SentFacts } from '../proxy/sent-facts.ts'
import type { RouteTable } from '../routing/table.ts'
import { listenerOf } from './listener-of.ts'
import { requestHeadOf, responseHeadOf } from './messages.ts'
import type { Problem, Scenario } from './outcome.ts'
import type { SimulatedSlot } from './simulated-cache.ts'
import { SimulatedFacts, SimulatedRequest } from './simulated-request.ts'

export interface Filled {
  readonly slots: readonly SimulatedSlot[]
  /** What the scenario says is stored and the daemon would not have stored. */
  readonly problems: readonly Problem[]
}

export function fillCache(plan: Plan, table: RouteTable, scenario: Scenario): Filled {
  const slots: SimulatedSlot[] = []
  const problems: Problem[] = []
  for (const script of scenario.stored) {
    const slot = slotOf(plan, table, script, scenario.nowMs - script.ageMs)
    if (typeof slot === 'string') problems.push({ place: script.place, message: slot })
    else slots.push(slot)
  }
  return { slots, problems }
}

/** Where the response lies, or why nowhere. */
function slotOf(plan: Plan, table: RouteTable, script: StoredScript, atMs: number): SimulatedSlot | string {
  const listener = listenerOf(plan, table, script.request)
  if (listener === undefined) return 'there is no listener'
  const parsed = requestHeadOf(script.request, listener.limits)
  if (!parsed.ok) return `the request would be refused: ${parsed.error.message}`
  const facts = new SimulatedFacts(parsed.head, script.request)
  const route = table.find(listener.name, facts)?.user as RouteRules | undefined
  if (route === undefined) return 'no route takes this request'
  const { backend, cache } = route
  if (backend === undefined || cache === undefined) return `${route.plan.id} uses no cache`
  const limits = { headBytes: backend.plan.responseHeaderBytes, targetBytes: 0, fields: backend.plan.responseHeaders }
  const head = responseHeadOf(script.response, parsed.head.method, limits)
  if (head === undefined) return 'the response head is not HTTP'
  const view = new SimulatedRequest(facts, route, atMs)
  const sent = new SentFacts(facts, route, view)
  const rules: StoringRules = {
    settings: withTtl(cache.settings, script),
    isNoStore: (request, response) => cache.isNoStore(request, response),
  }
  const times = { requestMs: atMs, responseMs: atMs }
  const judgement = { view, sent, cache: rules, times, random: 0 }
  const isPart = head.status === 206 && questionFor(facts, route, cache.settings, undefined).kind === 'range'
  const part = isPart ? judgePart(head, undefined, judgement) : undefined
  const { decision, fields } = part ?? judgeResponse(head, judgement)
  if (!decision.store) return `the response would not be stored: ${decision.reason}`
  return {
    cache: cache.cache.plan.name,
    key: cache.keyOf(sent, facts),
    varyNames: decision.vary.names,
    variant: variantKey(decision.vary.names, sent, cache.negotiation),
    languageVariant: statedVariant(
      new FlatFacts(decision.meta.status, fields),
      decision.vary.names,
      sent,
      cache.negotiation,
    ),
    object: { meta: decision.meta, fields, bodyBytes: Math.max(0, head.contentLength) },
  }
}

/** The lifetime that the scenario gives stands before all others. */
function withTtl(settings: CacheSettings, { ttlMs, place }: StoredScript): CacheSettings {
  if (ttlMs === undefined) return settings
  const anything = { statuses: [], path: undefined, contentType: undefined, lengths: undefined, yieldsTo: [] }
  return { ...settings, ttls: [{ ...anything, ttlMs, mode: 'override', place }] }
}
