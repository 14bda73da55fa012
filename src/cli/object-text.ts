/** What the running daemon holds under a key, for `shellac explain --live`. */
import type { ObjectReport, StoredReport } from '../daemon/object-report.ts'
import { durationText } from '../util/duration-text.ts'
import { sizeText } from './status-text.ts'

/** Ends with a newline. */
export function objectText(report: ObjectReport): string {
  return `${[`live      ${stateOf(report)}`, ...detailsOf(report).map((line) => `          ${line}`)].join('\n')}\n`
}

function stateOf({ cache, tier, state, reason, object, variants }: ObjectReport): string {
  const where = `${cache}, tier ${tier}`
  if (object !== null) return `${where}: stored`
  if (variants !== null) return `${where}: variants by ${variants.names.join(', ')}`
  return reason === null ? `${where}: ${state}` : `${where}: ${state}, ${reason}`
}

function detailsOf({ object, variants }: ObjectReport): readonly string[] {
  if (object !== null) return describe(object)
  const list =
    variants?.list.flatMap((one) => [variantName(one.key), ...describe(one.object).map((line) => `  ${line}`)]) ?? []
  return variants?.isCut === true ? [...list, '...'] : list
}

function describe(object: StoredReport): readonly string[] {
  const { remainingSec, staleWhileRevalidateSec, staleIfErrorSec, tags } = object
  const fresh = remainingSec > 0 ? `fresh for ${seconds(remainingSec)}` : `stale since ${seconds(-remainingSec)}`
  const windows = [
    ...(staleWhileRevalidateSec === 0 ? [] : [`${seconds(staleWhileRevalidateSec)} while it is fetched anew`]),
    ...(staleIfErrorSec === 0 ? [] : [`${seconds(staleIfErrorSec)} while the origin fails`]),
  ]
  return [
    `status ${object.status}, ${partOf(object)}${sizeText(object.bodyBytes)}, ${object.hits} hits`,
    `age ${seconds(object.ageSec)}, ${object.softPurged ? 'purged, to be validated' : fresh}`,
    ...(windows.length === 0 ? [] : [`may answer stale for ${windows.join(', ')}`]),
    ...(tags.length === 0 ? [] : [`tags ${tags.join(' ')}`]),
  ]
}

/** `bytes 0-99/1000, ` of a stored part; empty for a whole. */
function partOf({ part, bodyBytes }: StoredReport): string {
  if (part === null) return ''
  return `bytes ${part.firstByte}-${part.firstByte + bodyBytes - 1}/${part.totalBytes ?? '*'}, `
}

function seconds(sec: number): string {
  return durationText(sec * 1000)
}

/** What selects a variant, without the number of its marker, which says nothing to people. */
function variantName(key: string): string {
  return key.replace(/^.* \d+:/, '')
}
