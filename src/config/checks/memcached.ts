/** Pools of memcached servers and what stands before them: what can never work, and what surely is not meant. */
import type { MemcachedPlan } from '../../plan/memcached-plan.ts'
import { serverLabel } from '../../ring/label.ts'
import { unreachedServers } from '../../ring/moved-share.ts'
import { MAX_SERVERS } from '../../ring/placement.ts'
import type { Span } from '../ast.ts'
import { type CheckedDocument, headOf, type Node } from '../checked.ts'
import type { Compiled } from '../compile.ts'
import { cache, poolTierOf } from '../directives/cache.ts'
import type { Directive, Report } from '../directives/directive.ts'
import {
  distribution,
  hash,
  memcached,
  type PoolServerArguments,
  poolAuth,
  poolServer,
} from '../directives/memcached.ts'
import {
  failover,
  memcachedProxy,
  networkAllow,
  networkDeny,
  prefixRoute,
  proxyListen,
  proxyPool,
  replicate,
  warm,
} from '../directives/memcached-proxy.ts'
import { errorAt, warningAt } from '../errors.ts'

export function checkMemcached(checked: CheckedDocument, report: Report): void {
  for (const node of checked.main.all(memcached)) checkServers(node, report)
  for (const node of checked.main.all(memcachedProxy)) checkProxy(checked, node, report)
  for (const node of checked.main.all(cache)) checkTier(checked, node, report)
}

function checkServers(node: Node<string>, report: Report): void {
  const servers = node.block.all(poolServer)
  const first = new Map<string, Node<PoolServerArguments>>()
  for (const server of servers) {
    const label = serverLabel(server.value.name, server.value.address)
    const earlier = first.get(label)
    if (earlier === undefined) first.set(label, server)
    else report(sameLabel(label, server, earlier))
  }
  const last = servers[MAX_SERVERS]
  if (last === undefined) return
  report(errorAt(headOf(last), 'too-many', `a pool has at most ${MAX_SERVERS} servers`, 'make several pools'))
}

type ServerNode = Node<PoolServerArguments>

function sameLabel(label: string, server: ServerNode, earlier: ServerNode): ReturnType<typeof errorAt> {
  const message = `two servers are known as "${label}", and nothing else says which keys are whose`
  const isNamed = server.value.name !== undefined && earlier.value.name !== undefined
  const help = isNamed ? 'give one of them another name' : 'give them names: server a ADDRESS; server b ADDRESS;'
  return errorAt(knownBy(server), 'duplicate-label', message, help, [
    { message: 'the first one', span: knownBy(earlier) },
  ])
}

/** The word that the label comes from. */
function knownBy(server: ServerNode): Span {
  return server.statement.arguments[0]!.span
}

/** Statements of a proxy that name a pool. */
const poolStatements: readonly Directive<string>[] = [proxyPool, failover, replicate, warm]
const besideThePool: readonly Directive<string>[] = [failover, replicate, warm]

function checkProxy(checked: CheckedDocument, { block }: Node<string>, report: Report): void {
  const own = block.node(proxyPool)
  for (const directive of besideThePool) {
    const node = block.node(directive)
    if (own === undefined || node === undefined || node.value !== own.value) continue
    const message = `"${node.statement.name.text}" names the pool that the proxy stands before`
    const notes = [{ message: 'its own pool', span: headOf(own) }]
    report(errorAt(lastWord(node), 'same-pool', message, 'name another pool, or take it away', notes))
  }
  for (const node of poolStatements.flatMap((directive) => block.all(directive))) {
    checkSpeech(checked, node.value, lastWord(node), report)
  }
  const first = new Map<string, Node>()
  for (const node of block.all(prefixRoute)) {
    checkSpeech(checked, node.value.pool, lastWord(node), report)
    const { prefix } = node.value
    const earlier = first.get(prefix)
    if (earlier === undefined) {
      first.set(prefix, node)
      continue
    }
    const notes = [{ message: 'first given here', span: headOf(earlier) }]
    const { span } = node.statement.arguments[1]!
    report(errorAt(span, 'duplicate', `prefix "${prefix}" is routed twice`, 'keep one of them', notes))
  }
}

/** A pool with a password speaks the binary protocol. */
function checkSpeech(checked: CheckedDocument, pool: string, span: Span, report: Report): void {
  const auth = checked.main
    .all(memcached)
    .find((node) => node.value === pool)
    ?.block.node(poolAuth)
  if (auth === undefined) return
  const message = `a memcached-proxy cannot stand before pool "${pool}", which asks for a password`
  const help =
    'servers with SASL are spoken to in the binary protocol, and what the clients say is text; only a cache may use such a pool'
  report(errorAt(span, 'sasl-pool', message, help, [{ message: 'the password is given here', span: headOf(auth) }]))
}

function checkTier(checked: CheckedDocument, node: Node<string>, report: Report): void {
  const tier = poolTierOf(node.block)
  const pool = checked.main.all(memcached).find((one) => one.value === tier?.value.pool)
  const drawn = pool?.block.node(distribution)
  if (tier === undefined || drawn?.value !== 'random') return
  const message = `cache "${node.value}" keeps objects in a pool of distribution "random"`
  const help = 'what is stored on one server is looked for on another; take "ketama" or "maglev"'
  report(errorAt(lastWord(tier), 'random-tier', message, help, [{ message: 'chosen here', span: headOf(drawn) }]))
}

function lastWord(node: Node): Span {
  return node.statement.arguments.at(-1)!.span
}

/** For a file without errors: pools that do not do what their owner thinks. */
export function checkDoubtfulPools(checked: CheckedDocument, compiled: Compiled, report: Report): void {
  for (const node of checked.main.all(memcached)) {
    checkAddresses(node.block.all(poolServer), report)
    const plan = compiled.plan.memcached.find((one) => one.name === node.value)
    if (plan !== undefined) checkShares(node, plan, report)
  }
  for (const node of checked.main.all(memcachedProxy)) checkOpenness(node, report)
}

const wildcards: ReadonlySet<string> = new Set(['*', '0.0.0.0', '::'])

/** Whoever reaches it reads and writes everything, and memcached open to the world is looked for, and found, within hours. */
function checkOpenness({ value, block }: Node<string>, report: Report): void {
  if (block.mentions(networkAllow) || block.mentions(networkDeny)) return
  for (const node of block.all(proxyListen)) {
    if (node.value.kind !== 'tcp' || !wildcards.has(node.value.host)) continue
    const { span, text } = node.statement.arguments[0]!
    const message = `memcached-proxy "${value}" lets everybody in who reaches "${text}"`
    const help = 'say who may connect: allow 10.0.0.0/8; or: allow all;'
    report(warningAt(span, 'open-to-all', message, help))
  }
}

function checkAddresses(servers: readonly ServerNode[], report: Report): void {
  const first = new Map<string, ServerNode>()
  for (const server of servers) {
    const { address } = server.value
    const text = address.kind === 'unix' ? address.path : `${address.host}:${address.port}`
    const earlier = first.get(text)
    if (earlier === undefined) {
      first.set(text, server)
      continue
    }
    const message = `two servers of the pool have the address "${text}"`
    const help = 'correct one of them; a server that shall own more keys has a greater "weight"'
    report(warningAt(headOf(server), 'same-address', message, help, [{ message: 'the first', span: headOf(earlier) }]))
  }
}

function checkShares(node: Node<string>, plan: MemcachedPlan, report: Report): void {
  const servers = node.block.all(poolServer)
  for (const index of unreachedServers(plan)) {
    const server = servers[index]!
    const message = `server "${plan.servers[index]!.label}" never gets a key`
    const help = `its weight ${server.value.weight} is too small beside the others; bring them closer together`
    report(warningAt(headOf(server), 'no-share', message, help))
  }
  const chosen = node.block.node(hash)
  if (chosen?.value !== 'crc32' || plan.distribution !== 'ketama' || servers.length < 2) return
  const message = 'hash "crc32" has 15 bits, so that under "ketama" nearly all keys fall on one server'
  report(warningAt(headOf(chosen), 'narrow-hash', message, 'take "crc32a", the whole CRC-32, or "distribution modula"'))
}
