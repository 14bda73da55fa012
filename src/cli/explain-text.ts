/** The text of `shellac explain`. */

import type { Explanation } from '../simulate/explanation.ts'
import type { Ground } from '../simulate/grounds.ts'
import { durationText } from '../util/duration-text.ts'
import { withPlace } from './config-tests.ts'

/**
 *     GET http://shop.example.com/a.css
 *     listener  public
 *     route     css (shop.conf:20)
 *               not api: has another path (shop.conf:19)
 *     cache     shop: miss
 *               absent: nothing is stored under this key
 *
 * Ends with a newline. `isAnswerAssumed`: nobody said what the origin answers.
 */
export function explainText(explained: Explanation, isAnswerAssumed: boolean): string {
  const { request } = explained
  const sections: readonly (readonly [label: string, lines: readonly string[]])[] = [
    ['listener', [explained.listener ?? 'none']],
    ['site', [explained.site === null ? 'none' : withPlace(explained.site.name, explained.site.place)]],
    ['route', routeLines(explained)],
    [
      'matchers',
      explained.matchers.map(({ name, holds, place }) =>
        withPlace(`@${name} ${holds ? 'holds' : 'does not hold'}`, place),
      ),
    ],
    ['access', accessLines(explained)],
    ['key', keyLines(explained)],
    ['cache', cacheLines(explained)],
    ['pool', poolLines(explained)],
    ['origin', originLines(explained, isAnswerAssumed)],
    ['store', storeLines(explained)],
    ['answer', answerLines(explained)],
  ]
  const lines = sections.flatMap(([label, own]) => own.map((line, i) => `${(i === 0 ? label : '').padEnd(10)}${line}`))
  return `${[`${request.method} ${request.url} from ${request.from}`, ...lines].join('\n')}\n`
}

function routeLines({ route, routes }: Explanation): readonly string[] {
  const others = routes
    .filter((one) => !one.taken)
    .map(({ name, message, place }) => withPlace(`not ${name}: ${message}`, place))
  return [route === null ? 'none takes the request' : withPlace(route.name, route.place), ...others]
}

function accessLines({ access }: Explanation): readonly string[] {
  if (access === null) return []
  return [`${access.allowed ? 'allowed' : 'refused'}: ${withPlace(access.why.message, access.why.place)}`]
}

function keyLines({ key, keyPlaces }: Explanation): readonly string[] {
  return key === null ? [] : [key, ...keyPlaces.map((place) => withPlace('as "key" says', place))]
}

function cacheLines({ cache, isRefreshedBehind }: Explanation): readonly string[] {
  const name = cache.name === null ? '' : `${cache.name}: `
  const refresh = isRefreshedBehind ? ['fetched anew behind the answer'] : []
  return [`${name}${cache.result}`, ...texts(cache.grounds), ...refresh]
}

function poolLines({ pool }: Explanation): readonly string[] {
  return pool === null ? [] : [`${pool.pool}: ${pool.key} on ${pool.server}`]
}

function originLines({ sent, requestEdits }: Explanation, isAnswerAssumed: boolean): readonly string[] {
  if (sent === null) return ['not asked']
  return [
    `${sent.backend}: ${sent.method} ${sent.target}`,
    ...indented(fieldTexts(sent.fields)),
    ...edits(requestEdits),
    ...(isAnswerAssumed ? ['taken to answer an empty 200; --response and --response-header say otherwise'] : []),
  ]
}

function storeLines({ store }: Explanation): readonly string[] {
  if (store === null) return []
  if (!store.stored) return ['no', ...texts(store.grounds)]
  const { ttlMs, staleWhileRevalidateMs, staleIfErrorMs, tags, vary, minUses, places } = store
  const uses = `from the request on that is number ${minUses} for this key`
  const whileFetched = `then for ${durationText(staleWhileRevalidateMs)} while it is fetched anew`
  const whileFailing = `then for ${durationText(staleIfErrorMs)} while the origin fails`
  return [
    ttlMs === 0 ? 'yes, but never fresh' : `yes, fresh for ${durationText(ttlMs)}`,
    ...texts(store.grounds),
    ...jitterLines(store),
    ...(minUses === 1 ? [] : [withPlace(uses, places.minUses)]),
    ...(staleWhileRevalidateMs === 0 ? [] : [withPlace(whileFetched, places.grace)]),
    ...(staleIfErrorMs === 0 ? [] : [withPlace(whileFailing, places.staleIfError)]),
    ...(tags.length === 0 ? [] : [`tags ${tags.join(' ')}`]),
    ...(vary.length === 0 ? [] : [`a variant for each ${vary.join(', ')}`]),
  ]
}

function jitterLines({ ttlMs, jitter, places }: NonNullable<Explanation['store']>): readonly string[] {
  if (jitter === 0 || ttlMs === 0) return []
  return [withPlace(`or up to ${Math.round(jitter * 1000) / 10}% less, at random`, places.jitter)]
}

function answerLines({ response, responseEdits, route, sent, cache }: Explanation): readonly string[] {
  const isEdited = route !== null && (sent !== null || cache.result === 'hit')
  return [String(response.status), ...indented(fieldTexts(response.fields)), ...(isEdited ? edits(responseEdits) : [])]
}

function texts(grounds: readonly Ground[]): readonly string[] {
  return grounds.map(({ message, place }) => withPlace(message, place))
}

function edits(grounds: readonly Ground[]): readonly string[] {
  return texts(grounds).map((text) => `edited: ${text}`)
}

function fieldTexts(fields: readonly string[]): readonly string[] {
  return fields.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${fields[i + 1]}`] : []))
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`)
}
