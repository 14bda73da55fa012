/**
 * What the workers count: one row of float64 cells per worker in one SharedArrayBuffer, so counting is one addition and
 * reading is a sum; no message is sent for either.
 *
 * Drawn for two workers (a cell is 8 bytes, a row is padded to whole cache lines so that two workers never write one line):
 *
 *     row 0: | requests | hits | misses | ... | reason 0 | reason 1 | ... | refusal 0 | ... | padding |
 *     row 1: | requests | hits | misses | ... | reason 0 | reason 1 | ... | refusal 0 | ... | padding |
 *
 * Always true: a row is written by its worker alone. A reader in another thread may see a sum that is some additions
 * old, never a torn one (aligned 8-byte loads are whole on x64 and arm64). A worker's replacement goes on in its row, so
 * sums never fall.
 */
import { type Reason, reasonNumber, reasons } from './reasons.ts'

export interface CounterRecord {
  readonly name: string
  readonly doc: string
}

/** Index in this table = the cell of the counter; append only. */
export const counterTable = [
  { name: 'connections', doc: 'client connections accepted' },
  { name: 'connectionsRefused', doc: 'client connections closed at once because the limit of the worker was reached' },
  { name: 'requests', doc: 'requests whose head was read whole' },
  { name: 'hits', doc: 'answers from the cache while fresh' },
  { name: 'misses', doc: 'answers fetched from an origin because nothing usable was stored' },
  { name: 'passes', doc: 'answers fetched from an origin past the cache' },
  { name: 'stale', doc: 'answers from the cache after their freshness ended' },
  { name: 'revalidated', doc: 'stored answers that the origin confirmed with 304' },
  { name: 'synthetic', doc: 'answers made by the proxy itself: respond, redirect, errors' },
  { name: 'collapsed', doc: 'requests answered by the fetch of another request' },
  { name: 'fills', doc: 'responses whose storing began' },
  { name: 'fillsFailed', doc: 'responses whose storing ended before they were complete' },
  { name: 'purges', doc: 'purge requests obeyed' },
  { name: 'upgrades', doc: 'connections that changed their protocol' },
  { name: 'responses1xx', doc: 'interim responses sent' },
  { name: 'responses2xx', doc: 'responses sent with status 200 to 299' },
  { name: 'responses3xx', doc: 'responses sent with status 300 to 399' },
  { name: 'responses4xx', doc: 'responses sent with status 400 to 499' },
  { name: 'responses5xx', doc: 'responses sent with status 500 to 599' },
  { name: 'bytesIn', doc: 'bytes read from clients' },
  { name: 'bytesOut', doc: 'bytes written to clients' },
  { name: 'originBytesIn', doc: 'bytes read from origins' },
  { name: 'originBytesOut', doc: 'bytes written to origins' },
  { name: 'clientAborts', doc: 'requests given up because the client went away' },
  { name: 'client400', doc: 'requests refused as malformed' },
  { name: 'client403', doc: 'requests refused by an access list' },
  { name: 'client404', doc: 'requests no site or route takes' },
  { name: 'client405', doc: 'requests refused for their method' },
  { name: 'client408', doc: 'requests that came too slowly' },
  { name: 'client413', doc: 'requests with a body over the limit' },
  { name: 'client414', doc: 'requests with a target over the limit' },
  { name: 'client431', doc: 'requests with a head over the limit' },
  { name: 'client501', doc: 'requests with a transfer coding or method that is not implemented' },
  { name: 'client505', doc: 'requests of another HTTP version' },
  { name: 'originConnects', doc: 'connections opened to origins' },
  { name: 'originConnectErrors', doc: 'connections to origins that could not be opened' },
  { name: 'originReuses', doc: 'requests sent on a kept connection to an origin' },
  { name: 'originErrors', doc: 'requests an origin answered wrongly or not at all' },
  { name: 'originTimeouts', doc: 'requests an origin answered too late' },
  { name: 'retries', doc: 'requests sent to an origin again' },
  { name: 'queued', doc: 'requests that waited for a connection to an origin' },
  { name: 'queueRefused', doc: 'requests refused because the queue of a backend was full or the wait too long' },
  { name: 'logLinesDropped', doc: 'access log lines that could not be written' },
  { name: 'tagsCut', doc: 'responses with more tags than are kept, which every purge of a tag therefore covers' },
  { name: 'poolHits', doc: 'look-ups in a memcached pool that found an entry' },
  { name: 'poolMisses', doc: 'look-ups in a memcached pool that found none, or none that can be read' },
  { name: 'poolErrors', doc: 'look-ups in a memcached pool that failed: refused, too slow, or answered wrongly' },
  { name: 'poolWrites', doc: 'entries written to a memcached pool' },
  { name: 'poolDropped', doc: 'entries not written to a memcached pool: it failed, or too many were on their way' },
  { name: 'tlsHandshakes', doc: 'full TLS handshakes of clients' },
  { name: 'tlsResumed', doc: 'TLS handshakes of clients that went on with an earlier session' },
  { name: 'tlsFailures', doc: 'TLS handshakes of clients that broke off or were refused' },
  { name: 'tlsTimeouts', doc: 'TLS handshakes of clients given up because they took too long' },
  { name: 'tlsCrowdedOut', doc: 'TLS handshakes of clients given up because too many others were under way' },
  { name: 'tlsUnknownNames', doc: 'TLS handshakes refused because no certificate has the name the client asked for' },
  { name: 'h2Connections', doc: 'connections of HTTP/2' },
  { name: 'h2Streams', doc: 'requests that came as streams of HTTP/2' },
  { name: 'h2Resets', doc: 'streams of HTTP/2 that ended before their answer was out' },
  { name: 'h2Floods', doc: 'connections of HTTP/2 ended because the client asked for work in vain too often' },
  { name: 'h2Errors', doc: 'connections of HTTP/2 ended by an error of the protocol' },
  { name: 'tlsClientsRefused', doc: 'clients turned away after their TLS handshake, for want of a valid certificate' },
] as const satisfies readonly CounterRecord[]

export type CounterName = (typeof counterTable)[number]['name']

/**
 * The cells by name, for the hot path. A literal, since an object built from the table at start has hashed properties and
 * each look-up would cost 4 ns; the type wants every name and a test wants every number to agree with the table.
 */
export const C = {
  connections: 0,
  connectionsRefused: 1,
  requests: 2,
  hits: 3,
  misses: 4,
  passes: 5,
  stale: 6,
  revalidated: 7,
  synthetic: 8,
  collapsed: 9,
  fills: 10,
  fillsFailed: 11,
  purges: 12,
  upgrades: 13,
  responses1xx: 14,
  responses2xx: 15,
  responses3xx: 16,
  responses4xx: 17,
  responses5xx: 18,
  bytesIn: 19,
  bytesOut: 20,
  originBytesIn: 21,
  originBytesOut: 22,
  clientAborts: 23,
  client400: 24,
  client403: 25,
  client404: 26,
  client405: 27,
  client408: 28,
  client413: 29,
  client414: 30,
  client431: 31,
  client501: 32,
  client505: 33,
  originConnects: 34,
  originConnectErrors: 35,
  originReuses: 36,
  originErrors: 37,
  originTimeouts: 38,
  retries: 39,
  queued: 40,
  queueRefused: 41,
  logLinesDropped: 42,
  tagsCut: 43,
  poolHits: 44,
  poolMisses: 45,
  poolErrors: 46,
  poolWrites: 47,
  poolDropped: 48,
  tlsHandshakes: 49,
  tlsResumed: 50,
  tlsFailures: 51,
  tlsTimeouts: 52,
  tlsCrowdedOut: 53,
  tlsUnknownNames: 54,
  h2Connections: 55,
  h2Streams: 56,
  h2Resets: 57,
  h2Floods: 58,
  h2Errors: 59,
  tlsClientsRefused: 60,
} as const satisfies Record<CounterName, number>

/** The first of the cells that count answers by the reason they did not come from the cache: one per row of `reasons`. */
export const REASON_BASE = counterTable.length

/** Behind them, one per row of `reasons` again: the answers of reason `hit-for-miss` by the reason of the earlier refusal. */
const REFUSAL_BASE = REASON_BASE + reasons.length

const BYTES_PER_CELL = 8
/** 16 cells are 128 bytes: two cache lines, since x64 fetches lines in pairs. */
const ROW_PADDING_CELLS = 16
const CELLS = REFUSAL_BASE + reasons.length
const ROW_CELLS = Math.ceil(CELLS / ROW_PADDING_CELLS) * ROW_PADDING_CELLS

/** The cells of all workers, all zero. */
export function createCounters(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * ROW_CELLS * BYTES_PER_CELL)
}

/** One worker's row. Owned by that worker: nobody else may add to it. */
export class Counters {
  readonly #row: Float64Array

  constructor(shared: SharedArrayBuffer, worker: number) {
    this.#row = new Float64Array(shared, worker * ROW_CELLS * BYTES_PER_CELL, CELLS)
  }

  /** `index` is a cell of `C`, or `REASON_BASE` plus a reason's number. */
  add(index: number, n: number): void {
    this.#row[index]! += n
  }

  /** Counts an answer that did not come from the cache. */
  reason(name: Reason): void {
    this.#row[REASON_BASE + reasonNumber(name)]! += 1
  }

  /** Counts an answer of reason `hit-for-miss` once more, by why the earlier answer was not stored. */
  refusal(name: Reason): void {
    this.#row[REFUSAL_BASE + reasonNumber(name)]! += 1
  }
}

export interface CounterSums {
  /** By counter name. */
  readonly counters: Record<CounterName, number>
  /** By reason name. */
  readonly reasons: Record<Reason, number>
  /** Those of `hit-for-miss`, by why the earlier answer was not stored. */
  readonly refusals: Record<Reason, number>
}

/** The sums over all workers, as plain data. */
export function sumCounters(shared: SharedArrayBuffer): CounterSums {
  const cells = new Float64Array(shared)
  const sum = (index: number): number => {
    let total = 0
    for (let at = index; at < cells.length; at += ROW_CELLS) total += cells[at]!
    return total
  }
  const sumByReason = (base: number) =>
    Object.fromEntries(reasons.map(({ name }, index) => [name, sum(base + index)])) as Record<Reason, number>
  return {
    counters: Object.fromEntries(counterTable.map(({ name }, index) => [name, sum(index)])) as CounterSums['counters'],
    reasons: sumByReason(REASON_BASE),
    refusals: sumByReason(REFUSAL_BASE),
  }
}
