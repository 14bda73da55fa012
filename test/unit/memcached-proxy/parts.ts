/** A proxy of this process: one client connection that is fed by hand, over a real pool; what it writes is read from a socket. */
import { createServer, type Socket } from 'node:net'
import type { Pool } from '../../../src/memcached/pool.ts'
import { ClientConnection } from '../../../src/memcached-proxy/client-connection.ts'
import { ProxyListener } from '../../../src/memcached-proxy/proxy-listener.ts'
import { ProxyRuntime } from '../../../src/memcached-proxy/proxy-runtime.ts'
import { createProxyState, type ProxyUse, readProxyUse } from '../../../src/memcached-proxy/proxy-state.ts'
import { ProxyWorker } from '../../../src/memcached-proxy/proxy-worker.ts'
import type { MemcachedProxyPlan } from '../../../src/plan/memcached-plan.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { connectSocket, Wire } from '../../support/wire.ts'

export function proxyPlan(changes: Partial<MemcachedProxyPlan> = {}): MemcachedProxyPlan {
  return {
    name: 'local',
    addresses: [],
    statsAddresses: [],
    pool: 'edge',
    failover: undefined,
    replicate: undefined,
    warmFrom: undefined,
    routes: [],
    flushAll: false,
    access: [],
    connections: 100,
    backlog: 512,
    keepAlive: false,
    limits: { lineBytes: 1024 * 1024, valueBytes: 1024 * 1024, outstanding: 4096, clientBacklogBytes: 4 * 1024 * 1024 },
    place: { file: 'test.conf', line: 1, column: 1 },
    ...changes,
  }
}

export class TestProxy {
  readonly faults: unknown[] = []
  readonly worker: ProxyWorker
  readonly #runtime: ProxyRuntime
  readonly #state = createProxyState(1)
  readonly #server = createServer({ allowHalfOpen: true })
  #port = 0

  constructor(pool: Pool, changes: Partial<MemcachedProxyPlan> = {}) {
    this.#runtime = new ProxyRuntime(proxyPlan(changes), { get: () => pool }, this.#state, 0)
    this.worker = new ProxyWorker(
      0,
      (_level, _message, fields) => this.faults.push(fields),
      () => Buffer.from('END\r\n'),
    )
  }

  get use(): ProxyUse {
    return readProxyUse(this.#state)
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.#port = (this.#server.address() as { port: number }).port
    onTestEnd(() => {
      this.#server.close()
    })
  }

  /** A connection that reads only what `feed` gives it, and the client's end of its socket. */
  async connect(): Promise<{ connection: ClientConnection; client: Wire }> {
    const accepted = new Promise<Socket>((resolve) => this.#server.once('connection', resolve))
    const client = new Wire(await connectSocket({ port: this.#port, host: '127.0.0.1' }))
    const socket = await accepted
    onTestEnd(() => {
      client.socket.destroy()
      socket.destroy()
    })
    const listener = new ProxyListener({ kind: 'tcp', host: '127.0.0.1', port: 0 }, false, this.#runtime)
    return { connection: new ClientConnection(this.worker, listener, socket), client }
  }

  /** As if `bytes` had been read from the socket; they are overwritten afterwards, as the worker's buffer is. */
  feed(connection: ClientConnection, bytes: Buffer): void {
    const { readBuffer } = this.worker
    bytes.copy(readBuffer)
    connection.onBytes(readBuffer, bytes.length)
    readBuffer.fill('?', 0, bytes.length)
  }
}
