/** The text of `shellac routes`: the order in which routes are asked, and why each pair stands as it does. */
import type { Action, RoutePlan } from '../plan/plan.ts'
import type { CompiledSite } from './compile/site.ts'
import type { LoadedConfig } from './load.ts'
import type { DecidedPair } from './precedence.ts'

/**
 *     site shop.example.com (shop.conf:40)
 *       1. ops    /_status  respond 200     shop.conf:56
 *       2. pages  /**       proxy app       shop.conf:55
 *       ops before pages: narrower, as for /_status
 */
export function explainRoutes(loaded: Pick<LoadedConfig, 'sites'>): string {
  return loaded.sites.map(explainSite).join('\n')
}

function explainSite(site: CompiledSite): string {
  const { plan } = site
  const on = plan.listeners.length === 0 ? '' : ` on ${plan.listeners.join(' ')}`
  const rows = plan.routes.map((route, index) => [
    `${index + 1}.`,
    route.name,
    conditionOf(route),
    actionOf(route.action),
    `${route.place.file}:${route.place.line}`,
  ])
  const pairs = site.precedence.decided.map(explainPair).sort()
  const lines = [
    `site ${plan.hosts.join(' ')}${on} (${plan.place.file}:${plan.place.line})`,
    ...alignRows(rows),
    ...pairs,
  ]
  return `${lines.join('\n')}\n`
}

function conditionOf(route: RoutePlan): string {
  const paths = route.paths.map((path) => (path.kind === 'glob' ? path.pattern : `~"${path.source}"`))
  const when = route.when === undefined ? [] : [`when @${route.when}`]
  return [...route.methods, ...paths, ...when].join(' ')
}

function actionOf(action: Action): string {
  switch (action.kind) {
    case 'proxy':
      return `proxy ${action.backend}`
    case 'respond':
      return `respond ${action.status}`
    case 'redirect':
      return `redirect ${action.status} ${action.location}`
  }
}

function explainPair(pair: DecidedPair): string {
  const example = pair.witness === undefined ? '' : `, as for ${pair.witness}`
  return `  ${pair.first.name} before ${pair.second.name}: ${pair.reason}${example}`
}

function alignRows(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows.reduce<number[]>(
    (wide, row) => row.map((cell, column) => Math.max(cell.length, wide[column] ?? 0)),
    [],
  )
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd())
}
