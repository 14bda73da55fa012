/** The checked tree to the Plan. Also for a tree with mistakes, as far as it goes: checks look at the result. */
import type { Plan } from '../plan/plan.ts'
import type { Block, CheckedDocument, Node } from './checked.ts'
import { buildBackend } from './compile/backend.ts'
import { buildMatchers } from './compile/match.ts'
import { buildMemcachedProxy, buildPools } from './compile/memcached.ts'
import { buildAdmin, buildListener, buildLogs, buildProcess, buildReload } from './compile/process.ts'
import { buildCache } from './compile/settings.ts'
import { type CompiledSite, compileSite } from './compile/site.ts'
import { buildTest, type CompiledTest } from './compile/test.ts'
import { buildTlsSessions } from './compile/tls-sessions.ts'
import { backend } from './directives/backend.ts'
import { cache, rule } from './directives/cache.ts'
import { listener } from './directives/listener.ts'
import { match } from './directives/match.ts'
import { memcachedProxy } from './directives/memcached-proxy.ts'
import { site } from './directives/site.ts'
import { test } from './directives/test-block.ts'

export interface Compiled {
  readonly plan: Plan
  /** In the order of the text, with why their routes stand as they do. */
  readonly sites: readonly CompiledSite[]
  /** In the order of the text. */
  readonly tests: readonly CompiledTest[]
}

/** `files`: what the Plan's `files` shall be. */
export function compile(checked: CheckedDocument, files: readonly string[]): Compiled {
  const { main } = checked
  const named = { caches: blocksByName(main.all(cache)), rules: blocksByName(main.all(rule)) }
  const sites = main.all(site).map((node) => compileSite(node, named))
  const plan: Plan = {
    languageVersion: 1,
    process: buildProcess(main),
    reload: buildReload(main),
    admin: buildAdmin(main),
    logs: buildLogs(main),
    listeners: main.all(listener).map(buildListener),
    backends: main.all(backend).map(buildBackend),
    caches: main.all(cache).map(buildCache),
    memcached: buildPools(main),
    memcachedProxies: main.all(memcachedProxy).map(buildMemcachedProxy),
    tlsSessions: buildTlsSessions(main),
    matchers: buildMatchers(main.all(match)),
    sites: sites.map((one) => one.plan),
    files,
  }
  return { plan, sites, tests: main.all(test).flatMap((node) => buildTest(node) ?? []) }
}

function blocksByName(nodes: readonly Node<string>[]): ReadonlyMap<string, Block> {
  return new Map(nodes.map((node) => [node.value, node.block]))
}
