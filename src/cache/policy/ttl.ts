/**
 * Which of the operator's `ttl` statements is for a response. The Plan has a rule's before its cache's, the shorter time
 * first, and says of each which ones are more exact.
 */

import { plainPath } from '../../http/plain-path.ts'
import { trimBlanks } from '../../http/tokens.ts'
import type { ResponseFacts } from '../../plan/facts.ts'
import type { TtlRule } from '../../plan/plan.ts'
import { compilePathGlob, type Glob } from '../../util/glob.ts'
import { parseDigits } from './delta-seconds.ts'

/** undefined: no statement is for it. `path` is the request's. */
export function selectTtl(rules: readonly TtlRule[], path: string, response: ResponseFacts): TtlRule | undefined {
  const fits = (rule: TtlRule): boolean => matches(rule, path, response)
  return rules.find((rule) => fits(rule) && !rule.yieldsTo.some((at) => fits(rules[at]!)))
}

function matches(rule: TtlRule, path: string, response: ResponseFacts): boolean {
  if (!coversStatus(rule, response.status)) return false
  if (rule.contentType !== undefined && !isOfType(response.header('content-type'), rule.contentType)) return false
  if (rule.lengths !== undefined && !isWithin(response.header('content-length'), rule.lengths)) return false
  return rule.path === undefined || globOf(rule, rule.path).matches(plainPath(path))
}

function coversStatus(rule: TtlRule, status: number): boolean {
  return rule.statuses.length === 0 || rule.statuses.some(([first, last]) => status >= first && status <= last)
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

/** `contentLength`: the field's value; what it does not tell is within nothing. */
function isWithin(contentLength: string | undefined, [least, most]: readonly [number, number]): boolean {
  if (contentLength === undefined) return false
  const length = parseDigits(contentLength, Number.MAX_SAFE_INTEGER)
  return length >= least && length <= most
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
