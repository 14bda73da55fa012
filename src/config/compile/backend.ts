/** `backend NAME { ... }` to the Plan. */
import type { OriginTlsPlan } from '../../plan/origin-tls-plan.ts'
import type { BackendPlan } from '../../plan/plan.ts'
import { type Block, headOf, type Node } from '../checked.ts'
import { setting } from '../defaults.ts'
import * as backend from '../directives/backend.ts'
import * as tls from '../directives/backend-tls.ts'
import { placeOf } from './place.ts'

export function buildBackend(node: Node<string>): BackendPlan {
  const { block } = node
  const responseLimits = block.child(backend.responseLimits)
  return {
    name: node.value,
    servers: block.all(backend.server).map((server) => ({ ...server.value, place: placeOf(headOf(server)) })),
    balance: setting(backend.balance, block),
    connectTimeoutMs: setting(backend.connectTimeout, block),
    firstByteTimeoutMs: setting(backend.firstByteTimeout, block),
    betweenBytesTimeoutMs: setting(backend.betweenBytesTimeout, block),
    idleTimeoutMs: setting(backend.serverIdleTimeout, block),
    connections: setting(backend.backendConnections, block),
    keepAlive: setting(backend.keepAlive, block),
    queue: setting(backend.queue, block),
    retry: { attempts: setting(backend.attempts, block.child(backend.retry)) },
    eject: setting(backend.eject, block),
    hostHeader: setting(backend.host, block),
    responseHeaderBytes: setting(backend.responseHeaderBytes, responseLimits),
    responseHeaders: setting(backend.responseHeaderCount, responseLimits),
    protocol: setting(tls.protocol, block),
    tls: buildTls(block.node(tls.backendTls)?.block),
    place: placeOf(headOf(node)),
  }
}

function buildTls(block: Block | undefined): OriginTlsPlan | undefined {
  if (block === undefined) return undefined
  return {
    verify: setting(tls.verify, block),
    ca: block.value(tls.originCa),
    serverName: block.value(tls.serverName),
    certificate: block.value(tls.originCertificate),
    minVersion: setting(tls.originMinVersion, block),
    ciphers: block.value(tls.originCiphers) ?? [],
  }
}
