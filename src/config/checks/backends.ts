/** Backends: the protocol and TLS go together, and there is a name to compare a certificate with. */
import { type CheckedDocument, headOf, type Node } from '../checked.ts'
import { setting } from '../defaults.ts'
import { backend, server } from '../directives/backend.ts'
import { backendTls, originCa, protocol, serverName, verify } from '../directives/backend-tls.ts'
import type { Report } from '../directives/directive.ts'
import { errorAt } from '../errors.ts'

export function checkBackends(checked: CheckedDocument, report: Report): void {
  for (const node of checked.main.all(backend)) {
    checkProtocol(node, report)
    checkNames(node, report)
    checkTrust(node, report)
  }
}

function checkProtocol({ block }: Node<string>, report: Report): void {
  const node = block.node(protocol)
  if (node === undefined || node.value === 'h1') return
  const tls = block.node(backendTls)
  const span = node.statement.arguments[0]!.span
  if (node.value === 'h2c' && tls !== undefined) {
    const notes = [{ message: 'given here', span: headOf(tls) }]
    report(
      errorAt(span, 'h2c-with-tls', '"h2c" is HTTP/2 without TLS', 'write "protocol h2;" or take "tls" away', notes),
    )
  }
  if (node.value === 'h2c' || block.mentions(backendTls)) return
  const message = `"${node.value}" is agreed upon in the TLS handshake, and the backend has no "tls"`
  const help = node.value === 'h2' ? 'add "tls;", or write "protocol h2c;" for servers without TLS' : 'add "tls;"'
  report(errorAt(span, 'protocol-without-tls', message, help))
}

/** The certificate of a server behind a unix socket has to name something. */
function checkNames({ block }: Node<string>, report: Report): void {
  const tls = block.node(backendTls)
  if (tls === undefined || tls.block.mentions(serverName) || !setting(verify, tls.block)) return
  for (const node of block.all(server)) {
    if (node.value.address.kind !== 'unix') continue
    const message = 'a unix socket has no name that the certificate of the server could be made out to'
    const help = 'say in "tls" which name it has: server-name app.internal;'
    report(errorAt(node.statement.arguments[1]!.span, 'no-server-name', message, help))
  }
}

function checkTrust({ block }: Node<string>, report: Report): void {
  const tls = block.node(backendTls)?.block
  const ca = tls?.node(originCa)
  if (tls === undefined || ca === undefined || setting(verify, tls)) return
  const notes = [{ message: 'turned off here', span: headOf(tls.node(verify)!) }]
  report(errorAt(headOf(ca), 'unused-ca', 'nothing is compared with "ca"', 'take "verify off;" away', notes))
}
