/** Status and counters of a daemon as a person reads them. */

import type { CertificateStatus } from '../daemon/certificates.ts'
import type { RouteTally } from '../daemon/route-tallies.ts'
import type { CacheStats, CacheStatus, DaemonStats, DaemonStatus, ListenerStatus } from '../daemon/status.ts'
import { counterTable } from '../log/counters.ts'
import { reasons } from '../log/reasons.ts'
import { hitRatio } from '../log/route-counters.ts'
import { percentText, table } from './columns.ts'
import { commandTable, poolTable, proxyTable } from './pool-text.ts'
import { sessionsTables } from './sessions-text.ts'

export function statusText(status: DaemonStatus): string {
  const lines = [
    `shellac ${status.version}, process ${status.pid}, ${status.state} for ${durationText(status.uptimeSec)}`,
    `configuration ${status.configuration}, generation ${status.generation}`,
    reloadLine(status),
    `${status.connections} connections, ${sizeText(status.rssBytes)} of memory, ${status.workerRestarts} workers replaced`,
    '',
    ...table(
      ['worker', 'state', 'generation', 'connections', 'heap'],
      status.workers.map((one) => [
        one.worker,
        one.state,
        one.generation,
        one.connections,
        sizeText(one.heapUsedBytes),
      ]),
    ),
    '',
    ...table(
      ['listener', 'addresses'],
      status.listeners.map((one) => [listenerName(one), one.addresses.join(' ')]),
    ),
  ]
  if (status.certificates.length > 0) lines.push('', ...certificateTable(status.certificates))
  lines.push(...sessionsTables(status.tlsSessions))
  if (status.caches.length > 0) lines.push('', ...cacheTable(status.caches), ...fleetTable(status.caches))
  if (status.backends.length > 0) lines.push('', ...backendTable(status))
  if (status.memcachedProxies.length > 0) lines.push('', ...proxyTable(status.memcachedProxies))
  if (status.pools.length > 0) lines.push('', ...poolTable(status.pools))
  return `${lines.join('\n')}\n`
}

/** Counters that are zero are left out, as most reasons never occur. */
export function statsText(stats: DaemonStats): string {
  const counters = counterTable.map(({ name, doc }) => [name, stats.counters[name] ?? 0, doc] as const)
  const causes = reasons.map(({ name, doc }) => [name, stats.reasons[name] ?? 0, doc] as const)
  const refused = reasons.map(
    ({ name, doc }) => [`hit-for-miss:${name}`, stats.refusals[name] ?? 0, `of these: ${doc}`] as const,
  )
  const lines = [
    `counted for ${durationText(stats.uptimeSec)}`,
    '',
    ...table(
      ['counter', 'value', 'what it counts'],
      counters.filter((row) => row[1] > 0),
    ),
    '',
    ...table(
      ['reason', 'answers', 'why they did not come from the cache'],
      // The most frequent first: what to look at first.
      [...causes, ...refused].filter((row) => row[1] > 0).sort((a, b) => b[1] - a[1]),
    ),
  ]
  if (stats.caches.length > 0)
    lines.push('', ...cacheCountsTable(stats.caches), '', ...cacheTable(stats.caches), ...fleetTable(stats.caches))
  if (stats.certificates.length > 0) lines.push('', ...certificateTable(stats.certificates))
  lines.push(...sessionsTables(stats.tlsSessions))
  if (stats.pools.length > 0) lines.push('', ...poolTable(stats.pools))
  if (stats.memcachedProxies.length > 0) {
    lines.push('', ...proxyTable(stats.memcachedProxies), ...commandTable(stats.memcachedProxies))
  }
  if (stats.routes !== undefined) lines.push('', ...routeTable(stats.routes))
  return `${lines.join('\n')}\n`
}

function listenerName({ kind, name }: ListenerStatus): string {
  return kind === 'listener' ? name : `${kind} ${name}`
}

/** Behind the table, what keeps a newer certificate from being shown. */
function certificateTable(certificates: readonly CertificateStatus[]): string[] {
  const rows = certificates.map(({ listener, names, file, keyType, notAfter, expiresInSec, ocspUntil }) => {
    const days = Math.floor(expiresInSec / SECONDS_PER_DAY)
    const left = expiresInSec <= 0 ? 'EXPIRED' : days === 1 ? '1 day' : `${days} days`
    return [listener, names.join(' ') || '-', keyType, notAfter, left, ocspUntil ?? '-', file ?? '-']
  })
  return [
    ...table(['listener', 'names', 'key', 'expires', 'left', 'stapled until', 'file'], rows),
    ...certificates.flatMap(({ problem }) => (problem === null ? [] : [`NOT RENEWED: ${problem}`])),
  ]
}

const SECONDS_PER_DAY = 86_400

function reloadLine(status: DaemonStatus): string {
  const last = status.lastReload
  if (last === null) return 'not reloaded yet'
  const when = new Date(last.atMs).toISOString()
  return `last reload ${when} (${last.cause}): ${last.ok ? last.summary : `REFUSED: ${last.summary}`}`
}

function cacheCountsTable(caches: readonly CacheStats[]): string[] {
  return table(
    ['cache', 'requests', 'hits', 'stale', 'misses', 'revalidated', 'collapsed', 'passes', 'hit ratio'],
    caches.map(({ name, counts, hitRatio }) => [
      name,
      counts.requests,
      counts.hits,
      counts.stale,
      counts.misses,
      counts.revalidated,
      counts.collapsed,
      counts.passes,
      hitRatio === null ? '-' : percentText(hitRatio),
    ]),
  )
}

function routeTable(routes: readonly RouteTally[]): string[] {
  return table(
    ['site', 'route', 'requests', 'hits', 'stale', 'misses', 'passes', 'synthetic', 'errors', 'hit ratio'],
    routes.map(({ site, id, counts }) => {
      const ratio = hitRatio(counts)
      return [
        site,
        id,
        counts.requests,
        counts.hits,
        counts.stale,
        counts.misses + counts.revalidated + counts.collapsed,
        counts.passes + counts.upgrades,
        counts.synthetic,
        counts.errors,
        ratio === undefined ? '-' : percentText(ratio),
      ]
    }),
  )
}

function cacheTable(caches: readonly CacheStatus[]): string[] {
  return table(
    ['cache', 'used', 'of', 'objects', 'evictions', 'fragmentation', 'purges'],
    caches.map(({ name, tier, purges }) => [
      name,
      sizeText(tier.usedBytes),
      sizeText(tier.bytes),
      tier.objects,
      tier.evictions,
      percentText(tier.fragmentation),
      purges.purges,
    ]),
  )
}

/** Caches that other nodes share: how it stands with their purges. */
function fleetTable(caches: readonly CacheStatus[]): string[] {
  const shared = caches.flatMap(({ name, fleet }) => (fleet === null ? [] : [{ name, fleet }]))
  if (shared.length === 0) return []
  const rows = table(
    ['cache', 'purge log in', 'on server', 'number', 'seen', 'waiting', 'obeyed', 'gaps', 'failures'],
    shared.map(({ name, fleet }) => [
      name,
      fleet.pool,
      fleet.server,
      fleet.sequence,
      fleet.lagMs === null ? 'never' : `${durationText(Math.round(fleet.lagMs / 1000))} ago`,
      fleet.pending,
      fleet.applied,
      fleet.gaps,
      fleet.failures,
    ]),
  )
  return ['', ...rows]
}

function backendTable(status: DaemonStatus): string[] {
  return table(
    ['backend', 'server', 'state', 'in flight', 'sent', 'failed', 'ejected'],
    status.backends.flatMap(({ name, servers }) =>
      servers.map((one) => [name, one.name, one.status, one.inFlight, one.sent, one.failedTotal, one.ejections]),
    ),
  )
}

const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function sizeText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < sizeUnits.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${sizeUnits[unit]}`
}

export function durationText(seconds: number): string {
  const days = Math.floor(seconds / 86_400)
  const hours = Math.floor((seconds % 86_400) / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  if (days > 0) return `${days}d ${hours}h`
  if (hours > 0) return `${hours}h ${minutes}m`
  return minutes > 0 ? `${minutes}m ${seconds % 60}s` : `${seconds}s`
}
