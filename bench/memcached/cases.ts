/** What is asked of the proxies: how often, how deep, how much. */
import type { McBenchOptions } from '../../src/mc-bench/options.ts'

export interface ProxyCase {
  readonly name: string
  readonly title: string
  /** What Shellac's CPU time per operation may be at most, as a part of nutcracker's. */
  readonly target: number
  readonly load: Pick<McBenchOptions, 'connections' | 'pipeline' | 'mix' | 'valueBytes' | 'multiKeys'>
}

const CONNECTIONS = 50
const VALUE_BYTES = 100
const onlyGets = { get: 1, multi: 0, set: 0 }

export const proxyCases: readonly ProxyCase[] = [
  {
    name: 'get',
    title: 'get, one at a time',
    target: 1.1,
    load: {
      connections: CONNECTIONS,
      pipeline: 1,
      mix: onlyGets,
      valueBytes: [VALUE_BYTES, VALUE_BYTES],
      multiKeys: 1,
    },
  },
  {
    name: 'get-16',
    title: 'get, 16 deep',
    target: 0.5,
    load: {
      connections: CONNECTIONS,
      pipeline: 16,
      mix: onlyGets,
      valueBytes: [VALUE_BYTES, VALUE_BYTES],
      multiKeys: 1,
    },
  },
  {
    name: 'multi-get',
    title: 'multi-get of 10 keys over 3 servers',
    target: 0.8,
    load: {
      connections: CONNECTIONS,
      pipeline: 1,
      mix: { get: 0, multi: 1, set: 0 },
      valueBytes: [VALUE_BYTES, VALUE_BYTES],
      multiKeys: 10,
    },
  },
  {
    name: 'set-16',
    title: 'set 1 KB, 16 deep',
    target: 1.2,
    load: {
      connections: CONNECTIONS,
      pipeline: 16,
      mix: { get: 0, multi: 0, set: 1 },
      valueBytes: [1024, 1024],
      multiKeys: 1,
    },
  },
]

const KEYS = 10_000

/** The whole load of a case against 127.0.0.1:`port`. */
export function loadOf({ load }: Pick<ProxyCase, 'load'>, port: number, seconds: number): McBenchOptions {
  return {
    ...load,
    target: { host: '127.0.0.1', port },
    protocol: 'classic',
    keys: KEYS,
    keyPrefix: 'bench:',
    operations: Number.MAX_SAFE_INTEGER,
    durationMs: seconds * 1000,
    preload: true,
    stallMs: 10_000,
  }
}
