/** The one table of the language: every block, every directive in it. */
import { backendContext, responseLimitsContext, retryContext } from './backend.ts'
import { backendTlsContext } from './backend-tls.ts'
import { cacheContext, ruleContext } from './cache.ts'
import { collapseContext } from './cache-settings.ts'
import type { Context, ContextName, Directive } from './directive.ts'
import { headersContext } from './headers.ts'
import { keyContext } from './key.ts'
import { limitsContext, listenerContext } from './listener.ts'
import { accessLogContext, daemonLogContext } from './log.ts'
import { matchContext } from './match.ts'
import { memcachedContext } from './memcached.ts'
import { memcachedLimitsContext, memcachedProxyContext } from './memcached-proxy.ts'
import { adminContext, processContext, reloadContext } from './process.ts'
import { purgeContext, tagsContext } from './purge.ts'
import { routeContext } from './route.ts'
import { siteContext } from './site.ts'
import { forwardedContext } from './site-statements.ts'
import { testContext, testMessageContext, testStoredContext } from './test-block.ts'
import { clientCertificateContext, tlsContext } from './tls.ts'
import { sessionIdsContext, ticketsContext, tlsSessionsContext } from './tls-sessions.ts'
import { mainContext } from './top-level.ts'

/** In the order of the manual. */
export const contexts: readonly Context[] = [
  mainContext,
  processContext,
  reloadContext,
  adminContext,
  daemonLogContext,
  accessLogContext,
  listenerContext,
  tlsContext,
  clientCertificateContext,
  limitsContext,
  backendContext,
  retryContext,
  responseLimitsContext,
  backendTlsContext,
  memcachedContext,
  memcachedProxyContext,
  memcachedLimitsContext,
  tlsSessionsContext,
  ticketsContext,
  sessionIdsContext,
  cacheContext,
  ruleContext,
  keyContext,
  collapseContext,
  tagsContext,
  purgeContext,
  headersContext,
  matchContext,
  siteContext,
  forwardedContext,
  routeContext,
  testContext,
  testMessageContext,
  testStoredContext,
]

const byName: ReadonlyMap<ContextName, Context> = new Map(contexts.map((context) => [context.name, context]))

const directivesByName: ReadonlyMap<ContextName, ReadonlyMap<string, Directive>> = new Map(
  contexts.map((context) => [context.name, new Map(context.directives.map((one) => [one.name, one]))]),
)

export function contextNamed(name: ContextName): Context {
  return byName.get(name)!
}

/** The directive a statement of this name means in this block; `@ops` in a matcher means `@NAME`. */
export function findDirective(context: ContextName, name: string): Directive | undefined {
  return directivesByName.get(context)!.get(name.startsWith('@') ? '@NAME' : name)
}

/** The blocks a directive of this name may stand in. */
export function contextsWith(name: string): readonly Context[] {
  return contexts.filter((context) => findDirective(context.name, name) !== undefined)
}

export interface PeerMatch {
  readonly directive: Directive
  readonly contexts: readonly Context[]
}

/** The directives that users of other servers look for under this word, in the order of the manual, each once. */
export function findByPeerWord(word: string): readonly PeerMatch[] {
  const matches = new Map<Directive, Context[]>()
  for (const context of contexts) {
    for (const one of context.directives) {
      if (!one.peers.includes(word)) continue
      const places = matches.get(one)
      if (places === undefined) matches.set(one, [context])
      else places.push(context)
    }
  }
  return [...matches].map(([directive, places]) => ({ directive, contexts: places }))
}
