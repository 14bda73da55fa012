/** The end of every request: counters and the access log. */
import { detailOf } from '../cache/policy/cache-status.ts'
import { F } from '../http/fields.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { AccessRecord } from '../log/access-record.ts'
import { C } from '../log/counters.ts'
import type { Reason } from '../log/reasons.ts'
import { RouteCell } from '../log/route-counters.ts'
import { clock } from '../util/clock.ts'
import type { Client } from './client.ts'
import type { RouteRuntime } from './route-runtime.ts'

/** How an answer came about, as logs and counters name it. */
export type CacheWord = 'hit' | 'stale' | 'miss' | 'revalidated' | 'collapsed' | 'pass' | 'synthetic' | 'upgrade'

/** Where each word is counted: in the worker's row and in the route's. */
const wordCells: Readonly<Record<CacheWord, { readonly counter: number; readonly ofRoute: number }>> = {
  hit: { counter: C.hits, ofRoute: RouteCell.hits },
  stale: { counter: C.stale, ofRoute: RouteCell.stale },
  miss: { counter: C.misses, ofRoute: RouteCell.misses },
  revalidated: { counter: C.revalidated, ofRoute: RouteCell.revalidated },
  collapsed: { counter: C.collapsed, ofRoute: RouteCell.collapsed },
  pass: { counter: C.passes, ofRoute: RouteCell.passes },
  synthetic: { counter: C.synthetic, ofRoute: RouteCell.synthetic },
  upgrade: { counter: C.upgrades, ofRoute: RouteCell.upgrades },
}

/** What is known of an answer when it ends; each step that ends answers has one and fills it again and again. */
export class Outcome {
  status = 0
  /** Head and body. */
  bytes = 0
  word: CacheWord = 'synthetic'
  reason: Reason = 'none'
  backend = ''
  server = ''
  /** Whoever knows the rest of the request; undefined for what was answered within one turn. */
  request: { readonly requestId: string; readonly refusal: Reason } | undefined = undefined
}

class MutableRecord implements AccessRecord {
  timeMs = 0
  clientAddress = ''
  method = ''
  scheme = 'http'
  host = ''
  uri = ''
  protocol = ''
  status = 0
  bytesSent = 0
  durationMs = 0
  cacheStatus = ''
  reason = ''
  routeId = ''
  backend = ''
  server = ''
  requestId: string | undefined = undefined
  userAgent: string | undefined = undefined
  referer: string | undefined = undefined
}

const record = new MutableRecord()

/** Counts and logs one answer. `head` and `route` are undefined where the request did not get that far. */
export function finish(
  client: Client,
  head: RequestHead | undefined,
  route: RouteRuntime | undefined,
  outcome: Outcome,
): void {
  const { counters, accessLog } = client.worker
  const cells = wordCells[outcome.word]
  counters.add(cells.counter, 1)
  counters.add(C.bytesOut, outcome.bytes)
  const responseClass = (outcome.status / 100) | 0
  if (responseClass >= 1 && responseClass <= 5) counters.add(C.responses1xx + responseClass - 1, 1)
  if (outcome.word !== 'hit' || outcome.reason !== 'none') {
    counters.reason(outcome.reason)
    if (outcome.reason === 'hit-for-miss') counters.refusal(outcome.request?.refusal ?? 'none')
  }
  if (route !== undefined) {
    route.counts[cells.ofRoute]! += 1
    if (responseClass === 5) route.counts[RouteCell.errors]! += 1
  }
  if (accessLog.enabled) log(client, head, route, outcome)
}

function log(client: Client, head: RequestHead | undefined, route: RouteRuntime | undefined, outcome: Outcome): void {
  if (!client.listener.runtime.isLogged(client, head, outcome.status)) return
  record.timeMs = clock.nowMs
  record.clientAddress = client.clientAddress
  record.method = head?.method ?? ''
  record.host = head?.authority ?? ''
  record.uri = head?.uri ?? ''
  record.scheme = client.isSecure ? 'https' : 'http'
  record.protocol = head === undefined ? '' : client.protocol
  record.status = outcome.status
  record.bytesSent = outcome.bytes
  record.durationMs = clock.monotonicMs - client.startedMs
  record.cacheStatus = outcome.word
  record.reason = detailOf(outcome.reason, outcome.request?.refusal ?? 'none')
  record.routeId = route?.plan.id ?? ''
  record.backend = outcome.backend
  record.server = outcome.server
  record.requestId = outcome.request?.requestId
  record.userAgent = head?.value(F.userAgent)
  record.referer = head?.value(F.referer)
  client.worker.accessLog.write(record)
}
