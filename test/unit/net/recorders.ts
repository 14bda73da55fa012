/** What the tests of origin connections and pools share: a sink and an owner that write down what they are told. */

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import type { ResponseHead } from '../../../src/http/response-head.ts'
import type { Claimant } from '../../../src/net/origin-claim.ts'
import { type ConnectionOwner, OriginConnection } from '../../../src/net/origin-connection.ts'
import type { OriginDial } from '../../../src/net/origin-dial.ts'
import type { OriginErrorCode } from '../../../src/net/origin-error.ts'
import type { OriginLink, ResponseSink } from '../../../src/net/origin-link.ts'
import type { OriginPool, OriginSurroundings } from '../../../src/net/origin-pool.ts'
import { Resolver } from '../../../src/net/resolver.ts'
import { TimerWheel } from '../../../src/net/timer-wheel.ts'
import type { BackendPlan, ListenAddress } from '../../../src/plan/plan.ts'
import { clock } from '../../../src/util/clock.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { waitFor } from '../../support/wait.ts'

export const TICK_MS = 100
export const resolver = new Resolver()

export function tcp(port: number): ListenAddress {
  return { kind: 'tcp', host: '127.0.0.1', port }
}

export function wheelOfNow(): TimerWheel {
  clock.update()
  return new TimerWheel(clock.monotonicMs, TICK_MS)
}

/** Writes down events as short texts, and body bytes. */
export class RecordingSink implements ResponseSink {
  readonly events: string[] = []
  body = ''
  /** Called within onData, for tests of what a sink may do there. */
  onBytes: (bytes: Buffer, start: number, end: number) => void = () => {}

  onInterim(head: ResponseHead): void {
    this.events.push(`interim ${head.status}`)
  }

  onHead(head: ResponseHead): void {
    this.events.push(`head ${head.status}`)
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.body += bytes.toString('latin1', start, end)
    this.onBytes(bytes, start, end)
  }

  onPause(): void {}

  onEnd(trailers: string | undefined): void {
    this.events.push(trailers === undefined ? 'end' : `end ${trailers}`)
  }

  onFail(code: OriginErrorCode): void {
    this.events.push(`fail ${code}`)
  }

  onUpgrade(head: ResponseHead, bytes: Buffer): void {
    this.events.push(`upgrade ${head.status} ${bytes.toString('latin1')}`)
  }

  onTunnelData(bytes: Buffer, length: number): void {
    this.events.push(`tunnel ${bytes.toString('latin1', 0, length)}`)
  }

  onTunnelEnd(): void {
    this.events.push('tunnel end')
  }

  /** Waits until the last event is this one. */
  async until(event: string): Promise<void> {
    await waitFor(`"${event}" after ${JSON.stringify(this.events)}`, () => this.events.at(-1) === event)
  }
}

export class RecordingOwner implements ConnectionOwner {
  readonly events: string[] = []
  /** What the log would say of TLS. */
  readonly details: string[] = []

  onOpen(): void {
    this.events.push('open')
  }

  onOpenFailed(_: OriginConnection, code: OriginErrorCode): void {
    this.events.push(`open failed ${code}`)
  }

  onOpenHttp2(_: OriginConnection, socket: Socket): void {
    this.events.push('open h2')
    socket.destroy()
  }

  onTlsTrouble(code: OriginErrorCode, detail: string): void {
    this.details.push(detail)
    this.events.push(`trouble ${code}`)
  }

  onFree(): void {
    this.events.push('free')
  }

  onClosed(): void {
    this.events.push('closed')
  }

  onFault(error: unknown): void {
    this.events.push(`fault ${String(error)}`)
  }

  async until(event: string): Promise<void> {
    await waitFor(`"${event}" after ${JSON.stringify(this.events)}`, () => this.events.at(-1) === event)
  }
}

export const limits = {
  headBytes: 1024,
  targetBytes: 1024,
  fields: 20,
  connectTimeoutMs: 1000,
  firstByteTimeoutMs: 2000,
  betweenBytesTimeoutMs: 3000,
}

export interface Opened {
  readonly connection: OriginConnection
  readonly owner: RecordingOwner
  readonly wheel: TimerWheel
}

/** A connection to a port, with its own owner and wheel; destroyed when the test ends. */
export function openConnection(port: number, dial: Partial<OriginDial> = {}): Opened {
  const owner = new RecordingOwner()
  const wheel = wheelOfNow()
  const connection = new OriginConnection(
    { address: tcp(port), resolver, tls: undefined, protocol: 'h1', ...dial },
    owner,
    limits,
    wheel,
  )
  onTestEnd(() => connection.destroy())
  return { connection, owner, wheel }
}

/** Waits in a pool for one connection, and writes down how that ends. */
export class RecordingClaimant implements Claimant {
  outcome = ''
  connection: OriginConnection | undefined = undefined
  link: OriginLink | undefined = undefined

  /** In tests of HTTP/1.1 it is a connection. */
  onConnection(link: OriginLink): void {
    this.outcome = 'connection'
    this.link = link
    this.connection = link as OriginConnection
  }

  onNoConnection(code: OriginErrorCode): void {
    this.outcome = code
  }

  /** Waits for a connection of its own. */
  async taken(): Promise<OriginConnection> {
    await waitFor(`a connection (${this.outcome})`, () => this.connection !== undefined)
    return this.connection!
  }

  /** Asks the pool; comes back when there is a connection. */
  static async take(pool: OriginPool, fresh = false): Promise<OriginConnection> {
    const claimant = new RecordingClaimant()
    pool.acquire(claimant, fresh)
    return claimant.taken()
  }
}

/** What a pool needs beside its plan. */
export function surroundings(wheel: TimerWheel, change: Partial<OriginSurroundings> = {}): OriginSurroundings {
  return { wheel, resolver, tls: undefined, onFault: assert.ifError, onTlsTrouble: () => {}, ...change }
}

export function backendPlan(port: number, change: Partial<BackendPlan> = {}): BackendPlan {
  return {
    name: 'app',
    servers: [
      { name: 'a', address: tcp(port), weight: 1, backup: false, place: { file: 'test.conf', line: 1, column: 1 } },
    ],
    balance: 'round-robin',
    connectTimeoutMs: limits.connectTimeoutMs,
    firstByteTimeoutMs: limits.firstByteTimeoutMs,
    betweenBytesTimeoutMs: limits.betweenBytesTimeoutMs,
    idleTimeoutMs: 4000,
    connections: 2,
    keepAlive: 2,
    queue: { length: 2, waitMs: 5000 },
    retry: { attempts: 1 },
    eject: { afterErrors: 3, forMs: 1000 },
    hostHeader: { kind: 'client' },
    responseHeaderBytes: limits.headBytes,
    responseHeaders: limits.fields,
    protocol: 'h1',
    tls: undefined,
    place: { file: 'test.conf', line: 1, column: 1 },
    ...change,
  }
}
