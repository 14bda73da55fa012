/** Sessions of TLS: what can never be resumed, and what is never asked for. */
import type { ListenAddress } from '../../plan/plan.ts'
import type { Span } from '../ast.ts'
import { type Block, type CheckedDocument, headOf, type Node } from '../checked.ts'
import { setting } from '../defaults.ts'
import type { Report } from '../directives/directive.ts'
import { distribution, memcached } from '../directives/memcached.ts'
import {
  acceptPeriods,
  distcacheServers,
  idStore,
  rotate,
  seal,
  serve,
  sessionIds,
  sessionsMode,
  sessionsTtl,
  ticketStore,
  tickets,
  tlsSessions,
} from '../directives/tls-sessions.ts'
import { errorAt, warningAt } from '../errors.ts'

export function checkTlsSessions(checked: CheckedDocument, report: Report): void {
  for (const node of checked.main.all(tlsSessions)) {
    const { block } = node
    const inTickets = block.child(tickets)
    const inIds = block.child(sessionIds)
    for (const store of [inTickets.node(ticketStore), inIds.node(idStore)]) {
      if (store !== undefined) checkStore(checked, block, store, report)
    }
    checkPlaceOfIds(node, inIds, report)
    checkLoop(inIds, report)
    checkLife(block, inTickets, report)
  }
}

/** Keys and sessions in a pool: sealed, and found again where they were put. */
function checkStore(checked: CheckedDocument, block: Block, store: Node<string>, report: Report): void {
  if (!block.mentions(seal) && !block.isIncomplete) {
    const message = 'what lies in a pool must be sealed, as it decrypts what clients say'
    report(errorAt(headOf(store), 'missing-seal', message, 'add to the block: seal ${cred:edge-seal};'))
  }
  const pool = checked.main.all(memcached).find((one) => one.value === store.value)
  const drawn = pool?.block.node(distribution)
  if (drawn?.value !== 'random') return
  const message = `pool "${store.value}" has distribution "random"`
  const help = 'what is stored on one server is looked for on another; take "ketama" or "maglev"'
  const { span } = store.statement.arguments.at(-1)!
  report(errorAt(span, 'random-tier', message, help, [{ message: 'chosen here', span: headOf(drawn) }]))
}

function checkPlaceOfIds(node: Node<string>, inIds: Block, report: Report): void {
  const { block } = node
  const [servers, store] = [inIds.node(distcacheServers), inIds.node(idStore)]
  if (servers !== undefined && store !== undefined) {
    const notes = [{ message: 'the other place', span: headOf(servers) }]
    const message = 'sessions are kept in one place, a pool or session servers'
    report(errorAt(headOf(store), 'conflict', message, 'take one of the two away', notes))
  }
  const hasPlace = inIds.mentions(distcacheServers) || inIds.mentions(idStore)
  if (hasPlace || block.isIncomplete || inIds.isIncomplete) return
  const help = 'say where: ids { store memcached edge; } or ids { distcache unix:/run/shellac/dc.sock; }'
  const mode = block.node(sessionsMode)
  const wanting = setting(sessionsMode, block) === 'tickets' ? block.node(sessionIds) : mode
  if (wanting === undefined) return
  report(errorAt(headOf(wanting), 'no-session-store', 'sessions by id need a place where they are kept', help))
}

/** Each question would be the cause of the next. */
function checkLoop(inIds: Block, report: Report): void {
  const [servers, served] = [inIds.node(distcacheServers), inIds.node(serve)]
  if (servers === undefined || served === undefined) return
  for (const [index, server] of servers.value.entries()) {
    if (!isSamePlace(server, served.value)) continue
    const { span, text } = servers.statement.arguments[index]!
    const message = `"${text}" is where this block itself serves sessions, so it would ask itself`
    const notes = [{ message: 'served here', span: headOf(served) }]
    report(errorAt(span, 'conflict', message, 'name the session server that keeps them', notes))
  }
}

function isSamePlace(one: ListenAddress, other: ListenAddress): boolean {
  if (one.kind === 'unix') return other.kind === 'unix' && one.path === other.path
  if (other.kind === 'unix' || one.port !== other.port) return false
  return one.host === other.host || (loopback.test(one.host) && (loopback.test(other.host) || other.host === '*'))
}

/** A ticket cannot be resumed when its key is not accepted any more. */
function checkLife(block: Block, inTickets: Block, report: Report): void {
  if (setting(sessionsMode, block) === 'ids') return
  const keptMs = setting(rotate, inTickets) * setting(acceptPeriods, inTickets)
  if (setting(sessionsTtl, block) <= keptMs) return
  const ttl = block.node(sessionsTtl)
  const notes = notesOn([inTickets.node(rotate), inTickets.node(acceptPeriods)])
  const help = 'shorten "ttl", or lengthen "rotate", or raise "accept"'
  const message = 'tickets would live longer than their keys are accepted, which is "rotate" times "accept"'
  const span = ttl === undefined ? notes[0]!.span : headOf(ttl)
  report(errorAt(span, 'ttl-too-long', message, help, ttl === undefined ? [] : notes))
}

function notesOn(nodes: readonly (Node | undefined)[]): { readonly message: string; readonly span: Span }[] {
  return nodes.flatMap((node) => (node === undefined ? [] : [{ message: 'chosen here', span: headOf(node) }]))
}

/** Sessions decrypt what clients say, and whoever asks for one gets it. */
function checkServe(inIds: Block, report: Report): void {
  const node = inIds.node(serve)
  if (node?.value.kind !== 'tcp' || loopback.test(node.value.host)) return
  const { span, text } = node.statement.arguments[0]!
  const message = `whoever reaches "${text}" can read and remove sessions, and see them cross the network`
  const help = 'serve on unix:/PATH or 127.0.0.1, and run "shellac dc-client" with certificates on other machines'
  report(warningAt(span, 'open-to-all', message, help))
}

const loopback = /^(?:127\.|::1$|localhost$)/

/** For a file without errors: blocks that their mode never looks at, and sessions that are served to anybody. */
export function checkUselessSessions(checked: CheckedDocument, report: Report): void {
  for (const { block } of checked.main.all(tlsSessions)) {
    checkServe(block.child(sessionIds), report)
    const mode = setting(sessionsMode, block)
    const idle = mode === 'tickets' ? block.node(sessionIds) : mode === 'ids' ? block.node(tickets) : undefined
    if (idle === undefined) continue
    const { text } = idle.statement.name
    const help = `remove it, or say: mode ${mode === 'tickets' ? 'ids; or: mode both' : 'both'};`
    report(warningAt(headOf(idle), 'unused-block', `"${text}" does nothing in mode "${mode}"`, help))
  }
}
