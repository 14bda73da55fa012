/**
 *     tls-sessions edge-tls {
 *         mode both; ttl 2h; seal ${cred:edge-seal} ${cred:edge-seal-before};
 *         tickets { store memcached edge; rotate 12h; accept 2; }
 *         ids { distcache unix:/run/shellac/dc.sock 10.0.0.9:9001; wait 20ms; }
 *         ids { store memcached edge; serve unix:/run/shellac/dc.sock mode 0660; }
 *     }
 */
import type { ListenAddress } from '../../plan/plan.ts'
import type { TlsSessionsMode } from '../../plan/tls-sessions-plan.ts'
import { type ArgumentReader, definition, many, nothing, one, readReference, reference } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import {
  distcacheAddress,
  fileMode,
  identifier,
  integer,
  keyPeriod,
  listenAddress,
  oneOf,
  sealSecret,
  sessionLife,
  waitingTime,
} from './values.ts'

const modes: readonly TlsSessionsMode[] = ['tickets', 'ids', 'both']

export const sessionsMode = directive({
  name: 'mode',
  shape: one(oneOf(...modes)),
  defaultText: 'tickets',
  phase: 'accept',
  doc:
    'Where a session lies between two connections. With "tickets" the client keeps it, sealed with a key that all machines ' +
    'know, so nothing is asked for when it comes back. With "ids" it is kept in a place that all machines ask, in TLS 1.3 too: ' +
    'each of its sessions is then resumed once, and can be taken back. "both" keeps by id the sessions of TLS 1.2 clients ' +
    'that cannot keep tickets, and gives all others tickets.',
  example: 'mode tickets;',
  peers: ['ssl_session_tickets', 'SSLSessionTickets', 'no-tls-tickets', 'SSL_OP_NO_TICKET'],
})

export const sessionsTtl = directive({
  name: 'ttl',
  shape: one(sessionLife),
  defaultText: '2h',
  phase: 'accept',
  doc: 'How long after a handshake its session can be resumed.',
  example: 'ttl 1h;',
  peers: ['ssl_session_timeout', 'SSLSessionCacheTimeout', 'tune.ssl.lifetime', 'sessionTimeout'],
})

export const seal = directive({
  name: 'seal',
  shape: many(sealSecret),
  phase: 'start',
  doc:
    'What all machines of the fleet know and the servers of the pool do not: whatever lies in a pool is encrypted and ' +
    'authenticated with it (AES-256-GCM). At least 16 bytes, random ones, such as "openssl rand -base64 32" prints. The first one seals, ' +
    'and what was sealed with any of them is opened: to change it, add the new one behind the old everywhere, then put it first, ' +
    'then take the old one away.',
  example: 'seal ${file:/run/secrets/edge-seal};',
  peers: ['ssl_session_ticket_key', 'SSLSessionTicketKeyFile', 'tls-ticket-keys'],
})

const storeKind = oneOf('memcached')

/** Anywhere but in a pool is said by another statement. */
const storeShape: Shape<string> = {
  syntax: `memcached ${identifier.syntax}`,
  read(reader: ArgumentReader) {
    return reader.next(storeKind) === undefined ? undefined : readReference(reader, 'memcached', identifier)
  },
}

export const ticketStore = directive({
  name: 'store',
  shape: storeShape,
  phase: 'start',
  doc:
    'The pool over which the machines of the fleet agree on the keys, sealed with "seal". Machines with the same name of the block, ' +
    "seal and pool resume each other's sessions. No handshake waits for it; without an answer the keys stay as they are. " +
    'Where this is not said the keys are those of this machine.',
  example: 'store memcached edge;',
})

export const rotate = directive({
  name: 'rotate',
  shape: one(keyPeriod),
  defaultText: '12h',
  phase: 'start',
  doc:
    'How long tickets are issued under one key. The next one is known to all machines as long before. Their clocks may differ by a ' +
    'quarter of this, and five minutes at most.',
  example: 'rotate 6h;',
})

export const acceptPeriods = directive({
  name: 'accept',
  shape: one(integer(1, 10)),
  defaultText: '2',
  phase: 'start',
  doc:
    'For how many times "rotate" a key is accepted after it was last issued under. Who comes with an older one gets a ticket under the ' +
    'key of today.',
  example: 'accept 3;',
})

export const ticketsContext: Context = {
  name: 'tickets',
  doc: 'The keys that tickets are sealed with.',
  directives: [ticketStore, rotate, acceptPeriods],
}

export const tickets = directive({
  name: 'tickets',
  shape: nothing,
  block: 'tickets',
  phase: 'start',
  doc: 'The keys that tickets are sealed with: where the machines of a fleet agree on them, and when they change.',
  example: 'tickets { store memcached edge; rotate 12h; accept 2; }',
})

export const distcacheServers = directive({
  name: 'distcache',
  shape: many(distcacheAddress),
  phase: 'accept',
  doc:
    'Servers, or agents, that keep sessions and speak the distcache protocol ("shellac dc-server", "shellac dc-client"). The ' +
    'first that can be reached is asked. The protocol is not encrypted, and whoever reads it can read what clients say: over a network ' +
    'use "shellac dc-client" with certificates, on this machine.',
  example: 'distcache unix:/run/shellac/dc.sock;',
  peers: ['SSLSessionCache', 'dc', 'shmcb', 'sessiond', 'distcache'],
})

export const idStore = directive({
  name: 'store',
  shape: storeShape,
  phase: 'accept',
  doc: 'The pool that keeps the sessions, sealed with "seal".',
  example: 'store memcached edge;',
  peers: ['ssl_session_cache', 'ssl_session_fetch_by_lua', 'SSLSessionCache memcache'],
})

export const idWait = directive({
  name: 'wait',
  shape: one(waitingTime),
  defaultText: '20ms',
  phase: 'accept',
  doc:
    'The longest that a handshake waits for the place where the sessions are. After it, or when nobody answers there, the ' +
    'handshake is a full one, and nothing else is different.',
  example: 'distcache unix:/run/shellac/dc.sock; wait 50ms;',
})

const serveShape: Shape<ListenAddress> = {
  syntax: `${listenAddress.syntax} [mode ${fileMode.syntax}]`,
  read(reader) {
    const address = reader.next(listenAddress)
    const word = reader.peek()
    if (address === undefined) return undefined
    if (!reader.takeWord('mode')) return address.kind === 'unix' ? { ...address, mode: PRIVATE_MODE } : address
    const mode = reader.next(fileMode)
    if (mode === undefined) return undefined
    if (address.kind === 'unix') return { ...address, mode }
    const help = 'take it away, or serve on unix:/PATH'
    return reader.fail('conflict', 'only a unix socket has a mode', word!.span, help)
  },
}

/** Sessions are secrets. */
const PRIVATE_MODE = 0o600

export const serve = directive({
  name: 'serve',
  shape: serveShape,
  phase: 'start',
  doc:
    'Where other programs of this machine reach the same sessions by the distcache protocol, such as Apache with mod_socache_dc or Node ' +
    'with "shellac/distcache". A socket file has mode 0600 unless "mode" says otherwise.',
  example: 'distcache 127.0.0.1:9001; serve unix:/run/shellac/dc.sock mode 0660;',
})

export const sessionIdsContext: Context = {
  name: 'session ids',
  doc: 'Where sessions are kept by their ids, and how long a handshake waits for that place.',
  directives: [distcacheServers, idStore, idWait, serve],
}

export const sessionIds = directive({
  name: 'ids',
  shape: nothing,
  block: 'session ids',
  phase: 'accept',
  doc: 'Where sessions are kept by their ids: session servers, or a pool. For "mode ids" and "mode both".',
  example: 'ids { distcache unix:/run/shellac/dc.sock; wait 20ms; }',
})

export const tlsSessionsContext: Context = {
  name: 'tls-sessions',
  doc: 'Which sessions of TLS are resumed, and by whom.',
  directives: [sessionsMode, sessionsTtl, seal, tickets, sessionIds],
}

export const tlsSessions = directive({
  name: 'tls-sessions',
  shape: definition('tls-sessions', identifier),
  block: 'tls-sessions',
  repeat: 'many',
  phase: 'accept',
  doc:
    'Sessions of TLS that several machines resume, whichever of them a client came to first; listeners use them with "sessions NAME;" ' +
    'in "tls". A listener without has sessions of its own machine, for two hours, with keys that change twice a day.',
  example: 'tls-sessions edge-tls { seal ${file:/run/secrets/edge-seal}; tickets { store memcached edge; } }',
  peers: ['ssl_session_cache shared', 'session_tickets'],
})

/** Of `tls { }`. */
export const useSessions = directive({
  name: 'sessions',
  shape: reference('tls-sessions', identifier),
  phase: 'accept',
  doc: 'The "tls-sessions" block whose sessions this listener resumes; without it those of this machine.',
  example: 'sessions edge-tls;',
})
