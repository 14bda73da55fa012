/** The routing table as text, for `shellac routes` and for whoever wonders where a request went. */
import type { Action, PathPattern, RoutePlan, SitePlan } from '../plan/plan.ts'

/**
 *     listener public
 *     `- site shop (shop.example.com www.shop.example.com)
 *        |- route css @ shop.conf:56    **.css                  -> app, cache shop
 *        `- route ops @ shop.conf:60    GET /_status when @ops  -> respond 200
 *
 * Ends with a newline.
 */
export function describeListener(name: string, sites: readonly SitePlan[]): string {
  const lines = [`listener ${name}`]
  for (const [i, site] of sites.entries()) {
    const isLast = i === sites.length - 1
    lines.push(`${branch(isLast)}site ${site.name} (${site.hosts.join(' ')})`)
    lines.push(...describeRoutes(site.routes).map((line) => (isLast ? '   ' : '|  ') + line))
  }
  return `${lines.join('\n')}\n`
}

function describeRoutes(routes: readonly RoutePlan[]): string[] {
  const ids = align(routes.map((route) => route.id))
  const conditions = align(routes.map(describeCondition))
  return routes.map((route, i) => {
    const cache = route.cache === undefined ? '' : `, cache ${route.cache.name}`
    return `${branch(i === routes.length - 1)}${ids[i]}  ${conditions[i]}  -> ${describeAction(route.action)}${cache}`
  })
}

function describeCondition(route: RoutePlan): string {
  const when = route.when === undefined ? [] : [`when @${route.when}`]
  return [...route.methods, ...route.paths.map(describePattern), ...when].join(' ')
}

function describePattern(pattern: PathPattern): string {
  return pattern.kind === 'glob' ? pattern.pattern : `~"${pattern.source}"`
}

function describeAction(action: Action): string {
  switch (action.kind) {
    case 'proxy':
      return action.backend
    case 'respond':
      return `respond ${action.status}`
    case 'redirect':
      return `redirect ${action.status} ${action.location}`
  }
}

function branch(isLast: boolean): string {
  return isLast ? '`- ' : '|- '
}

function align(texts: readonly string[]): string[] {
  const width = Math.max(0, ...texts.map((text) => text.length))
  return texts.map((text) => text.padEnd(width))
}
