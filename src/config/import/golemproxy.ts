/**
 * The configuration of golemproxy: twemproxy's, of which it reads a part and does less. It passes over options it does not know,
 * takes one hash and one distribution, and puts every server on the ring as `host:port`, whatever its name and port.
 */
import { serverLabel } from '../../ring/label.ts'
import type { Diagnostic } from '../diagnostics.ts'
import type { Source } from '../source.ts'
import { readListen, readServers } from './addresses.ts'
import type { ImportedPool, ImportedServer } from './imported-pool.ts'
import { OptionReader } from './option-reader.ts'
import { PoolNames } from './pool-names.ts'
import { readYamlPools, type YamlPool } from './yaml-pools.ts'

/** What it takes where nothing is written. */
const TIMEOUT_MS = 1000
const MIN_TIMEOUT_MS = 10
const MAX_TIMEOUT_MS = 60_000

/** In its example files, though it does nothing about them. */
const WITHOUT_EFFECT = ['auto_eject_hosts', 'server_retry_timeout', 'server_failure_limit']

/** The pools of the file; with errors among `problems` they are not all of it. */
export function importGolemproxy(source: Source, problems: Diagnostic[]): ImportedPool[] {
  const names = new PoolNames()
  const pools = readYamlPools(source, problems)
  const ours = new Map(pools.map((pool) => [pool.name.text, names.nameOf(pool.name.text, [])]))
  return pools.flatMap((pool) => {
    const reader = new OptionReader(pool, problems)
    const imported = readPool(pool, reader, names, ours)
    reader.finish()
    return imported ?? []
  })
}

function readPool(
  pool: YamlPool,
  reader: OptionReader,
  names: PoolNames,
  ours: ReadonlyMap<string, string>,
): ImportedPool | undefined {
  const remarks = ['golemproxy hashes bytes above 127 another way: keys with them may be found elsewhere']
  const name = ours.get(pool.name.text)!
  if (name !== pool.name.text) remarks.push(`called ${JSON.stringify(pool.name.text)} there`)
  const at = reader.required('listen')
  const listening = at === undefined ? undefined : readListen(at, reader)
  if (at !== undefined && listening !== undefined) names.checkListen(at, listening.listen, reader)
  reader.required('hash')
  reader.required('distribution')
  const failover = readFailover(pool, reader, ours, remarks)
  for (const option of WITHOUT_EFFECT) {
    if (reader.text(option) !== undefined) remarks.push(`golemproxy did nothing about ${option}`)
  }
  if (reader.number('backlog') !== undefined) remarks.push('golemproxy did nothing about backlog, which meant requests')
  const imported = {
    name,
    givenName: pool.name.text,
    hash: reader.oneOf('hash', ['fnv1a_64']) ?? 'fnv1a_64',
    hashTag: undefined,
    distribution: reader.oneOf('distribution', ['ketama']) ?? 'ketama',
    timeoutMs: readTimeout(reader),
    backlog: undefined,
    preconnect: reader.boolean('preconnect') ?? false,
    serverConnections: 1,
    eject: undefined,
    clientConnections: undefined,
    keepAlive: false,
    failover,
    servers: readServers(reader.list('servers'), reader, asOnItsRing),
    remarks,
  }
  return listening === undefined ? undefined : { ...imported, ...listening }
}

/** golemproxy looks no such pool up; here there must be one, and not the pool itself. */
function readFailover(
  pool: YamlPool,
  reader: OptionReader,
  ours: ReadonlyMap<string, string>,
  remarks: string[],
): string | undefined {
  const failover = reader.text('failover')
  if (failover === undefined) return undefined
  if (failover.text === pool.name.text) {
    remarks.push('golemproxy had the pool as its own failover')
    return undefined
  }
  const name = ours.get(failover.text)
  if (name === undefined) return reader.error(failover, 'unknown-name', `the file has no pool "${failover.text}"`)
  remarks.push('golemproxy did nothing about failover; here it works')
  return name
}

function readTimeout(reader: OptionReader): number | undefined {
  const timeoutMs = reader.number('timeout') ?? TIMEOUT_MS
  if (timeoutMs >= MIN_TIMEOUT_MS && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs
  return reader.error(reader.text('timeout')!, 'bad-number', `"timeout" is ${MIN_TIMEOUT_MS} to ${MAX_TIMEOUT_MS}`)
}

/** Named `host:port` where our label would be another: with a name of its own, and at Memcached's port. */
function asOnItsRing({ address, weight }: ImportedServer): ImportedServer {
  if (address.kind === 'unix') return { name: undefined, address, weight }
  const label = `${address.host}:${address.port}`
  return { name: serverLabel(undefined, address) === label ? undefined : label, address, weight }
}
