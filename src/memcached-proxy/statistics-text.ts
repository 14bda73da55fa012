/** The answer to `stats`: the counters of the proxy that is asked, and of the servers of its pool together. */
import { SPOKEN_VERSION } from './own-answers.ts'
import type { ProxyRuntime } from './proxy-runtime.ts'
import { readProxyCounts } from './proxy-state.ts'

/** `STAT` lines and `END`. Names that memcached has too mean the same as there. */
export function statisticsText(proxy: ProxyRuntime, version: string): Buffer {
  const { tallies, commands } = readProxyCounts(proxy.state)
  const { state } = proxy.pool
  const servers = Array.from({ length: state.servers }, (_, server) => server)
  const uses = servers.map((server) => state.use(server))
  const sum = (name: keyof (typeof uses)[number]): number => uses.reduce((total, use) => total + use[name], 0)
  const lines: [string, string | number][] = [
    ['pid', process.pid],
    ['uptime', Math.floor(process.uptime())],
    ['time', Math.floor(Date.now() / 1000)],
    ['version', SPOKEN_VERSION],
    ['shellac_version', version],
    ['pool', proxy.pool.name],
    ['curr_connections', tallies.clientConnections],
    ['total_connections', tallies.accepted],
    ['rejected_connections', tallies.turnedAway],
    ['bytes_read', tallies.bytesIn],
    ['bytes_written', tallies.bytesOut],
    ...Object.entries(commands).map(([name, count]): [string, number] => [`cmd_${name}`, count]),
    ['client_eof', tallies.clientEof],
    ['client_err', tallies.clientErr],
    ['client_connections', tallies.clientConnections],
    ['server_ejects', servers.reduce((total, server) => total + state.ejections(server), 0)],
    ['forward_error', tallies.forwardError],
    ['fragments', tallies.fragments],
    ['refused_requests', tallies.refused],
    ['failed_over', tallies.failedOver],
    ['by_replica', tallies.byReplica],
    ['warmed', tallies.warmed],
    ['servers', servers.length],
    ['servers_live', servers.filter((server) => state.isLive(server)).length],
    ['server_eof', sum('serverEof')],
    ['server_err', sum('serverErr')],
    ['server_timedout', sum('serverTimedOut')],
    ['server_connections', sum('serverConnections')],
    ['requests', sum('requests')],
    ['request_bytes', sum('requestBytes')],
    ['responses', sum('responses')],
    ['response_bytes', sum('responseBytes')],
    ['in_queue', sum('inQueue')],
    ['in_queue_bytes', sum('inQueueBytes')],
    ['out_queue', sum('outQueue')],
    ['out_queue_bytes', sum('outQueueBytes')],
  ]
  return Buffer.from(`${lines.map(([name, value]) => `STAT ${name} ${value}\r\n`).join('')}END\r\n`, 'latin1')
}
