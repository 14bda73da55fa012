/**
 * One request of a scenario on its way through the steps of the engine, in their order: receive, route, access, look-up,
 * fetch, store, deliver. Each step asks the rules that the engine's step of this name asks; what is left out is what takes
 * time or place: sockets, waiting, collapsing, space in the store, and whether what is stored lies in memory or in a pool.
 * Nothing has gone before, either: no fetch has failed, none was refused, and the key has been asked for as often as
 * `min-uses` wants.
 */
import type { RequestDirectives } from '../cache/policy/cache-control.ts'
import { forwardOf, forwardStatus, hitStatus, localStatus } from '../cache/policy/cache-status.ts'
import { FlatFacts } from '../cache/policy/flat-facts.ts'
import { currentAgeMs, remainingMs, type StoredMeta } from '../cache/policy/meta.ts'
import { selectBytes } from '../cache/policy/partial.ts'
import { clientDirectives, decideLookup } from '../cache/policy/request.ts'
import { canServeStaleOnError, decideReuse, isServed, Reuse, reuseReasons } from '../cache/policy/reuse.ts'
import { isHiddenByStale } from '../cache/policy/status.ts'
import { httpDate } from '../http/date.ts'
import type { ResponseHead } from '../http/response-head.ts'
import type { Reason } from '../log/reasons.ts'
import { type OriginErrorCode, originErrors } from '../net/origin-error.ts'
import type { ListenerPlan, Plan } from '../plan/plan.ts'
import type { CacheResult, OriginFailure } from '../plan/test-plan.ts'
import { questionFor } from '../proxy/fetch-plan.ts'
import { HSTS } from '../proxy/header-edits.ts'
import {
  type Judged,
  type JudgedPart,
  type Judgement,
  judgePart,
  judgeResponse,
  judgeUpdate,
} from '../proxy/judge-response.ts'
import { traitsOf } from '../proxy/lookup.ts'
import {
  answerUnrouted,
  bodyTooLarge,
  httpsLocation,
  noHost,
  noRoute,
  notAllowed,
  notCached,
  type OwnAnswer,
  redirectLocation,
  refusePurge,
  upgradeProtocol,
} from '../proxy/own-answers.ts'
import { judgePost } from '../proxy/post-fill.ts'
import { isAboutPart } from '../proxy/ranges.ts'
import { requestHeadText } from '../proxy/request-out.ts'
import { passHeadText } from '../proxy/response-out.ts'
import type { PlannedCache, RouteCache, RouteRules } from '../proxy/route-runtime.ts'
import { SentFacts } from '../proxy/sent-facts.ts'
import type { RouteEntry } from '../routing/route-entry.ts'
import type { RouteTable } from '../routing/table.ts'
import { type Filled, fillCache } from './fill-cache.ts'
import { listenerOf } from './listener-of.ts'
import { readHeadText, requestHeadOf, responseHeadOf } from './messages.ts'
import type {
  AccessDecision,
  ClientResponse,
  FoundInCache,
  Outcome,
  PurgeDecision,
  Scenario,
  SentRequest,
  StoreOutcome,
} from './outcome.ts'
import { traceAccess, traceMatchers, traceRoutes } from './route-trace.ts'
import { SimulatedCache, type SimulatedObject } from './simulated-cache.ts'
import { SimulatedFacts, SimulatedRequest } from './simulated-request.ts'
import { storeOutcome } from './store-outcome.ts'
import { statusField, storedAnswer } from './stored-answer.ts'

const failureCodes: Readonly<Record<OriginFailure, OriginErrorCode>> = {
  'connect-error': 'connect-refused',
  timeout: 'first-byte-timeout',
  reset: 'closed-early',
}

/** What a fetch came to. */
type Fetched =
  | { readonly kind: 'failed'; readonly code: OriginErrorCode; readonly stale: SimulatedObject | undefined }
  /** An error status that something stale hides. */
  | { readonly kind: 'hidden'; readonly object: SimulatedObject }
  | { readonly kind: 'judged'; readonly head: ResponseHead; readonly judged: Judged | JudgedPart }
  | { readonly kind: 'confirmed'; readonly judged: Judged; readonly object: SimulatedObject }

/** A request that may be answered from a cache. */
interface Lookup {
  readonly view: SimulatedRequest
  readonly cache: RouteCache<PlannedCache>
  /** The request as the origin sees it. */
  readonly sent: SentFacts
  readonly directives: RequestDirectives | undefined
  /** Why nothing stored answers. */
  readonly reason: Reason
  readonly object: SimulatedObject | undefined
}

const notAsked: FoundInCache = { result: 'none', reason: 'none', ageMs: undefined, remainingMs: undefined }

export class Simulation {
  readonly #plan: Plan
  readonly #table: RouteTable
  readonly #scenario: Scenario
  readonly #nowMs: number
  readonly #filled: Filled
  #facts: SimulatedFacts | undefined = undefined
  #listener: ListenerPlan | undefined = undefined
  #entry: RouteEntry | undefined = undefined
  #access: AccessDecision | undefined = undefined
  #purge: PurgeDecision | undefined = undefined
  #key: string | undefined = undefined
  #cache: FoundInCache = notAsked
  #sent: SentRequest | undefined = undefined
  #isRefreshedBehind = false
  #store: StoreOutcome | undefined = undefined

  constructor(plan: Plan, table: RouteTable, scenario: Scenario) {
    this.#plan = plan
    this.#table = table
    this.#scenario = scenario
    this.#nowMs = scenario.nowMs
    this.#filled = fillCache(plan, table, scenario)
  }

  run(): Outcome {
    const response = this.#receive()
    const facts = this.#facts
    const site = this.#listener && facts && this.#table.siteOf(this.#listener.name, facts.host)
    const routes = site?.entries.map((entry) => entry.route) ?? []
    const answer = new FlatFacts(response.status, response.fields)
    return {
      listener: this.#listener?.name,
      site: site?.site,
      route: this.#entry?.route,
      trials: site && facts ? traceRoutes(site, facts, this.#entry) : [],
      matchers: facts ? traceMatchers(this.#plan, this.#table.matchers, routes, this.#purge, facts, answer) : [],
      access: this.#access,
      purge: this.#purge,
      key: this.#key,
      cache: this.#cache,
      sent: this.#sent,
      isRefreshedBehind: this.#isRefreshedBehind,
      store: this.#store,
      response,
      problems: this.#filled.problems,
    }
  }

  #receive(): ClientResponse {
    const { request } = this.#scenario
    const listener = listenerOf(this.#plan, this.#table, request)
    if (listener === undefined) return this.#own(noRoute)
    this.#listener = listener
    const parsed = requestHeadOf(request, listener.limits)
    if (!parsed.ok) return this.#local(parsed.error.status, 'refused', textField)
    const { head } = parsed
    const unrouted = answerUnrouted(head)
    if (unrouted !== undefined) return this.#own(unrouted)
    if (listener.redirectHttps) return this.#redirect(308, httpsLocation(head, listener.redirectPort))
    const facts = new SimulatedFacts(head, request)
    this.#facts = facts
    const entry = this.#table.find(listener.name, facts)
    if (entry === undefined) return this.#own(noRoute)
    this.#entry = entry
    const route = entry.user as RouteRules
    this.#access = traceAccess(route, this.#table.matchers, facts)
    if (!this.#access.allowed) return this.#own(notAllowed)
    if (route.purges(head.method)) return this.#obeyPurge(route, facts)
    const { action } = route.plan
    switch (action.kind) {
      case 'proxy':
        return this.#forward(new SimulatedRequest(facts, route, this.#nowMs), listener)
      case 'respond':
        return this.#local(
          action.status,
          'no-cache-configured',
          action.body === '' ? [] : ['Content-Type', action.contentType],
        )
      case 'redirect':
        return this.#redirect(action.status, redirectLocation(head, route, action))
    }
  }

  #obeyPurge(route: RouteRules, facts: SimulatedFacts): ClientResponse {
    const refused = refusePurge(route, facts)
    this.#purge = { allowed: refused === undefined, matcher: route.cache?.cache.plan.purge.allow }
    return refused === undefined ? this.#local(200, 'purged', ['Content-Type', 'application/json']) : this.#own(refused)
  }

  #redirect(status: number, location: string | undefined): ClientResponse {
    return location === undefined
      ? this.#own(noHost)
      : this.#local(status, 'no-cache-configured', ['Location', location])
  }

  #forward(view: SimulatedRequest, listener: ListenerPlan): ClientResponse {
    const { head, route } = view
    if (head.hasBody && head.contentLength > (route.plan.bodyBytes ?? listener.limits.bodyBytes)) {
      return this.#own(bodyTooLarge)
    }
    const upgrade = upgradeProtocol(head, route)
    if (upgrade !== undefined) return this.#pass(view, 'upgrade', upgrade)
    return route.cache === undefined ? this.#pass(view, 'no-cache-configured') : this.#lookup(view, route.cache)
  }

  #lookup(view: SimulatedRequest, cache: RouteCache<PlannedCache>): ClientResponse {
    const { head, facts } = view
    const past = decideLookup(facts, cache.isBypassed(facts), traitsOf(head, head.hasBody))
    if (past !== 'none') return this.#pass(view, past)
    const directives = clientDirectives(facts, cache.settings)
    const sent = new SentFacts(facts, view.route, view)
    const key = cache.keyOf(sent, facts)
    this.#key = key
    view.key = key
    const { object, reason } = new SimulatedCache(this.#filled.slots).find(cache, key, sent)
    const found = { view, cache, sent, directives, object }
    if (object === undefined) return this.#unanswered({ ...found, reason })
    const reuse = decideReuse(object.meta, false, directives, this.#nowMs)
    if (!isServed(reuse)) return this.#unanswered({ ...found, reason: reuseReasons[reuse]! })
    if (selectBytes(facts, object.meta, factsOf(object).header('etag'), object.bodyBytes).kind === 'missing') {
      return this.#unanswered({ ...found, reason: 'part-missing' })
    }
    if (reuse === Reuse.fresh) return this.#deliver(view, object, 'hit', 'none')
    if (reuse === Reuse.staleWhileRevalidate && head.method === 'GET') {
      this.#isRefreshedBehind = true
      this.#fetch({ ...found, reason: 'expired', directives: undefined })
    }
    return this.#deliver(view, object, 'stale', 'expired')
  }

  /** What is stored, if anything is, may not answer without being validated. */
  #unanswered(lookup: Lookup): ClientResponse {
    const { view, directives, object, reason } = lookup
    this.#note('miss', reason, object?.meta)
    if (directives?.onlyIfCached) {
      this.#cache = { ...this.#cache, result: 'none', reason: notCached.reason }
      return this.#own(notCached)
    }
    // The answer to HEAD has no body to store, and what the client wants unstored is not shared.
    if (directives?.noStore === true) return this.#pass(view, 'request-no-store', undefined, reason)
    if (view.head.method === 'HEAD') return this.#pass(view, reason, undefined, reason)
    return this.#answerFetch(lookup, this.#fetch(lookup))
  }

  #fetch(lookup: Lookup): Fetched {
    const { view, cache, sent, directives, object } = lookup
    const { kind, lines, use } = questionFor(view.facts, view.route, cache.settings, object)
    const stale = use === 'stale' ? object : undefined
    this.#sent = this.#askedOf(view, true, lines)
    const head = this.#originAnswer(view)
    if (typeof head === 'string') return { kind: 'failed', code: head, stale }
    if (isHiddenByStale(head.status) && stale !== undefined && this.#mayBridge(stale, directives, false)) {
      return { kind: 'hidden', object: stale }
    }
    const judgement: Judgement = {
      view,
      sent,
      cache,
      times: { requestMs: this.#nowMs, responseMs: this.#nowMs },
      random: 0,
    }
    const tell = (judged: Judged): StoreOutcome => storeOutcome(judged, cache.settings.tags, this.#nowMs)
    const update = head.status === 304 && stale !== undefined ? judgeUpdate(head, stale, judgement) : undefined
    if (update !== undefined && stale !== undefined) {
      this.#store = tell(update)
      return { kind: 'confirmed', judged: update, object: stale }
    }
    const joined = use === 'part' ? object : undefined
    const part = head.status === 206 && kind !== 'whole' ? judgePart(head, joined, judgement) : undefined
    // What does not make a stored beginning whole is dropped with it, and the whole is asked for.
    const isWhole = part?.decision.store === true && part.decision.meta.status === 200
    if (kind === 'rest' && isAboutPart(head.status) && !isWhole) return this.#fetch({ ...lookup, object: undefined })
    const judged = part ?? judgeResponse(head, judgement)
    this.#store = tell(judged)
    return { kind: 'judged', head, judged }
  }

  #answerFetch({ view, directives, reason }: Lookup, fetched: Fetched): ClientResponse {
    switch (fetched.kind) {
      case 'failed': {
        const { stale, code } = fetched
        const mayBridge = stale !== undefined && this.#mayBridge(stale, directives, true)
        return mayBridge ? this.#deliver(view, stale, 'stale', 'stale-if-error') : this.#failure(code)
      }
      case 'hidden':
        return this.#deliver(view, fetched.object, 'stale', 'stale-if-error')
      case 'confirmed': {
        const { judged, object } = fetched
        const { decision, fields } = judged
        const { meta } = decision
        const { bodyBytes } = object
        this.#note('revalidated', reason, object.meta)
        const cacheStatus = this.#forwarded(reason, 304, decision.store, reason)
        return storedAnswer({
          view,
          meta,
          fields,
          bodyBytes,
          part: undefined,
          word: 'revalidated',
          cacheStatus,
          alwaysAged: true,
        })
      }
      case 'judged':
        return this.#answerFilled(view, fetched.head, fetched.judged, reason)
    }
  }

  /** The origin's answer, on its way into the store where it may be stored. */
  #answerFilled(
    view: SimulatedRequest,
    head: ResponseHead,
    judged: Judged | JudgedPart,
    reason: Reason,
  ): ClientResponse {
    const { decision, fields } = judged
    const { meta, withheldFields } = decision
    if (!decision.store) return this.#answerPass(view, head, decision.reason, reason)
    const isWithheld = (i: number): boolean => withheldFields.includes(fields[i - (i % 2)]!.toLowerCase())
    const all = [...fields.filter((_, i) => !isWithheld(i)), ...fields.filter((_, i) => isWithheld(i))]
    const part = 'part' in judged ? judged.part : undefined
    const bodyBytes = 'union' in judged ? judged.union.end - judged.union.first : Math.max(0, head.contentLength)
    const cacheStatus = this.#forwarded(reason, head.status, true, reason)
    return storedAnswer({ view, meta, fields: all, bodyBytes, part, word: 'miss', cacheStatus, alwaysAged: false })
  }

  /** Whether the object may stand in for an origin that failed. */
  #mayBridge({ meta }: SimulatedObject, directives: RequestDirectives | undefined, unanswered: boolean): boolean {
    return canServeStaleOnError(meta, false, directives, this.#nowMs, unanswered)
  }

  #deliver(view: SimulatedRequest, object: SimulatedObject, result: 'hit' | 'stale', reason: Reason): ClientResponse {
    this.#note(result, reason, object.meta)
    const cacheStatus = hitStatus(remainingMs(object.meta, this.#nowMs), reason)
    return storedAnswer({ view, ...object, part: undefined, word: result, cacheStatus, alwaysAged: true })
  }

  /** Past the cache. `missReason`: why what is stored does not answer; `none`: the cache was not asked. */
  #pass(view: SimulatedRequest, reason: Reason, upgrade?: string, missReason: Reason = 'none'): ClientResponse {
    if (missReason === 'none') this.#note('bypass', reason, undefined)
    this.#sent = this.#askedOf(view, false, '', upgrade)
    const head = this.#originAnswer(view)
    if (typeof head === 'string') return this.#failure(head)
    if (view.head.method === 'POST') this.#storePost(view, head)
    return this.#answerPass(view, head, reason, missReason)
  }

  /** The answer to a POST may be kept for GETs. */
  #storePost(view: SimulatedRequest, head: ResponseHead): void {
    const times = { requestMs: this.#nowMs, responseMs: this.#nowMs }
    const listenerName = this.#listener!.name
    const judged = judgePost(head, { view, table: this.#table, listenerName, times, random: 0 })
    if (judged !== undefined) this.#store = storeOutcome(judged, view.route.cache!.settings.tags, this.#nowMs)
  }

  #answerPass(view: SimulatedRequest, head: ResponseHead, reason: Reason, missReason: Reason): ClientResponse {
    view.cacheWord = 'pass'
    const isStored = this.#store?.stored === true
    const cacheStatus = this.#forwarded(missReason === 'none' ? reason : missReason, head.status, isStored, reason)
    return { status: head.status, fields: readHeadText(passHeadText(head, view, cacheStatus)).fields }
  }

  #forwarded(forward: Reason, status: number, stored: boolean, reason: Reason): string {
    return forwardStatus({ forward: forwardOf(forward), status, stored, collapsed: false, reason })
  }

  #failure(code: OriginErrorCode): ClientResponse {
    return this.#local(originErrors[code].status, 'origin-error', textField)
  }

  /** The answer of the scenario's origin, or how it fails. */
  #originAnswer(view: SimulatedRequest): ResponseHead | OriginErrorCode {
    const { origin } = this.#scenario
    if (origin.kind === 'failure') return failureCodes[origin.failure]
    const { responseHeaderBytes, responseHeaders } = view.route.backend!.plan
    const limits = { headBytes: responseHeaderBytes, targetBytes: 0, fields: responseHeaders }
    return responseHeadOf(origin, view.head.method, limits) ?? 'bad-head'
  }

  /** The first server's: Host may name it. */
  #askedOf(view: SimulatedRequest, fills: boolean, validators: string, upgrade?: string): SentRequest {
    const { plan } = view.route.backend!
    const { start, fields } = readHeadText(
      requestHeadText({ context: view, fills, validators, upgrade }, plan.servers[0]!),
    )
    return { backend: plan.name, method: start[0]!, target: start[1]!, fields }
  }

  #own(own: OwnAnswer): ClientResponse {
    const fields = readHeadText(`\r\n${own.fields}`).fields
    return this.#local(own.status, own.reason, own.message === '' ? fields : [...textField, ...fields])
  }

  /** An answer that no origin had a part in. */
  #local(status: number, reason: Reason, fields: readonly string[]): ClientResponse {
    if (this.#cache === notAsked) this.#cache = { ...notAsked, reason }
    const route = this.#entry?.user as RouteRules | undefined
    const own = statusField(route, localStatus(reason), '')
    const hsts = this.#scenario.request.scheme === 'https' ? route?.plan.hsts : undefined
    const strict = hsts === undefined ? [] : [HSTS, hsts]
    return { status, fields: ['Date', httpDate(this.#nowMs), ...fields, ...strict, ...own] }
  }

  #note(result: CacheResult, reason: Reason, meta: StoredMeta | undefined): void {
    const ageMs = meta && currentAgeMs(meta, this.#nowMs)
    this.#cache = { result, reason, ageMs, remainingMs: meta && remainingMs(meta, this.#nowMs) }
  }
}

function factsOf({ meta, fields }: SimulatedObject): FlatFacts {
  return new FlatFacts(meta.status, fields)
}

const textField: readonly string[] = ['Content-Type', 'text/plain; charset=utf-8']
