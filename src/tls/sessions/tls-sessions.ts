/** The sessions of one `tls-sessions` block in one worker, as its listeners see them (tls-server.ts). */
import type { EventEmitter } from 'node:events'
import type { SecureContext } from 'node:tls'
import type { ClientHello } from '../../distcache/client-hello.ts'
import type { RemoteSessions } from '../../distcache/remote-sessions.ts'
import type { TlsSessionsPlan } from '../../plan/tls-sessions-plan.ts'
import type { ListenerSessions } from '../tls-server.ts'
import { SessionIds } from './session-ids.ts'
import { createSessionTally, SessionTally } from './session-tally.ts'
import { createTicketBoard } from './ticket-board.ts'
import { TicketKeys, type TicketSink } from './ticket-keys.ts'

/** What main thread and workers share of a block. */
export interface TlsSessionsShared {
  /** As `createTicketBoard` makes it. */
  readonly board: SharedArrayBuffer
  /** As `createSessionTally` makes it. */
  readonly tally: SharedArrayBuffer
}

export function createTlsSessionsShared(workers: number): TlsSessionsShared {
  return { board: createTicketBoard(), tally: createSessionTally(workers) }
}

export interface TlsSessionsSetup {
  readonly plan: Pick<TlsSessionsPlan, 'mode' | 'ttlMs' | 'ids'>
  readonly shared: TlsSessionsShared
  readonly worker: number
  /** Where sessions lie by their ids; undefined in mode `tickets`. */
  readonly store: RemoteSessions | undefined
}

export class TlsSessions implements ListenerSessions, TicketSink {
  readonly hasTickets: boolean
  readonly ttlSec: number
  readonly wantsHello: boolean
  readonly #tally: SessionTally
  readonly #tickets: TicketKeys
  readonly #ids: SessionIds | undefined

  constructor({ plan, shared, worker, store }: TlsSessionsSetup) {
    const { mode, ttlMs, ids } = plan
    this.hasTickets = mode !== 'ids'
    this.ttlSec = Math.ceil(ttlMs / 1000)
    this.#tally = new SessionTally(shared.tally, worker)
    this.#tickets = new TicketKeys(shared.board, this)
    this.#ids =
      ids === undefined || store === undefined
        ? undefined
        : new SessionIds({
            store,
            ttlMs,
            waitMs: ids.waitMs,
            hasTickets: this.hasTickets,
            tally: this.#tally,
            now: () => performance.now(),
          })
    this.wantsHello = this.#ids !== undefined
  }

  adopt(context: SecureContext): void {
    if (this.hasTickets) this.#tickets.attach(context)
  }

  listen(events: EventEmitter): void {
    if (this.#ids === undefined) return
    events.on('newSession', this.#ids.onNew)
    events.on('resumeSession', this.#ids.onResume)
  }

  noteHello(hello: ClientHello, isTls13: boolean): void {
    this.#ids?.noteHello(hello, isTls13)
  }

  onHandshake(isResumed: boolean): void {
    this.#tally.add(isResumed ? 'resumed' : 'full')
  }

  issued(): void {
    this.#tally.add('ticketsIssued')
  }

  accepted(isOlder: boolean): void {
    this.#tally.add(isOlder ? 'ticketsOlder' : 'ticketsAccepted')
  }

  refused(): void {
    this.#tally.add('ticketsRefused')
  }
}
