/** `-store memcached:POOL`: sessions in a pool that a shellac.conf describes, sealed with a secret of the fleet. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { MIN_SECRET_BYTES } from '../distcache/sealed.ts'
import { describeError } from '../log/errno.ts'
import { Pool } from '../memcached/pool.ts'
import { createPoolState, MAIN_THREAD } from '../memcached/pool-state.ts'
import type { MemcachedPlan } from '../plan/memcached-plan.ts'
import { SessionPool } from '../tls/session-pool.ts'
import { findEntry, readConfig } from './config-entry.ts'
import { type DcOption, type DcValues, dcStrictNumber } from './dc-options.ts'
import type { Say } from './dc-process.ts'
import { UsageError } from './options.ts'

export const dcStoreOptions: readonly DcOption[] = [
  {
    name: 'store',
    value: 'memcached:POOL',
    doc: 'keep sessions in this memcached pool, where they outlive the server; -sessions is nothing then',
  },
  { name: 'config', value: 'FILE', doc: 'with -store: the configuration that has the pool; default as for the daemon' },
  {
    name: 'seal',
    value: 'FILE|cred:NAME',
    doc: 'with -store: the secret that seals what lies in the pool, 16 bytes or more',
  },
  { name: 'wait', value: 'MS', doc: 'with -store: how long the pool may take, else the answer is NOT OK; default 200' },
]

const PREFIX = 'memcached:'
const MAX_WAIT_MS = 60_000
const DEFAULT_WAIT_MS = 200
const READABLE_BY_OTHERS = 0o077

export interface PoolStore {
  readonly sessions: SessionPool
  readonly close: () => void
}

/** undefined: sessions are kept in memory. Throws a UsageError, or an Error for the operator. */
export function openDcStore(values: DcValues, say: Say): PoolStore | undefined {
  const text = values.get('store')
  if (text === undefined) return undefined
  if (!text.startsWith(PREFIX)) throw new UsageError(`-store is like memcached:POOL, not "${text}"`)
  const secret = readSeal(values, say)
  const waitMs = dcStrictNumber(values, 'wait', { usual: DEFAULT_WAIT_MS, min: 1, max: MAX_WAIT_MS })
  const plan = findPool(values, text.slice(PREFIX.length))
  const pool = new Pool(plan, createPoolState(plan, 0), {
    worker: MAIN_THREAD,
    log: (level, message) => say(level === 'error' ? 'Error' : level === 'warn' ? 'Warning' : 'Info', message),
    onFault: (error) => say('Error', describeError(error)),
  })
  return { sessions: new SessionPool({ pool, secret, waitMs }), close: () => pool.destroy() }
}

function findPool(values: DcValues, name: string): MemcachedPlan {
  const config = values.get('config')
  const entry = findEntry(new Map(), config)
  const { plan } = readConfig(entry)
  const file = entry.kind === 'file' ? entry.path : entry.name
  if (plan === undefined) throw new Error(`"${file}" has errors; "shellac check ${file}" says which`)
  const pool = plan.memcached.find((one) => one.name === name)
  if (pool !== undefined) return pool
  const names = plan.memcached.map((one) => `"${one.name}"`).join(', ')
  throw new Error(
    `"${file}" has no memcached pool "${name}"; ${names === '' ? 'it has none at all' : `it has ${names}`}`,
  )
}

/** The bytes of the file, without line ends behind them. */
function readSeal(values: DcValues, say: Say): Buffer {
  const text = values.get('seal')
  if (text === undefined) throw new UsageError('-store wants -seal FILE or -seal cred:NAME: sessions are secrets')
  const path = text.startsWith('cred:') ? credentialPath(text.slice('cred:'.length)) : text
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
    if ((statSync(path).mode & READABLE_BY_OTHERS) !== 0) say('Warning', `others may read "${path}": chmod 600`)
  } catch (error) {
    throw new Error(`cannot read the seal "${path}": ${describeError(error)}`)
  }
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end--
  if (end >= MIN_SECRET_BYTES) return bytes.subarray(0, end)
  throw new Error(
    `the seal "${path}" is too short: at least ${MIN_SECRET_BYTES} bytes, "openssl rand -base64 32" makes one`,
  )
}

function credentialPath(name: string): string {
  const directory = process.env.CREDENTIALS_DIRECTORY
  if (directory === undefined) throw new Error('the service manager has passed no credentials')
  if (!/^[\w.-]{1,255}$/.test(name) || name === '..' || name === '.')
    throw new UsageError(`"${name}" is no name of a credential`)
  return join(directory, name)
}
