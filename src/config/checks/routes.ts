/** Routes: one action each, one way to change the path, and captures that the path really takes. */
import type { PathPattern } from '../../plan/plan.ts'
import { type Block, type CheckedDocument, headOf, type Node } from '../checked.ts'
import type { Directive, Report } from '../directives/directive.ts'
import { addPrefix, path, redirect, respond, rewrite, route, stripPrefix } from '../directives/route.ts'
import { site } from '../directives/site.ts'
import { cacheChoice, proxy, useCache } from '../directives/site-statements.ts'
import { errorAt, warningAt } from '../errors.ts'
import { literalStart, relatePaths } from '../overlap/relate.ts'

export function checkRoutes(checked: CheckedDocument, report: Report): void {
  for (const siteNode of checked.main.all(site)) {
    const routes = siteNode.block.all(route)
    const isCached = routes.some((node) => node.block.mentions(useCache))
    if (!isCached) checkCacheChoice(siteNode.block, siteNode.block, report)
    for (const node of routes) {
      checkAction(node, siteNode.block, report)
      checkPathEdits(node.block, report)
      checkReachable(node.block, report)
      checkCaptures(node.block, report)
      checkStripPrefix(node.block, report)
      checkCacheChoice(node.block, siteNode.block, report)
      checkUseless(node.block, report)
    }
  }
}

const actions: readonly Directive[] = [proxy, respond, redirect]
const pathEdits: readonly Directive[] = [stripPrefix, addPrefix, rewrite]

function checkAction(node: Node<string>, siteBlock: Block, report: Report): void {
  reportSecond(node.block, actions, 'a route has one action', 'keep one of them', report)
  if (node.block.isIncomplete || siteBlock.isIncomplete) return
  if (actions.some((action) => node.block.mentions(action)) || siteBlock.mentions(proxy)) return
  const message = `route "${node.value}" does not say what becomes of its requests`
  report(
    errorAt(headOf(node), 'missing-action', message, 'add "proxy BACKEND;", "respond 200;" or "redirect 308 URL;"'),
  )
}

function checkPathEdits(block: Block, report: Report): void {
  reportSecond(block, pathEdits, 'the path is changed in two ways', 'say both in one "rewrite"', report)
}

function reportSecond(block: Block, group: readonly Directive[], what: string, help: string, report: Report): void {
  const nodes = block.nodes.filter((node) => group.includes(node.directive))
  const [first, second] = nodes
  if (first === undefined || second === undefined) return
  const message = `"${second.directive.name}" cannot stand beside "${first.directive.name}": ${what}`
  const notes = [{ message: `"${first.directive.name}" stands here`, span: headOf(first) }]
  report(errorAt(headOf(second), 'conflict', message, help, notes))
}

/** What only makes sense when a backend answers. */
function checkUseless(block: Block, report: Report): void {
  const action = block.node(respond) ?? block.node(redirect)
  if (action === undefined) return
  for (const node of block.nodes) {
    const isUseless = pathEdits.includes(node.directive) || (node.directive as Directive) === cacheChoice
    if (!isUseless) continue
    const message = `"${node.directive.name}" has no effect in a route that answers by itself`
    const notes = [{ message: 'it answers here', span: headOf(action) }]
    report(warningAt(headOf(node), 'no-effect', message, 'remove it', notes))
  }
}

const everything: readonly PathPattern[] = [{ kind: 'glob', pattern: '/**' }]

/** `*.css` begins with a segment's letters, but every path begins with `/`. */
function checkReachable(block: Block, report: Report): void {
  for (const node of block.all(path)) {
    for (const [index, pattern] of node.value.entries()) {
      if (relatePaths([pattern], everything).relation !== 'disjoint') continue
      const { span } = node.statement.arguments[index]!
      const isGlob = pattern.kind === 'glob'
      const help = isGlob
        ? `every path begins with "/"; did you mean "*${pattern.pattern}"?`
        : 'every path begins with "/"'
      report(errorAt(span, 'unreachable', 'no path can match this pattern', help))
    }
  }
}

function checkCaptures(block: Block, report: Report): void {
  const patterns = block.all(path).flatMap((node) => node.value)
  if (patterns.length === 0) return
  const available = Math.min(...patterns.map(captureCount))
  for (const node of [block.node(redirect), block.node(rewrite)]) {
    if (node === undefined) continue
    const target = typeof node.value === 'string' ? node.value : node.value.location
    const highest = Math.max(0, ...[...target.matchAll(/\$([1-9])/g)].map((found) => Number(found[1])))
    if (highest <= available) continue
    const span = node.statement.arguments.at(-1)!.span
    const message = `"$${highest}" stands for nothing: the path of this route takes ${countOf(available)}`
    report(errorAt(span, 'unknown-capture', message, 'each "*", "**" or group in the path gives one, $1 first'))
  }
}

function countOf(captures: number): string {
  if (captures === 0) return 'no part'
  return captures === 1 ? 'only $1' : `only $1 to $${captures}`
}

/** Wildcards of a glob, groups of a regex that are not `(?:`. */
function captureCount(pattern: PathPattern): number {
  if (pattern.kind === 'glob') return pattern.pattern.match(/\*+/g)?.length ?? 0
  const opening = pattern.source
    .replaceAll(/\\./g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .match(/\((?!\?(?!<))/g)
  return opening?.length ?? 0
}

function checkStripPrefix(block: Block, report: Report): void {
  const node = block.node(stripPrefix)
  if (node === undefined) return
  for (const pattern of block.all(path).flatMap((statement) => statement.value)) {
    if (pattern.kind === 'regex' || literalStart(pattern.pattern).startsWith(node.value)) continue
    const message = `"${node.value}" is not what every path of this route begins with`
    const help = `"${pattern.pattern}" also matches other paths; use "rewrite" with $1 instead`
    report(errorAt(node.statement.arguments[0]!.span, 'prefix-mismatch', message, help))
  }
}

function checkCacheChoice(block: Block, siteBlock: Block, report: Report): void {
  const node = block.node(cacheChoice)
  if (node?.value.rule === undefined || block.mentions(useCache) || siteBlock.mentions(useCache)) return
  if (block.isIncomplete || siteBlock.isIncomplete) return
  const message = `rule "${node.value.rule}" applies to no cache`
  report(errorAt(headOf(node), 'no-cache', message, 'add "use-cache NAME;" to the site'))
}
