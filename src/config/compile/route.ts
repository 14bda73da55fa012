/**
 * A route with all it inherits: what it does not say, its site does, then the rule's and the cache's own statements.
 * Header edits run in the order site, route, rule; access rules of both sides count together.
 */
import type { Action, ForwardedPlan, HeaderEdit, PathPattern, Rewrite, RoutePlan } from '../../plan/plan.ts'
import { Block, headOf, type Node } from '../checked.ts'
import { setting } from '../defaults.ts'
import { remove } from '../directives/cache.ts'
import type { Directive } from '../directives/directive.ts'
import * as headers from '../directives/headers.ts'
import * as route from '../directives/route.ts'
import * as site from '../directives/site-statements.ts'
import { type AccessRule, orderAccess } from './access.ts'
import { placeOf, ruleId } from './place.ts'
import { buildSettings } from './settings.ts'

/** The objects a route may name. */
export interface NamedBlocks {
  readonly caches: ReadonlyMap<string, Block>
  readonly rules: ReadonlyMap<string, Block>
}

/** What a site without routes is: one route for everything. */
const IMPLICIT_PATHS: readonly PathPattern[] = [{ kind: 'glob', pattern: '/**' }]

/** undefined: the route has no action, which has been reported. */
export function buildRoute(node: Node<string>, siteBlock: Block, named: NamedBlocks): RoutePlan | undefined {
  const paths = node.block.all(route.path).flatMap((path) => path.value)
  return buildFrom({ name: node.value, paths, block: node.block, siteBlock, named, node })
}

/** The only route of a site that has none; undefined: the site has no "proxy". */
export function buildImplicitRoute(siteNode: Node, named: NamedBlocks): RoutePlan | undefined {
  const block = new Block('route', undefined, siteNode.block)
  return buildFrom({ name: 'all', paths: IMPLICIT_PATHS, block, siteBlock: siteNode.block, named, node: siteNode })
}

interface RouteParts {
  readonly name: string
  readonly paths: readonly PathPattern[]
  readonly block: Block
  readonly siteBlock: Block
  readonly named: NamedBlocks
  readonly node: Node
}

function buildFrom({ name, paths, block, siteBlock, named, node }: RouteParts): RoutePlan | undefined {
  const action = buildAction(block, siteBlock)
  if (action === undefined) return undefined
  const own = <T>(directive: Directive<T>): T | undefined => block.value(directive) ?? siteBlock.value(directive)
  const place = placeOf(headOf(node))
  const choice = own(site.cacheChoice)
  const rule = choice?.rule === undefined ? undefined : named.rules.get(choice.rule)
  const cacheName = own(site.useCache)
  const isCached = action.kind === 'proxy' && !(choice !== undefined && choice.rule === undefined)
  const cacheBlock = isCached && cacheName !== undefined ? named.caches.get(cacheName) : undefined
  const upgrades = block.mentions(site.upgrade) ? block : siteBlock
  return {
    name,
    id: ruleId('route', name, place),
    paths,
    methods: block.all(route.routeMethod).flatMap((method) => method.value),
    when: block.value(route.when),
    action,
    cache:
      cacheBlock === undefined || cacheName === undefined
        ? undefined
        : { name: cacheName, settings: rule ? buildSettings(rule, cacheBlock) : buildSettings(cacheBlock) },
    access: orderAccess(accessRules(block), accessRules(siteBlock)),
    rewrite: buildRewrite(block),
    requestHeaders: buildEdits('request', block, siteBlock, rule),
    responseHeaders: buildEdits('response', block, siteBlock, rule),
    forwarded: buildForwarded(block.child(site.forwarded), siteBlock.child(site.forwarded)),
    upgrades: upgrades.value(site.upgrade) ?? [],
    hsts: own(site.hsts)?.value,
    bodyBytes: own(site.bodyBytes),
    cacheStatus: setting(site.cacheStatus, block, siteBlock),
    place,
  }
}

function buildAction(block: Block, siteBlock: Block): Action | undefined {
  const respond = block.value(route.respond)
  if (respond !== undefined) return { kind: 'respond', ...respond }
  const redirect = block.value(route.redirect)
  if (redirect !== undefined) return { kind: 'redirect', ...redirect }
  const backend = block.value(site.proxy) ?? siteBlock.value(site.proxy)
  return backend === undefined ? undefined : { kind: 'proxy', backend }
}

function accessRules(block: Block): readonly AccessRule[] {
  const rules = (directive: typeof site.allow, allow: boolean): readonly AccessRule[] =>
    block.all(directive).map((node) => ({ allow, matcher: node.value.matcher, place: placeOf(headOf(node)) }))
  return [...rules(site.deny, false), ...rules(site.allow, true)]
}

function buildRewrite(block: Block): Rewrite | undefined {
  const strip = block.value(route.stripPrefix)
  if (strip !== undefined) return { kind: 'strip-prefix', prefix: strip }
  const add = block.value(route.addPrefix)
  if (add !== undefined) return { kind: 'add-prefix', prefix: add }
  const to = block.value(route.rewrite)
  return to === undefined ? undefined : { kind: 'path', to }
}

function buildEdits(
  side: 'request' | 'response',
  block: Block,
  siteBlock: Block,
  rule: Block | undefined,
): readonly HeaderEdit[] {
  const inherited = block.mentions(route.clear) ? [] : editsOf(side, siteBlock)
  return [...inherited, ...editsOf(side, block), ...(rule === undefined ? [] : ruleEdits(side, rule))]
}

function editsOf(side: 'request' | 'response', block: Block): readonly HeaderEdit[] {
  const directive = side === 'request' ? headers.requestEdit : headers.responseEdit
  return block
    .all(headers.headersBlock)
    .flatMap((node) => node.block.all(directive))
    .map((node) => ({ ...node.value, place: placeOf(headOf(node)) }))
}

/** `remove` of a rule stands before its `headers` block, wherever it is written. */
function ruleEdits(side: 'request' | 'response', rule: Block): readonly HeaderEdit[] {
  const removals = rule
    .all(remove)
    .filter((node) => node.value.side === side)
    .map((node): HeaderEdit => {
      return { op: 'remove', name: node.value.name, value: [], when: undefined, place: placeOf(headOf(node)) }
    })
  return [...removals, ...editsOf(side, rule)]
}

function buildForwarded(own: Block, inherited: Block): ForwardedPlan {
  const blocks = [own, inherited]
  return {
    trust: blocks.flatMap((block) => block.all(site.trust)).flatMap((node) => node.value),
    xForwarded: setting(site.xForwarded, ...blocks),
    forwarded: setting(site.forwardedField, ...blocks),
    via: setting(site.via, ...blocks).via,
  }
}
