/** `tls-sessions NAME { ... }` to the Plan, and the sessions of listeners that name none. */
import type { Place } from '../../plan/plan.ts'
import { OWN_SESSIONS, type SessionIdsPlan, type TlsSessionsPlan } from '../../plan/tls-sessions-plan.ts'
import { type Block, headOf, type Node } from '../checked.ts'
import { defaultOf, setting } from '../defaults.ts'
import { listener } from '../directives/listener.ts'
import { tls } from '../directives/tls.ts'
import * as sessions from '../directives/tls-sessions.ts'
import { placeOf } from './place.ts'

export function buildTlsSessions(main: Block): readonly TlsSessionsPlan[] {
  const named = main.all(sessions.tlsSessions).map(buildBlock)
  const withoutName = main.all(listener).find(({ block }) => {
    const inside = block.node(tls)?.block
    return inside !== undefined && inside.value(sessions.useSessions) === undefined
  })
  return withoutName === undefined ? named : [...named, ownSessions(placeOf(headOf(withoutName)))]
}

function buildBlock(node: Node<string>): TlsSessionsPlan {
  const { block } = node
  const mode = setting(sessions.sessionsMode, block)
  const tickets = block.child(sessions.tickets)
  return {
    name: node.value,
    mode,
    ttlMs: setting(sessions.sessionsTtl, block),
    seals: block.value(sessions.seal) ?? [],
    tickets: {
      pool: tickets.value(sessions.ticketStore),
      rotateMs: setting(sessions.rotate, tickets),
      accept: setting(sessions.acceptPeriods, tickets),
    },
    ids: mode === 'tickets' ? undefined : buildIds(block.child(sessions.sessionIds)),
    place: placeOf(headOf(node)),
  }
}

function buildIds(block: Block): SessionIdsPlan {
  const pool = block.value(sessions.idStore)
  const servers = block.value(sessions.distcacheServers) ?? []
  return {
    store: pool === undefined ? { kind: 'distcache', servers } : { kind: 'memcached', pool },
    waitMs: setting(sessions.idWait, block),
    serve: block.value(sessions.serve),
  }
}

function ownSessions(place: Place): TlsSessionsPlan {
  return {
    name: OWN_SESSIONS,
    mode: 'tickets',
    ttlMs: defaultOf(sessions.sessionsTtl),
    seals: [],
    tickets: {
      pool: undefined,
      rotateMs: defaultOf(sessions.rotate),
      accept: defaultOf(sessions.acceptPeriods),
    },
    ids: undefined,
    place,
  }
}
