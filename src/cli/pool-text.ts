/** Pools of memcached servers, and who owns a key, as a person reads it. */
import type { DrainResult } from '../daemon/pool-commands.ts'
import type { KeyOwner } from '../memcached/key-owner.ts'
import type { PoolFacts, PoolServerFacts } from '../memcached/pool-facts.ts'
import type { ProxyFacts } from '../memcached-proxy/proxy-facts.ts'
import { percentText, table } from './columns.ts'

/** What an operator looks at first: who lives, who owns how much, who is slow. */
export function poolTable(pools: readonly PoolFacts[]): string[] {
  return table(
    ['pool', 'server', 'address', 'state', 'weight', 'share', 'open', 'requests', 'errors', 'ejected', 'p50', 'p99'],
    pools.flatMap(({ name, servers }) =>
      servers.map((one) => [
        name,
        one.label,
        one.address,
        stateText(one),
        one.weight,
        percentText(one.share),
        one.use.serverConnections,
        one.use.requests,
        one.errors,
        one.ejections,
        latencyText(one.p50Ms),
        latencyText(one.p99Ms),
      ]),
    ),
  )
}

/** Who is connected to the memcached proxies, and what went wrong with them. */
export function proxyTable(proxies: readonly ProxyFacts[]): string[] {
  return table(
    ['memcached-proxy', 'pool', 'clients', 'accepted', 'turned away', 'lost', 'refused', 'failed', 'failed over'],
    proxies.map(({ name, pool, tallies }) => [
      name,
      pool,
      tallies.clientConnections,
      tallies.accepted,
      tallies.turnedAway,
      tallies.clientErr,
      tallies.refused,
      tallies.forwardError,
      tallies.failedOver,
    ]),
  )
}

/** What they asked; empty: nothing. */
export function commandTable(proxies: readonly ProxyFacts[]): string[] {
  const rows = proxies.flatMap(({ name, commands }) =>
    commands.map((one) => [name, one.name, one.count, latencyText(one.p50Ms), latencyText(one.p99Ms)]),
  )
  return rows.length === 0 ? [] : ['', ...table(['memcached-proxy', 'command', 'requests', 'p50', 'p99'], rows)]
}

/** Each pool by itself, with all its counters in the words of twemproxy. */
export function poolStatsText(pools: readonly PoolFacts[]): string {
  const parts = pools.map((pool) => {
    const tag = pool.hashTag === null ? '' : `, hash tag "${pool.hashTag}"`
    const counters = table(
      ['server', 'requests', 'bytes', 'responses', 'bytes', 'unsent', 'unanswered', 'eof', 'err', 'timedout'],
      pool.servers.map(({ label, use }) => [
        label,
        use.requests,
        use.requestBytes,
        use.responses,
        use.responseBytes,
        use.inQueue,
        use.outQueue,
        use.serverEof,
        use.serverErr,
        use.serverTimedOut,
      ]),
    )
    const head = `pool ${pool.name}: ${pool.distribution} over ${pool.hash}${tag}`
    return [head, '', ...poolTable([pool]), '', ...counters, ...commandCounts(pool)].join('\n')
  })
  return `${parts.join('\n\n')}\n`
}

function commandCounts({ commands }: PoolFacts): string[] {
  const rows = Object.entries(commands)
  return rows.length === 0 ? [] : ['', ...table(['command of clients', 'requests'], rows)]
}

/** A line for each key and pool. */
export function ownersText(owners: readonly KeyOwner[]): string {
  const rows = owners.map((one) => [one.key, one.pool, hashText(one), ownerText(one)])
  return `${table(['key', 'pool', 'hash', 'server'], rows).join('\n')}\n`
}

export function drainText({ pool, server, drained, changed, share, live }: DrainResult): string {
  const where = `server ${server} of pool ${pool}`
  if (!changed) return `${where} ${drained ? 'was drained already' : 'was not drained'}\n`
  const keys = `${percentText(share)} of the keys`
  if (drained && live === 0)
    return `${where} is drained, and no other one is live: its requests fail, its caches ask the origin\n`
  return drained
    ? `${where} is drained: ${keys} go to the others, also after reloads, until "shellac pool undrain ${server}" or a restart\n`
    : `${where} gets its keys back: ${keys}; what it holds of them may be older than what the others were given since\n`
}

function stateText({ state, probeInMs }: PoolServerFacts): string {
  return state === 'ejected' ? `ejected (${Math.ceil(probeInMs / 1000)} s)` : state
}

function latencyText(ms: number | null): string {
  if (ms === null) return '-'
  return ms < 10 ? `${ms.toFixed(2)} ms` : `${Math.round(ms)} ms`
}

/** `0x9b3f21d4`, with the part of the key that it is of where that is not the whole. */
function hashText({ key, hashed, hash }: KeyOwner): string {
  const digits = `0x${hash.toString(16).padStart(8, '0')}`
  return hashed === key ? digits : `${digits} of "${hashed}"`
}

function ownerText({ owner, home, isRandom }: KeyOwner): string {
  if (isRandom) return 'any, drawn for each request'
  if (owner === null) return `none is live (${home} when it is)`
  return owner === home ? owner : `${owner} (in place of ${home})`
}
