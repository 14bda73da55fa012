/** `memcached NAME { ... }` and `memcached-proxy NAME { ... }` to the Plan. */
import type { MemcachedLimitsPlan, MemcachedPlan, MemcachedProxyPlan } from '../../plan/memcached-plan.ts'
import type { Network } from '../../plan/plan.ts'
import { serverLabel } from '../../ring/label.ts'
import { type Block, headOf, type Node } from '../checked.ts'
import { setting } from '../defaults.ts'
import { cache, poolTierOf } from '../directives/cache.ts'
import * as pool from '../directives/memcached.ts'
import * as proxy from '../directives/memcached-proxy.ts'
import { placeOf } from './place.ts'

/** A pool that a cache asks before the origin: waiting longer than the origin takes helps nobody. */
const TIER_TIMEOUT_MS = 50
/** Any other: its clients have nobody else to ask. */
const PROXY_TIMEOUT_MS = 1000

export function buildPools(main: Block): readonly MemcachedPlan[] {
  const tiers = new Set(main.all(cache).map((node) => poolTierOf(node.block)?.value.pool))
  return main.all(pool.memcached).map((node) => buildPool(node, tiers.has(node.value)))
}

function buildPool(node: Node<string>, isTier: boolean): MemcachedPlan {
  const { block } = node
  return {
    name: node.value,
    servers: block.all(pool.poolServer).map((server) => ({
      label: serverLabel(server.value.name, server.value.address),
      address: server.value.address,
      weight: server.value.weight,
      place: placeOf(headOf(server)),
    })),
    hash: setting(pool.hash, block),
    hashTag: block.value(pool.hashTag),
    distribution: setting(pool.distribution, block),
    timeoutMs: block.value(pool.poolTimeout) ?? (isTier ? TIER_TIMEOUT_MS : PROXY_TIMEOUT_MS),
    connections: setting(pool.poolConnections, block),
    preconnect: setting(pool.preconnect, block),
    keepAlive: setting(pool.poolKeepAlive, block),
    eject: setting(pool.poolEject, block).rule,
    maxItemBytes: setting(pool.maxItem, block),
    maxBacklogBytes: setting(pool.maxBacklog, block),
    auth: block.value(pool.poolAuth),
    place: placeOf(headOf(node)),
  }
}

export function buildMemcachedProxy(node: Node<string>): MemcachedProxyPlan {
  const { block } = node
  return {
    name: node.value,
    addresses: block.all(proxy.proxyListen).map((listen) => listen.value),
    statsAddresses: block.all(proxy.proxyStats).map((stats) => stats.value),
    pool: block.value(proxy.proxyPool) ?? '',
    failover: block.value(proxy.failover),
    replicate: block.value(proxy.replicate),
    warmFrom: block.value(proxy.warm),
    routes: block
      .all(proxy.prefixRoute)
      .map((route) => ({ ...route.value, place: placeOf(headOf(route)) }))
      .sort((a, b) => Buffer.byteLength(b.prefix) - Buffer.byteLength(a.prefix)),
    flushAll: setting(proxy.flushAll, block),
    access: buildAccess(block),
    connections: setting(proxy.clientConnections, block),
    backlog: setting(proxy.backlog, block),
    keepAlive: setting(proxy.clientKeepAlive, block),
    limits: buildLimits(block.child(proxy.memcachedLimits)),
    place: placeOf(headOf(node)),
  }
}

function buildLimits(block: Block): MemcachedLimitsPlan {
  return {
    lineBytes: setting(proxy.lineLimit, block),
    valueBytes: setting(proxy.valueLimit, block),
    outstanding: setting(proxy.outstanding, block),
    clientBacklogBytes: setting(proxy.clientBacklog, block),
  }
}

const everybody: readonly Network[] = [
  { address: '0.0.0.0', prefix: 0, family: 'ipv4' },
  { address: '::', prefix: 0, family: 'ipv6' },
]

/** As the access of sites: who is denied, then who is allowed, then the rest, who stay out where somebody is allowed. */
function buildAccess(block: Block): MemcachedProxyPlan['access'] {
  const listed = (directive: typeof proxy.networkAllow): readonly Network[] =>
    block.all(directive).flatMap((node) => node.value.networks ?? [])
  const hasAll = (directive: typeof proxy.networkAllow): boolean =>
    block.all(directive).some((node) => node.value.networks === undefined)
  const denied = listed(proxy.networkDeny)
  const allowed = listed(proxy.networkAllow)
  const isRestOut = hasAll(proxy.networkDeny) || (allowed.length > 0 && !hasAll(proxy.networkAllow))
  const rules = [
    { allow: false, networks: denied },
    { allow: true, networks: allowed },
    { allow: false, networks: isRestOut ? everybody : [] },
  ]
  return rules.filter(({ networks }) => networks.length > 0)
}
