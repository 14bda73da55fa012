/** The parts of the Plan that concern the process: threads, admin socket, logs, listeners. */
import type {
  AccessLogPlan,
  AdminPlan,
  LimitsPlan,
  ListenerPlan,
  LogsPlan,
  ProcessPlan,
  ReloadPlan,
} from '../../plan/plan.ts'
import { type Block, headOf, type Node } from '../checked.ts'
import { setting } from '../defaults.ts'
import * as listener from '../directives/listener.ts'
import * as log from '../directives/log.ts'
import * as process from '../directives/process.ts'
import { tls } from '../directives/tls.ts'
import { placeOf } from './place.ts'
import { buildTls } from './tls.ts'

export function buildProcess(main: Block): ProcessPlan {
  const block = main.child(process.processBlock)
  return {
    workers: setting(process.workers, block),
    user: block.value(process.user),
    group: block.value(process.group),
    pidFile: block.value(process.pidFile),
    drainMs: setting(process.drain, block),
    connections: setting(process.connections, block),
  }
}

export function buildReload(main: Block): ReloadPlan {
  const block = main.child(process.reloadBlock)
  return {
    watch: setting(process.watch, block),
    debounceMs: setting(process.debounce, block),
    strict: block.mentions(process.strict),
    requireTests: block.mentions(process.requireTests),
  }
}

export function buildAdmin(main: Block): AdminPlan {
  const listen = main.child(process.adminBlock).value(process.adminListen)
  return { socketPath: listen?.path, mode: listen?.mode ?? 0o600 }
}

export function buildLogs(main: Block): LogsPlan {
  const blockOf = (kind: log.LogKind): Block | undefined => main.all(log.log).find((node) => node.value === kind)?.block
  const daemon = blockOf('daemon')
  const access = blockOf('access')
  const to = daemon?.value(log.to) ?? { kind: 'stderr' }
  const level = daemon === undefined ? 'info' : setting(log.level, daemon)
  return { daemon: { to, level }, access: access && buildAccessLog(access) }
}

function buildAccessLog(block: Block): AccessLogPlan | undefined {
  const to = block.value(log.to)
  if (to === undefined) return undefined
  return { to, format: setting(log.format, block), sample: setting(log.sample, block), when: block.value(log.logWhen) }
}

export function buildListener(node: Node<string>): ListenerPlan {
  const { block } = node
  return {
    name: node.value,
    addresses: block.all(listener.address).flatMap((address) => address.value),
    protocols: block.value(listener.protocols) ?? (block.mentions(tls) ? ['h2', 'h1'] : ['h1']),
    tls: buildTls(block.node(tls)?.block),
    redirectHttps: block.mentions(listener.redirectScheme),
    redirectPort: block.value(listener.redirectScheme)?.port,
    limits: buildLimits(block.child(listener.limits)),
    place: placeOf(headOf(node)),
  }
}

function buildLimits(block: Block): LimitsPlan {
  return {
    headerTimeoutMs: setting(listener.headerTimeout, block),
    idleTimeoutMs: setting(listener.clientIdleTimeout, block),
    bodyTimeoutMs: setting(listener.bodyTimeout, block),
    sendTimeoutMs: setting(listener.sendTimeout, block),
    headerBytes: setting(listener.headerBytes, block),
    headers: setting(listener.headerCount, block),
    targetBytes: setting(listener.targetBytes, block),
    bodyBytes: setting(listener.limitBodyBytes, block),
    requestsPerConnection: setting(listener.requests, block),
    streams: setting(listener.streams, block),
  }
}
