/** The real daemon as a memcached-proxy in front of real memcached servers. */
import { type Daemon, startShellac } from '../support/daemon.ts'
import { type Conversation, connectMemcached, startMemcached, type TestMemcached } from '../support/memcached.ts'

export interface ProxiedPoolOptions {
  /** Running servers, in the order of the pool; their names are mc1, mc2 ... Three new ones if absent. */
  readonly servers?: readonly TestMemcached[]
  /** Statements of the pool. */
  readonly pool?: string
  /** Statements of the proxy. */
  readonly proxy?: string
  /** Further blocks. */
  readonly more?: string
  readonly workers?: number
}

export interface ProxiedPool {
  readonly servers: readonly TestMemcached[]
  readonly shellac: Daemon
  /** A new client of the proxy. */
  connect(): Promise<Conversation>
  /** Sends `request` on a connection of its own, and gives what comes back up to where `end` matches. */
  ask(request: string, end?: RegExp): Promise<string>
}

/** A `memcached` block. */
export function poolBlock(name: string, servers: readonly TestMemcached[], statements = ''): string {
  const lines = servers.map(({ text }, index) => `server mc${index + 1} ${text};`)
  return `memcached ${name} { ${lines.join(' ')} ${statements} }\n`
}

/** The configuration of a proxied pool, as startProxiedPool writes it. */
export function proxyConfig(servers: readonly TestMemcached[], options: ProxiedPoolOptions = {}): string {
  return `shellac 1;
process { workers ${options.workers ?? 1}; }
reload { watch off; }
admin { listen unix:%dir%/admin.sock; }
${poolBlock('edge', servers, options.pool)}${options.more ?? ''}
memcached-proxy local { listen %listen%; pool edge; ${options.proxy ?? ''} }`
}

export async function startProxiedPool(options: ProxiedPoolOptions = {}): Promise<ProxiedPool> {
  const servers = options.servers ?? (await startServers(3))
  const shellac = await startShellac({ config: proxyConfig(servers, options) })
  const connect = () => connectMemcached({ port: shellac.port, host: '127.0.0.1' })
  return {
    servers,
    shellac,
    connect,
    async ask(request, end = /\r\n$/) {
      const client = await connect()
      try {
        client.send(request)
        return await client.readUntil(end)
      } finally {
        client.socket.destroy()
      }
    },
  }
}

export function startServers(count: number): Promise<TestMemcached[]> {
  return Promise.all(Array.from({ length: count }, () => startMemcached({ args: ['-m', '64', '-t', '1'] })))
}
