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
  const list = variants?.list.flatMap((one) => [one.key, ...describe(one.object).map((line) => `  ${line}`)]) ?? []
  return variants?.isCut === true ? [...list, '...'] : list
}

function describe(object: StoredReport): readonly string[] {
  const { remainingSec } = object
  const fresh =
    remainingSec > 0
      ? `fresh for ${durationText(remainingSec * 1000)}`
      : `stale since ${durationText(-remainingSec * 1000)}`
  return [
    `status ${object.status}, ${sizeText(object.bodyBytes)}, ${object.hits} hits`,
    `age ${durationText(object.ageSec * 1000)}, ${object.softPurged ? 'purged, to be validated' : fresh}`,
  ]
}
