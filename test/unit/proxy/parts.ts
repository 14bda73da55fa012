/** Parts of the engine without its sockets: a runtime made from configuration text, requests in it, a client that only writes. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { loadConfig } from '../../../src/config/load.ts'
import { SharedStateFactory } from '../../../src/daemon/shared-state.ts'
import type { RequestHead } from '../../../src/http/request-head.ts'
import { AccessLog } from '../../../src/log/access-log.ts'
import { Counters, createCounters } from '../../../src/log/counters.ts'
import { PoolSet } from '../../../src/memcached/pool-set.ts'
import { Output } from '../../../src/net/output.ts'
import type { Plan } from '../../../src/plan/plan.ts'
import type { TlsFacts } from '../../../src/plan/tls-facts.ts'
import type { Client } from '../../../src/proxy/client.ts'
import type { EngineOptions, Provisions } from '../../../src/proxy/engine.ts'
import { HeadFacts } from '../../../src/proxy/facts.ts'
import { FleetPublisher } from '../../../src/proxy/fleet-publisher.ts'
import { RequestContext } from '../../../src/proxy/request-context.ts'
import type { Framing } from '../../../src/proxy/response-out.ts'
import type { RouteRuntime } from '../../../src/proxy/route-runtime.ts'
import { Runtime, type SharedState } from '../../../src/proxy/runtime.ts'
import type { TlsSupply } from '../../../src/proxy/tls-listeners.ts'
import { Worker } from '../../../src/proxy/worker.ts'
import { noMaterials } from '../../../src/tls/material.ts'
import { ownSessions } from '../../../src/tls/tls-server.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { filesOf } from '../../support/config.ts'

/** What stands around the site in every configuration of these tests. */
const FRAME = `shellac 1; listener web { address 127.0.0.1:0; } `

/** Of the only worker, which logs nothing. */
export function workerOptions(): EngineOptions {
  return {
    worker: 0,
    counters: new Counters(createCounters(1), 0),
    accessLog: new AccessLog(undefined, { problem: () => {} }),
    log: () => {},
    fleet: new FleetPublisher(() => {}),
  }
}

export function workerForTest(): Worker {
  const worker = new Worker(workerOptions())
  onTestEnd(() => worker.stop())
  return worker
}

/** The Plan of a whole configuration; fails when it has errors. */
export function planOf(text: string): Plan {
  const { plan, diagnostics } = loadConfig({ kind: 'text', name: 'test.conf', text }, filesOf({}))
  assert.ok(plan, JSON.stringify(diagnostics.map(({ message }) => message)))
  return plan
}

/** New shared memory for a Plan. */
export function sharedStateOf(plan: Plan): SharedState {
  return new SharedStateFactory(1).build(plan, undefined)
}

/** The memcached pools of a Plan; they connect to nobody until they are asked. */
export function poolsOf(plan: Plan): PoolSet {
  const log = (): void => {}
  const onFault = (error: unknown): never => {
    throw error
  }
  return new PoolSet(plan.memcached, sharedStateOf(plan).pools, { worker: 0, log, onFault }, undefined)
}

/** What an engine is given beside a Plan. */
export function provisionsOf(plan: Plan, tls: TlsSupply = noTls): Provisions {
  return { shared: sharedStateOf(plan), pools: poolsOf(plan), tls, sockets: [] }
}

const noTls: TlsSupply = { materials: noMaterials, sessionsOf: () => ownSessions }

/** The runtime of a text, without its first statement and listener, which are always the same. */
export function runtimeOf(text: string): Runtime {
  const plan = planOf(FRAME + text)
  return new Runtime(
    plan,
    1,
    { shared: sharedStateOf(plan), pools: poolsOf(plan), origins: new Map() },
    undefined,
    workerForTest(),
  )
}

export interface Peer {
  readonly clientAddress: string
  readonly clientPort: number
  readonly isSecure: boolean
  readonly tls: TlsFacts | undefined
}

const stranger: Peer = { clientAddress: '192.0.2.7', clientPort: 4711, isSecure: false, tls: undefined }

/** What is known of a request that `runtime` has found a route for. */
export function contextOf(runtime: Runtime, head: RequestHead, peer = stranger): RequestContext {
  const entry = runtime.table.find('web', new HeadFacts(head, peer))
  assert.ok(entry, 'a route takes the request')
  const connection = { ...peer, worker: workerForTest(), listener: { runtime, name: 'web' } }
  return new RequestContext(connection as unknown as Client, head, entry.user as RouteRuntime)
}

/** A socket that keeps what is written, as one text per write to the kernel. */
class WrittenSocket {
  readonly writes: string[] = []
  readonly calls: string[] = []
  readonly writableLength = 0
  #corked: string | undefined = undefined

  write(data: string | Buffer): void {
    const text = typeof data === 'string' ? data : data.toString('latin1')
    if (this.#corked === undefined) this.writes.push(text)
    else this.#corked += text
  }

  cork(): void {
    this.#corked = ''
  }

  uncork(): void {
    this.writes.push(this.#corked ?? '')
    this.#corked = undefined
  }
}

/** As much of a client connection as writers use. */
export class WrittenClient {
  keepAlive = true
  minor: 0 | 1
  readonly written = new WrittenSocket()
  readonly socket = this.written as unknown as Socket
  readonly #output = new Output(assert.ifError)

  constructor(minor: 0 | 1 = 1) {
    this.minor = minor
  }

  get asClient(): Client {
    return this as unknown as Client
  }

  writeText(text: string): void {
    this.#output.writeText(this.socket, text)
  }

  writeHeadAndBody(head: string, body: Buffer): void {
    this.#output.writeHeadAndBody(this.socket, head, body)
  }

  write(data: Buffer): void {
    this.socket.write(data)
  }

  writeChunk(prefix: string, data: Buffer): void {
    this.#output.writeChunk(this.socket, prefix, data)
  }

  writeTrailers(lines: string): void {
    this.written.calls.push(`trailers ${lines}`)
  }

  truncate(framing: Framing): void {
    this.written.calls.push(`truncate ${framing}`)
  }

  /** Everything written. */
  get text(): string {
    return this.written.writes.join('')
  }
}
