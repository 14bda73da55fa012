/**
 * Which of the operator's `ttl` statements is for a response.
 *
 * The one with most conditions (status, path, type) wins, so the order of statements in the file changes nothing; among
 * equals the first in the Plan's list, where the rule's own stand before the route's, the site's and the cache's.
 * A statement that names no status is for those that are cacheable by default (RFC 9110 §15.1): `ttl 1d override;` shall
 * not keep an error page for a day that nobody thought of. `ttl 5xx 1s;` says it where it is meant.
 */

import { trimBlanks } from '../../http/tokens.ts'
import type { TtlRule } from '../../plan/plan.ts'
import { compilePathGlob, type Glob } from '../../util/glob.ts'
import { isHeuristicallyCacheable } from './status.ts'

/** undefined: no statement is for it. `contentType` is the field's value. */
export function selectTtl(
  rules: readonly TtlRule[],
  status: number,
  path: string,
  contentType: string | undefined,
): TtlRule | undefined {
  let selected: TtlRule | undefined
  let most = -1
  for (const rule of rules) {
    const conditions = conditionCount(rule)
    if (conditions <= most || !matches(rule, status, path, contentType)) continue
    selected = rule
    most = conditions
  }
  return selected
}

function conditionCount(rule: TtlRule): number {
  return (
    (rule.statuses.length > 0 ? 1 : 0) + (rule.path !== undefined ? 1 : 0) + (rule.contentType !== undefined ? 1 : 0)
  )
}

function matches(rule: TtlRule, status: number, path: string, contentType: string | undefined): boolean {
  if (!coversStatus(rule, status)) return false
  if (rule.contentType !== undefined && !isOfType(contentType, rule.contentType)) return false
  return rule.path === undefined || globOf(rule, rule.path).matches(path)
}

function coversStatus(rule: TtlRule, status: number): boolean {
  if (rule.statuses.length === 0) return isHeuristicallyCacheable(status)
  return rule.statuses.some(([first, last]) => status >= first && status <= last)
}

/** `pattern`: `text/html`, `image/*` or `*` + `/*`. Parameters and letter case of the field do not count (RFC 9110 §8.3.1). */
function isOfType(contentType: string | undefined, pattern: string): boolean {
  if (contentType === undefined) return false
  const semicolon = contentType.indexOf(';')
  const type = trimBlanks(contentType, 0, semicolon === -1 ? contentType.length : semicolon).toLowerCase()
  const wanted = pattern.toLowerCase()
  if (wanted === '*/*') return true
  return wanted.endsWith('/*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted
}

/** Compiled once per statement; gone with the Plan it belongs to. */
const globs = new WeakMap<TtlRule, Glob>()

function globOf(rule: TtlRule, pattern: string): Glob {
  let glob = globs.get(rule)
  if (glob === undefined) {
    glob = compilePathGlob(pattern)
    globs.set(rule, glob)
  }
  return glob
}
