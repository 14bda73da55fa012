/** How old a response is on arrival (RFC 9111 §4.2.3). */

import { parseHttpDate } from '../../http/date.ts'
import { trimBlanks } from '../../http/tokens.ts'
import type { ResponseFacts } from '../../plan/facts.ts'
import { parseDeltaSeconds } from './delta-seconds.ts'

/** When the request for a response was sent and when its head had arrived, milliseconds since 1970. */
export interface ResponseTimes {
  readonly requestMs: number
  readonly responseMs: number
}

/** `corrected_initial_age` in milliseconds; `dateMs` as `originDateMs` gives it. */
export function correctedInitialAgeMs(response: ResponseFacts, dateMs: number, times: ResponseTimes): number {
  // Date has whole seconds, so the arrival is cut to them too: a response of this second has no age yet.
  const arrivalMs = Math.floor(times.responseMs / 1000) * 1000
  const apparentAgeMs = Math.max(0, arrivalMs - dateMs)
  const responseDelayMs = Math.max(0, times.responseMs - times.requestMs)
  const correctedAgeValueMs = ageValueSec(response) * 1000 + responseDelayMs
  return Math.max(apparentAgeMs, correctedAgeValueMs)
}

/** Date as the origin gave it; the time of arrival when it gave none or none that can be read (RFC 9110 §6.6.1). */
export function originDateMs(response: ResponseFacts, times: ResponseTimes): number {
  const text = response.header('date')
  return (text === undefined ? undefined : parseHttpDate(text, times.responseMs)) ?? times.responseMs
}

/** RFC 9111 §5.1: of a list the first member counts; what is no delta-seconds is ignored. */
function ageValueSec(response: ResponseFacts): number {
  const text = response.header('age')
  if (text === undefined) return 0
  const comma = text.indexOf(',')
  return Math.max(0, parseDeltaSeconds(trimBlanks(text, 0, comma === -1 ? text.length : comma)))
}
