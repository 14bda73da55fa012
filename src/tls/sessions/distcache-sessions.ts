/**
 * Sessions kept by servers that speak the distcache protocol: the first of them that can be reached is asked, over one connection
 * that stays open. They do not know of each other, so when the first is gone its sessions are too, until it is back.
 *
 * A server that refuses is passed over for a while at once; one that says nothing is when it has been silent for `SILENCES`
 * waits. Until then each handshake waits for it, but no longer than `waitMs`.
 */
import type { Address } from '../../distcache/address.ts'
import { SessionClient, type SessionRequest } from '../../distcache/client.ts'
import { Operation } from '../../distcache/message.ts'
import type { Outcome } from '../../distcache/outcome.ts'
import { type RemoteSessions, SessionOutcome, type SessionSink } from '../../distcache/remote-sessions.ts'
import type { ListenAddress } from '../../plan/plan.ts'

const SILENCES = 5
const RETRY_MS = 250
const MOST_RETRY_MS = 5000
const NOTHING = Buffer.alloc(0)

export class DistcacheSessions implements RemoteSessions {
  readonly #clients: readonly SessionClient[]

  constructor(servers: readonly ListenAddress[], waitMs: number) {
    this.#clients = servers.map(
      (server) =>
        new SessionClient({
          connect: distcacheTarget(server),
          timeoutMs: waitMs,
          silenceMs: SILENCES * waitMs,
          retryMs: RETRY_MS,
          mostRetryMs: MOST_RETRY_MS,
          ref: false,
        }),
    )
    this.#clients[0]?.preconnect()
  }

  add(id: Buffer, data: Buffer, timeoutMs: number, sink: SessionSink): void {
    const call = new Call(sink, NOTHING_FOUND)
    if (!this.#clients.some((client) => client.beginAdd(call, id, data, timeoutMs))) call.refuse()
  }

  get(id: Buffer, sink: SessionSink): void {
    this.#begin(new Call(sink, COPY), Operation.get, id)
  }

  remove(id: Buffer, sink: SessionSink): void {
    this.#begin(new Call(sink, NOTHING_FOUND), Operation.remove, id)
  }

  have(id: Buffer, sink: SessionSink): void {
    this.#begin(new Call(sink, NOTHING_FOUND), Operation.have, id)
  }

  close(): void {
    for (const client of this.#clients) client.close()
  }

  #begin(call: Call, operation: number, id: Buffer): void {
    if (!this.#clients.some((client) => client.begin(call, operation, id))) call.refuse()
  }
}

/** What a call wants of the payload of an answer. */
type Take = (bytes: Buffer, start: number, end: number) => Buffer
const COPY: Take = (bytes, start, end) => Buffer.from(bytes.subarray(start, end))
const NOTHING_FOUND: Take = () => NOTHING

class Call implements SessionRequest {
  readonly #sink: SessionSink
  readonly #take: Take

  constructor(sink: SessionSink, take: Take) {
    this.#sink = sink
    this.#take = take
  }

  /** Nobody takes it. */
  refuse(): void {
    queueMicrotask(() => this.#sink.onSession(SessionOutcome.failed, NOTHING))
  }

  onDone(outcome: Outcome, bytes: Buffer, start: number, end: number): void {
    const data = outcome === 'ok' ? this.#take(bytes, start, end) : NOTHING
    this.#sink.onSession(meanings[outcome] ?? SessionOutcome.failed, data)
  }
}

/** What is not here is a failure. */
const meanings: Partial<Record<Outcome, number>> = {
  ok: SessionOutcome.done,
  absent: SessionOutcome.absent,
  present: SessionOutcome.present,
}

/** An address of the Plan as the library takes it. */
export function distcacheTarget(address: ListenAddress): Address {
  if (address.kind === 'unix') return { kind: 'unix', path: address.path }
  const { host, port } = address
  return { kind: 'tcp', host, port, family: host.includes(':') ? 6 : 4 }
}
