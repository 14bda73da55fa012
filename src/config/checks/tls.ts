/** TLS of listeners: versions that leave one to speak, and nothing that could never take effect. */
import type { MatchNode } from '../../plan/plan.ts'
import { type Block, type CheckedDocument, headOf, type Node } from '../checked.ts'
import type { Compiled } from '../compile.ts'
import { setting } from '../defaults.ts'
import type { Report } from '../directives/directive.ts'
import { listener, protocols, redirectScheme } from '../directives/listener.ts'
import { match } from '../directives/match.ts'
import { on, site } from '../directives/site.ts'
import { hsts } from '../directives/site-statements.ts'
import { ciphers, maxVersion, minVersion, oldCiphers, suites, tls } from '../directives/tls.ts'
import { errorAt, warningAt } from '../errors.ts'

export function checkTls(checked: CheckedDocument, report: Report): void {
  for (const { block } of checked.main.all(listener)) {
    checkProtocols(block, report)
    checkRedirect(block, report)
    const inside = block.node(tls)?.block
    if (inside !== undefined) checkVersions(inside, report)
  }
}

/** HTTP/2 is agreed upon in the TLS handshake; without TLS it has another name. */
function checkProtocols(block: Block, report: Report): void {
  const node = block.node(protocols)
  if (node === undefined || block.isIncomplete) return
  const hasTls = block.mentions(tls)
  const at = node.value.indexOf(hasTls ? 'h2c' : 'h2')
  if (at === -1) return
  const { span } = node.statement.arguments[at]!
  if (hasTls) {
    const message = '"h2c" is HTTP/2 without TLS, and the listener has "tls"'
    report(errorAt(span, 'protocol-with-tls', message, 'say "h2"'))
  } else {
    const help = 'add "tls { certificate /PATH key /PATH; }", or say "h2c" for clients that speak HTTP/2 without TLS'
    const message = 'HTTP/2 is agreed upon in the TLS handshake, and the listener has no "tls"'
    report(errorAt(span, 'protocol-without-tls', message, help))
  }
}

/** To the port it stands on it would lead in a circle, and from TLS to TLS it is not what anybody means. */
function checkRedirect(block: Block, report: Report): void {
  const redirect = block.node(redirectScheme)
  const inside = block.node(tls)
  if (redirect === undefined || inside === undefined) return
  const notes = [{ message: 'given here', span: headOf(inside) }]
  const message = 'who speaks TLS with this listener has come by https already'
  report(errorAt(headOf(redirect), 'redirect-with-tls', message, 'take "redirect" or "tls" away', notes))
}

function checkVersions(block: Block, report: Report): void {
  const least = setting(minVersion, block)
  const most = setting(maxVersion, block)
  if (least <= most) return
  const node = (block.node(maxVersion) ?? block.node(minVersion))!
  const message = `no version of TLS is at least ${least} and at most ${most}`
  report(errorAt(headOf(node), 'no-tls-version', message, 'raise "max-version" or lower "min-version"'))
}

/** What can have no effect, or a bad one. Only for a file without errors. */
export function checkDoubtfulTls(checked: CheckedDocument, { plan }: Compiled, report: Report): void {
  for (const { block } of checked.main.all(listener)) {
    const inside = block.node(tls)?.block
    if (inside !== undefined) checkCiphers(inside, report)
  }
  checkClientMatchers(checked, report)
  const secure = new Set(plan.listeners.filter((one) => one.tls !== undefined).map(({ name }) => name))
  for (const node of checked.main.all(site)) checkHsts(node, secure, report)
}

const oldNames: ReadonlySet<string> = new Set(oldCiphers)

function checkCiphers(block: Block, report: Report): void {
  const ofOldTls = block.node(ciphers)
  if (ofOldTls !== undefined && setting(minVersion, block) === '1.3') {
    const message = '"ciphers" are of TLS 1.2, which this listener does not speak'
    report(warningAt(headOf(ofOldTls), 'unused-ciphers', message, 'take "ciphers" away'))
  }
  const ofNewTls = block.node(suites)
  if (ofNewTls !== undefined && setting(maxVersion, block) === '1.2') {
    const message = '"suites" are of TLS 1.3, which this listener does not speak'
    report(warningAt(headOf(ofNewTls), 'unused-ciphers', message, 'take "suites" away'))
  }
  for (const [at, cipher] of (ofOldTls?.value ?? []).entries()) {
    if (!oldNames.has(cipher)) continue
    const message = `"${cipher}" is open to timing attacks, and clients that need it are rare`
    report(warningAt(ofOldTls!.statement.arguments[at]!.span, 'old-cipher', message, 'take it away if you can'))
  }
}

/** A condition on the certificates of clients, where no listener asks for one. */
function checkClientMatchers(checked: CheckedDocument, report: Report): void {
  const asks = checked.main.all(listener).some((node) => {
    const inside = node.block.node(tls)?.block
    return inside?.nodes.some(({ directive }) => directive.name === 'client-certificate') === true
  })
  if (asks) return
  for (const node of checked.main.all(match)) reportClientTests(node.block, report)
}

function reportClientTests(block: Block, report: Report): void {
  for (const node of block.nodes) {
    const { kind } = (typeof node.value === 'object' ? node.value : {}) as Partial<MatchNode>
    if (kind === 'client-certificate' || kind === 'client-field') {
      const message = 'no listener asks its clients for a certificate'
      const help = 'write "client-certificate optional { ca /PATH; }" in the "tls" of a listener'
      report(warningAt(headOf(node), 'no-client-certificate', message, help))
    }
    reportClientTests(node.block, report)
  }
}

function checkHsts(node: Node<readonly string[]>, secure: ReadonlySet<string>, report: Report): void {
  const statement = node.block.node(hsts)
  if (statement === undefined || statement.value.value === undefined) return
  const names = node.block.all(on).flatMap((one) => one.value)
  if (names.length === 0 ? secure.size > 0 : names.some((name) => secure.has(name))) return
  const message = 'no listener of this site has "tls", and without it "hsts" says nothing'
  report(warningAt(headOf(statement), 'hsts-without-tls', message, 'add "tls" to a listener, or take "hsts" away'))
}
