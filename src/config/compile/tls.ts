/** `tls { ... }` of a listener to the Plan. */
import type { ClientCertificatePlan, TlsPlan } from '../../plan/tls-plan.ts'
import { type Block, headOf } from '../checked.ts'
import { setting } from '../defaults.ts'
import * as tls from '../directives/tls.ts'
import { useSessions } from '../directives/tls-sessions.ts'
import { placeOf } from './place.ts'

/** undefined: the listener has none. */
export function buildTls(block: Block | undefined): TlsPlan | undefined {
  if (block === undefined) return undefined
  return {
    certificates: block.all(tls.certificate).map((node) => ({ ...node.value, place: placeOf(headOf(node)) })),
    refusesUnknownNames: setting(tls.sni, block) === 'strict',
    minVersion: setting(tls.minVersion, block),
    maxVersion: setting(tls.maxVersion, block),
    ciphers: setting(tls.ciphers, block),
    suites: setting(tls.suites, block),
    groups: setting(tls.groups, block),
    cipherOrder: setting(tls.cipherOrder, block),
    clientCertificate: buildClientCertificate(block),
    handshakeTimeoutMs: setting(tls.handshakeTimeout, block),
    handshakes: setting(tls.handshakes, block),
    sessions: block.value(useSessions),
  }
}

function buildClientCertificate(block: Block): ClientCertificatePlan | undefined {
  const node = block.node(tls.clientCertificate)
  const ca = node?.block.value(tls.clientCa)
  if (node === undefined || ca === undefined) return undefined
  return { mode: node.value, ca, depth: setting(tls.clientDepth, node.block), place: placeOf(headOf(node)) }
}
