/** Three memcached servers and the proxies in front of them, each pinned to its core. */
import { join } from 'node:path'
import { freePort } from '../../test/support/ports.ts'
import { startPinned, versionOf } from '../process.ts'
import {
  fillTemplate,
  LOAD_CORE,
  type RunningServer,
  SERVER_CORE,
  shellacCommand,
  shellacVersion,
  untilListening,
} from '../servers.ts'

export const proxyNames = ['shellac', 'nutcracker'] as const
export type ProxyName = (typeof proxyNames)[number]

/** More than any case stores: nothing is ever evicted. */
const MEMORY_MB = 256

export async function startMemcached(): Promise<RunningServer> {
  const port = await freePort()
  return untilListening('memcached', port, startPinned(LOAD_CORE, memcachedCommand(port)))
}

export function memcachedCommand(port: number): string[] {
  return [
    'memcached',
    ...['-l', '127.0.0.1', '-p', `${port}`, '-U', '0', '-t', '1', '-m', `${MEMORY_MB}`, '-c', '4096'],
    ...(process.getuid?.() === 0 ? ['-u', 'root'] : []),
  ]
}

export interface ProxyOptions {
  /** Ports of the three servers. */
  readonly servers: readonly number[]
  readonly cores?: string
  /** Shellac only. */
  readonly workers?: number
}

/** Each with a folder of its own, so that several of a name may run. */
let started = 0

export async function startProxy(name: ProxyName, options: ProxyOptions): Promise<RunningServer> {
  const port = await freePort()
  const [first = 0, second = 0, third = 0] = options.servers
  const words = { port, first, second, third, workers: options.workers ?? 1 }
  const template = name === 'shellac' ? 'memcached-proxy.conf' : 'nutcracker.yml'
  const { config, dir } = fillTemplate(`${name}-${started++}`, template, words)
  const command = name === 'shellac' ? shellacCommand(config) : await nutcrackerCommand(config, dir)
  return untilListening(name, port, startPinned(options.cores ?? SERVER_CORE, command))
}

async function nutcrackerCommand(config: string, dir: string): Promise<string[]> {
  const stats = ['-a', '127.0.0.1', '-s', `${await freePort()}`]
  return ['nutcracker', '-c', config, ...stats, '-p', join(dir, 'pid'), '-o', join(dir, 'log')]
}

export function versionOfProxy(name: ProxyName): string {
  return name === 'shellac' ? shellacVersion() : versionOf('nutcracker', '-V')
}
