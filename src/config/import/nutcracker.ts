/** nutcracker.yml, the configuration of twemproxy, with the checks of twemproxy. */
import { hashNames } from '../../ring/hash.ts'
import type { Diagnostic } from '../diagnostics.ts'
import type { Source } from '../source.ts'
import { readListen, readServers } from './addresses.ts'
import type { ImportedPool } from './imported-pool.ts'
import { OptionReader } from './option-reader.ts'
import { PoolNames } from './pool-names.ts'
import { readYamlPools, type YamlPool } from './yaml-pools.ts'

// What twemproxy takes where nothing is written.
const FAILURE_LIMIT = 2
const RETRY_TIMEOUT_MS = 30_000

// As far as our language goes.
const MAX_BACKLOG = 65_535
const MAX_SERVER_CONNECTIONS = 64
const MAX_CLIENT_CONNECTIONS = 1_000_000
const MAX_FAILURES = 1000
/** A day. */
const MAX_WAIT_MS = 86_400_000

/** The pools of the file; with errors among `problems` they are not all of it. */
export function importNutcracker(source: Source, problems: Diagnostic[]): ImportedPool[] {
  const names = new PoolNames()
  return readYamlPools(source, problems).flatMap((pool) => {
    const reader = new OptionReader(pool, problems)
    const imported = readPool(pool, reader, names)
    reader.finish()
    return imported ?? []
  })
}

function readPool(pool: YamlPool, reader: OptionReader, names: PoolNames): ImportedPool | undefined {
  const remarks: string[] = []
  refuseRedis(reader)
  const at = reader.required('listen')
  const listening = at === undefined ? undefined : readListen(at, reader)
  if (at !== undefined && listening !== undefined) names.checkListen(at, listening.listen, reader)
  const timeoutMs = reader.numberUpTo('timeout', MAX_WAIT_MS)
  // The same to twemproxy.
  const hasTimeout = timeoutMs !== undefined && timeoutMs > 0
  if (!hasTimeout) remarks.push('nutcracker waited for ever: no timeout was set')
  const clientConnections = reader.numberUpTo('client_connections', MAX_CLIENT_CONNECTIONS)
  if (clientConnections !== undefined && clientConnections > 0) {
    remarks.push('nutcracker ignored client_connections; here "connections" is a limit, for each worker')
  }
  reader.ignore('reuseport')
  const imported = {
    name: names.nameOf(pool.name.text, remarks),
    givenName: pool.name.text,
    hash: reader.oneOf('hash', hashNames) ?? 'fnv1a_64',
    hashTag: readHashTag(reader),
    distribution: reader.oneOf('distribution', ['ketama', 'modula', 'random']) ?? 'ketama',
    timeoutMs: hasTimeout ? timeoutMs : undefined,
    backlog: reader.numberUpTo('backlog', MAX_BACKLOG, 1),
    preconnect: reader.boolean('preconnect') ?? false,
    serverConnections: reader.numberUpTo('server_connections', MAX_SERVER_CONNECTIONS, 1) ?? 1,
    eject: readEject(reader),
    clientConnections: clientConnections === 0 ? undefined : clientConnections,
    keepAlive: reader.boolean('tcpkeepalive') ?? false,
    failover: undefined,
    servers: readServers(reader.list('servers'), reader),
    remarks,
  }
  return listening === undefined ? undefined : { ...imported, ...listening }
}

function refuseRedis(reader: OptionReader): void {
  const redis = reader.text('redis')
  if (redis?.text === 'true') {
    reader.error(
      redis,
      'redis-pool',
      `"${reader.pool.name.text}" is a pool of Redis servers; Shellac speaks to memcached only`,
      'take the pool out of the file',
    )
  } else {
    reader.boolean('redis')
  }
  for (const name of ['redis_auth', 'redis_db'] as const) {
    const option = reader.text(name)
    if (option !== undefined && redis?.text !== 'true') {
      reader.error(option, 'redis-pool', `"${name}" belongs to pools of Redis servers`)
    }
  }
}

function readHashTag(reader: OptionReader): string | undefined {
  const value = reader.text('hash_tag')
  if (value === undefined || /^[!-~]{2}$/.test(value.text)) return value?.text
  return reader.error(value, 'bad-hash-tag', `"${value.text}" is not two visible characters`, 'such as "{}"')
}

function readEject(reader: OptionReader): ImportedPool['eject'] {
  const isOn = reader.boolean('auto_eject_hosts') ?? false
  const afterFailures = reader.numberUpTo('server_failure_limit', MAX_FAILURES, 1) ?? FAILURE_LIMIT
  const forMs = reader.numberUpTo('server_retry_timeout', MAX_WAIT_MS, 1) ?? RETRY_TIMEOUT_MS
  return isOn ? { afterFailures, forMs } : undefined
}
