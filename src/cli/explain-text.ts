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
 * Ends with a newline.
 */
export function explainText(explained: Explanation): string {
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
    ['key', explained.key === null ? [] : [explained.key]],
    ['cache', cacheLines(explained)],
    ['origin', originLines(explained)],
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

function cacheLines({ cache, isRefreshedBehind }: Explanation): readonly string[] {
  const name = cache.name === null ? '' : `${cache.name}: `
  const refresh = isRefreshedBehind ? ['fetched anew behind the answer'] : []
  return [`${name}${cache.result}`, ...texts(cache.grounds), ...refresh]
}

function originLines({ sent, requestEdits }: Explanation): readonly string[] {
  if (sent === null) return ['not asked']
  return [
    `${sent.backend}: ${sent.method} ${sent.target}`,
    ...indented(fieldTexts(sent.fields)),
    ...edits(requestEdits),
  ]
}

function storeLines({ store }: Explanation): readonly string[] {
  if (store === null) return []
  if (!store.stored) return ['no', ...texts(store.grounds)]
  const { ttlMs, jitter, staleWhileRevalidateMs, staleIfErrorMs, tags, vary, minUses } = store
  const less = jitter === 0 ? '' : `, or up to ${Math.round(jitter * 1000) / 10}% less`
  return [
    `yes, fresh for ${durationText(ttlMs)}${less}`,
    ...texts(store.grounds),
    ...(minUses === 1 ? [] : [`from the request on that is number ${minUses} for this key`]),
    ...(staleWhileRevalidateMs === 0
      ? []
      : [`then for ${durationText(staleWhileRevalidateMs)} while it is fetched anew`]),
    ...(staleIfErrorMs === 0 ? [] : [`then for ${durationText(staleIfErrorMs)} while the origin fails`]),
    ...(tags.length === 0 ? [] : [`tags ${tags.join(' ')}`]),
    ...(vary.length === 0 ? [] : [`a variant for each ${vary.join(', ')}`]),
  ]
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
