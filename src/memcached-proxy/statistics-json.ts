/**
 * The statistics of twemproxy, letter for letter in its shape, for the programs that collect them: one object with every pool
 * that a proxy uses, its servers inside. Whichever worker writes it, the numbers are those of all workers, as they are kept
 * in shared memory.
 *
 * A pool there is listener and servers in one. Here the clients of a proxy are counted in the pool it is in front of, and
 * pools that are only used beside one (failover, routes) have servers but no clients.
 */
import { hostname } from 'node:os'
import type { Pool } from '../memcached/pool.ts'
import { compareLabels } from '../ring/label.ts'
import { type Pools, type ProxyRuntime, poolsOf } from './proxy-runtime.ts'
import { type ProxyCounts, readProxyCounts } from './proxy-state.ts'

/** Text with its line end. */
export function statisticsJson(proxies: readonly ProxyRuntime[], pools: Pools, version: string): string {
  const uses = new Map(proxies.map(({ plan, state }) => [plan.name, readProxyCounts(state)]))
  const names = [...new Set(proxies.flatMap(({ plan }) => poolsOf(plan)))].sort(compareLabels)
  const blocks = names.map((name) => {
    const own = proxies.filter(({ plan }) => plan.pool === name).map(({ plan }) => uses.get(plan.name)!)
    return `${JSON.stringify(name)}: ${poolBlock(pools.get(name), own)}`
  })
  const servers = names.flatMap((name) => serversOf(pools.get(name)))
  const head = [
    field('service', '"nutcracker"'),
    field('source', JSON.stringify(hostname())),
    field('version', JSON.stringify(version)),
    field('uptime', Math.floor(process.uptime())),
    field('timestamp', Math.floor(Date.now() / 1000)),
    ...connectionFields([...uses.values()], servers),
  ]
  return `{${head.join(', ')}${blocks.length === 0 ? '' : `, ${blocks.join(',')}`}}\n`
}

/** Clients, servers and listening sockets together. */
function connectionFields(uses: readonly ProxyCounts[], servers: readonly PoolServer[]): string[] {
  let total = 0
  let current = 0
  for (const { tallies } of uses) {
    total += tallies.accepted + tallies.listening
    current += tallies.clientConnections + tallies.listening
  }
  for (const { use } of servers) {
    total += use.serverConnections + use.serverEof + use.serverErr + use.serverTimedOut
    current += use.serverConnections
  }
  return [field('total_connections', total), field('curr_connections', current)]
}

function poolBlock(pool: Pool, uses: readonly ProxyCounts[]): string {
  const sum = (name: keyof ProxyCounts['tallies']): number => uses.reduce((total, use) => total + use.tallies[name], 0)
  const servers = serversOf(pool)
  const fields = [
    field('client_eof', sum('clientEof')),
    field('client_err', sum('clientErr')),
    field('client_connections', sum('clientConnections')),
    field(
      'server_ejects',
      servers.reduce((total, { ejections }) => total + ejections, 0),
    ),
    field('forward_error', sum('forwardError')),
    field('fragments', sum('fragments')),
  ]
  const blocks = servers.map((server) => `${JSON.stringify(server.label)}: ${serverBlock(server)}`)
  return `{${fields.join(', ')}, ${blocks.join(',')}}`
}

function serverBlock({ use, ejectedAtUs }: PoolServer): string {
  return `{${[
    field('server_eof', use.serverEof),
    field('server_err', use.serverErr),
    field('server_timedout', use.serverTimedOut),
    field('server_connections', use.serverConnections),
    field('server_ejected_at', ejectedAtUs),
    field('requests', use.requests),
    field('request_bytes', use.requestBytes),
    field('responses', use.responses),
    field('response_bytes', use.responseBytes),
    field('in_queue', use.inQueue),
    field('in_queue_bytes', use.inQueueBytes),
    field('out_queue', use.outQueue),
    field('out_queue_bytes', use.outQueueBytes),
  ].join(', ')}}`
}

type PoolServer = ReturnType<typeof serversOf>[number]

/** In the order of their labels, which is that of the ring. */
function serversOf({ placement, labels, state }: Pool) {
  return placement.order.map((server) => ({
    label: labels[server]!,
    use: state.use(server),
    ejections: state.ejections(server),
    ejectedAtUs: state.ejectedAtUs(server),
  }))
}

function field(name: string, value: string | number): string {
  return `"${name}":${value}`
}
