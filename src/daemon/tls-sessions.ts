/**
 * The sessions of TLS in the main thread: for each `tls-sessions` block a keeper of its ticket keys, and where the block says
 * so a place where other programs reach its sessions.
 *
 *     prepare    before workers serve a Plan: blocks that are new look at their pools, so that their first tickets are good on
 *                every machine, and listen
 *     commit     after they do: what is gone ends, what has changed goes on with the keys it had
 */
import { isIPv4 } from 'node:net'
import type { Pool } from '../memcached/pool.ts'
import type { PoolSet } from '../memcached/pool-set.ts'
import { addressText } from '../net/listener.ts'
import type { Plan } from '../plan/plan.ts'
import { OWN_SESSIONS, type TlsSessionsPlan } from '../plan/tls-sessions-plan.ts'
import type { SharedState } from '../proxy/runtime.ts'
import { type SessionCounts, sumSessions } from '../tls/sessions/session-tally.ts'
import type { TicketStatus } from '../tls/sessions/ticket-status.ts'
import { ServedSessions } from './served-sessions.ts'
import { type KeeperLog, keeperIdentity, TicketKeeper } from './ticket-keeper.ts'

export interface TlsSessionsStatus extends SessionCounts {
  /** Of the block; null: the sessions of listeners that name none. */
  readonly name: string | null
  readonly mode: TlsSessionsPlan['mode']
  /** Listeners whose sessions these are. */
  readonly listeners: readonly string[]
  /** Resumed handshakes among all; null before the first. */
  readonly resumedRatio: number | null
  /** null: in mode `ids`. */
  readonly tickets: TicketStatus | null
}

interface Live {
  readonly plan: Plan
  readonly shared: SharedState
}

/** What becomes of the keepers when a Plan is live. */
export interface PreparedSessions {
  commit(): void
  rollback(): void
}

export class TlsSessionsKeepers {
  readonly #log: KeeperLog
  /** By the name of the block. */
  #keepers: ReadonlyMap<string, TicketKeeper> = new Map()
  readonly #served = new ServedSessions()
  /** Session servers whose lack of encryption has been told of. */
  readonly #warned = new Set<string>()

  constructor(log: KeeperLog) {
    this.#log = log
  }

  /**
   * Ends when all new blocks have looked at their pools, or have failed to. Rejects, and has changed nothing, when an address of
   * `serve` cannot be listened on.
   */
  async prepare({ plan, shared }: Live, pools: PoolSet): Promise<PreparedSessions> {
    const places = await this.#served.prepare(plan.tlsSessions, pools)
    const changes = plan.tlsSessions.filter(hasTickets).map((sessions) => {
      const before = this.#keepers.get(sessions.name)
      const pool = poolOf(sessions, pools)
      if (before?.identity === keeperIdentity(sessions)) return { keeper: before, pool, before }
      const { board } = shared.tlsSessions.get(sessions.name)!.value
      const keeper = new TicketKeeper(sessions, board, pool, { known: before?.ring, log: this.#log })
      return { keeper, pool, before }
    })
    const fresh = changes.filter(({ keeper, before }) => keeper !== before)
    await Promise.all(fresh.map(({ keeper }) => keeper.turn()))
    // Nobody else writes on their boards, and workers may be asked for tickets as soon as they listen.
    for (const { keeper, before } of fresh) if (before === undefined) keeper.start()
    return {
      commit: () => {
        places.commit()
        for (const sessions of plan.tlsSessions) this.#warnOfPlain(sessions)
        const keepers = new Map(changes.map(({ keeper }) => [keeper.name, keeper]))
        for (const old of this.#keepers.values()) if (keepers.get(old.name) !== old) old.end()
        this.#keepers = keepers
        for (const { keeper, pool, before } of changes) {
          keeper.follow(pool)
          if (before !== undefined && before !== keeper) keeper.start()
        }
      },
      rollback: () => {
        places.rollback()
        for (const { keeper } of fresh) keeper.end()
      },
    }
  }

  /** The protocol has no encryption, and a session decrypts what was said in it. */
  #warnOfPlain({ name, ids }: TlsSessionsPlan): void {
    const servers = ids?.store.kind === 'distcache' ? ids.store.servers : []
    for (const server of servers) {
      const text = addressText(server)
      if (server.kind === 'unix' || isLoopback(server.host) || this.#warned.has(text)) continue
      this.#warned.add(text)
      const message = 'sessions cross the network to a session server without encryption'
      const help = 'use "shellac dc-client" with certificates on this machine, and name its socket'
      this.#log('warn', message, { sessions: name, server: text, help })
    }
  }

  /** Paths of socket files that are listened on. */
  get paths(): string[] {
    return this.#served.paths
  }

  close(): void {
    this.#served.close()
    for (const keeper of this.#keepers.values()) keeper.end()
  }

  status({ plan, shared }: Live): TlsSessionsStatus[] {
    return plan.tlsSessions.map(({ name, mode }) => {
      const counts = sumSessions(shared.tlsSessions.get(name)!.value.tally)
      const { full, resumed } = counts.counters
      return {
        name: name === OWN_SESSIONS ? null : name,
        mode,
        listeners: plan.listeners
          .filter(({ tls }) => tls !== undefined && (tls.sessions ?? OWN_SESSIONS) === name)
          .map((listener) => listener.name),
        resumedRatio: full + resumed === 0 ? null : resumed / (full + resumed),
        ...counts,
        tickets: this.#keepers.get(name)?.status() ?? null,
      }
    })
  }
}

/** A name may lead anywhere, but for this one. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

function hasTickets({ mode }: TlsSessionsPlan): boolean {
  return mode !== 'ids'
}

function poolOf({ tickets }: TlsSessionsPlan, pools: PoolSet): Pool | undefined {
  return tickets.pool === undefined ? undefined : pools.get(tickets.pool)
}
