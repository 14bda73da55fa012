/**
 * One line of the access log: what it holds, and its two formats.
 *
 * Everything a client or origin sent is hostile here: quotes, control characters and bytes over 0x7e are escaped, so a
 * line is always one line of ASCII and always parses back. Strings are latin1 as they came from the wire (character n is
 * byte n).
 */

/** The facts of one finished request. The writer reads it at once and keeps nothing, so the engine may reuse one object. */
export interface AccessRecord {
  /** Wall clock at the end of the response. */
  readonly timeMs: number
  readonly clientAddress: string
  /** Empty where the head could not be parsed, as with `uri`, `host` and `protocol`. */
  readonly method: string
  readonly scheme: string
  readonly host: string
  /** Path and query as received. */
  readonly uri: string
  /** `HTTP/1.1` */
  readonly protocol: string
  /** 0: the connection ended before a status was sent. */
  readonly status: number
  /** Head and body. */
  readonly bytesSent: number
  /** From the first byte of the request to the last of the response. */
  readonly durationMs: number
  /** `hit`, `miss`, `pass`, `stale` ...; empty where no cache was asked. */
  readonly cacheStatus: string
  /** A name of `reasons`. */
  readonly reason: string
  readonly routeId: string
  readonly backend: string
  readonly server: string
  readonly requestId: string | undefined
  readonly userAgent: string | undefined
  readonly referer: string | undefined
}

/** Printable ASCII without quote and backslash: the usual case, for which one test replaces a walk over the string. */
const clean = /^[ !#-[\]-~]*$/

/** For a JSON string: the quotes are the caller's. */
function escapeJson(text: string): string {
  return clean.test(text) ? text : escapeWith(text, (code) => `\\u${code.toString(16).padStart(4, '0')}`)
}

/** As nginx escapes: `\x22` for a quote; an empty value is a dash. */
function escapeCombined(text: string | undefined): string {
  if (text === undefined || text === '') return '-'
  return clean.test(text) ? text : escapeWith(text, hexEscape)
}

function hexEscape(code: number): string {
  if (code <= 0xff) return `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`
  return hexEscape(code >> 8) + hexEscape(code & 0xff)
}

function escapeWith(text: string, encode: (code: number) => string): string {
  let out = ''
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const plain = code >= 0x20 && code <= 0x7e && code !== 0x22 && code !== 0x5c
    out += plain ? text[at] : encode(code)
  }
  return out
}

/** A number JSON can hold: NaN and infinities, which only a bug can make, become 0 rather than a line that does not parse. */
function finite(n: number): number {
  return Number.isFinite(n) ? n : 0
}

export function formatJson(record: AccessRecord, time: string): string {
  let line =
    `{"time":"${time}","client":"${escapeJson(record.clientAddress)}","method":"${escapeJson(record.method)}"` +
    `,"scheme":"${escapeJson(record.scheme)}","host":"${escapeJson(record.host)}","uri":"${escapeJson(record.uri)}"` +
    `,"protocol":"${escapeJson(record.protocol)}","status":${finite(record.status)},"bytes":${finite(record.bytesSent)}` +
    `,"duration_ms":${finite(Math.round(record.durationMs * 1000) / 1000)},"cache":"${escapeJson(record.cacheStatus)}"` +
    `,"reason":"${escapeJson(record.reason)}","route":"${escapeJson(record.routeId)}"` +
    `,"backend":"${escapeJson(record.backend)}","server":"${escapeJson(record.server)}"`
  if (record.requestId !== undefined) line += `,"request_id":"${escapeJson(record.requestId)}"`
  if (record.userAgent !== undefined) line += `,"user_agent":"${escapeJson(record.userAgent)}"`
  if (record.referer !== undefined) line += `,"referer":"${escapeJson(record.referer)}"`
  return `${line}}\n`
}

/** The combined format of nginx and Apache, with cache status and reason behind it. */
export function formatCombined(record: AccessRecord, time: string): string {
  const request = `${escapeCombined(record.method)} ${escapeCombined(record.uri)} ${escapeCombined(record.protocol)}`
  return (
    `${escapeCombined(record.clientAddress)} - - [${time}] "${request}" ${finite(record.status)} ` +
    `${finite(record.bytesSent)} "${escapeCombined(record.referer)}" "${escapeCombined(record.userAgent)}" ` +
    `${escapeCombined(record.cacheStatus)} ${escapeCombined(record.reason)}\n`
  )
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `20/Nov/2026:16:30:22 +0000`, always in UTC. */
export function combinedTime(timeMs: number): string {
  const date = new Date(timeMs)
  const iso = date.toISOString()
  return `${iso.slice(8, 10)}/${months[date.getUTCMonth()]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`
}
