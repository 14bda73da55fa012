/**
 * The cache key of a request: `https|shop.example.com|currency=EUR|/t/a.css?v=3`.
 *
 *     [scheme "|"] [authority "|"] ( field "|" )* ( cookie "|" )* [ class "|" ] path [ "?" query ]
 *
 * The hard part is that two requests that must not share an object never get the same key. Which parts there are is
 * fixed by the Plan; every part but the last has its `|` and `%` escaped, so it ends at the next `|`; the last runs to
 * the end. A field or cookie is `name` when absent and `name=value` when present, so absent is not empty. The class is
 * `class=mobile`, or `class=mobile+staff` when two of the classes hold, or `class`, so their order in the file is nothing.
 *
 * The method is no part: HEAD is answered from what GET stored.
 */

import type { RequestFacts } from '../plan/facts.ts'
import type { KeyPlan } from '../plan/plan.ts'
import { compilePath } from './key-path.ts'
import { compileQuery } from './key-query.ts'

/**
 * `request` as its origin sees it: what a route removes tells nothing apart. Classes are conditions of the configuration
 * and judge what was received, which is the same request unless given.
 */
export type KeyOf = (request: RequestFacts, received?: RequestFacts) => string

type PartOf = (request: RequestFacts) => string

/** Finds the condition that a matcher of the configuration is. */
export type ConditionOf = (matcher: string) => (request: RequestFacts) => boolean

/** The function is called for every request that is looked up; the default plan costs it one concatenation. */
export function compileKey(plan: KeyPlan, conditionOf: ConditionOf): KeyOf {
  const prefix = compilePrefix(plan)
  const extra = compileExtra(plan, conditionOf)
  const target = compileTarget(plan)
  if (extra === undefined && target === wholeTarget) return (request) => prefix(request) + wholeTarget(request)
  if (extra === undefined) return (request) => prefix(request) + target(request)
  return (request, received = request) => prefix(request) + extra(request, received) + target(request)
}

function compileTarget(plan: KeyPlan): PartOf {
  const path = compilePath(plan.path)
  const isWhole = plan.query.mode === 'all' && !plan.query.sort
  if (path === undefined && isWhole) return wholeTarget
  const query = compileQuery(plan.query)
  if (path === undefined) return (request) => request.path + query(request)
  return (request) => path(request.path) + query(request)
}

function wholeTarget(request: RequestFacts): string {
  return request.hasQuery ? `${request.path}?${request.query}` : request.path
}

function compilePrefix(plan: KeyPlan): PartOf {
  if (plan.host)
    return memoisePrefix(
      plan.scheme ? (request) => `${request.scheme}|${authorityOf(request)}|` : (request) => `${authorityOf(request)}|`,
    )
  if (plan.scheme) return (request) => `${request.scheme}|`
  return () => ''
}

/** Keeps the last result: the next request is mostly for the same host, and the parser then gives it the same string. */
function memoisePrefix(prefix: PartOf): PartOf {
  let lastScheme = ''
  let lastAuthority = ''
  let last = ''
  return (request) => {
    if (request.authority === lastAuthority && request.scheme === lastScheme && last !== '') return last
    lastScheme = request.scheme
    lastAuthority = request.authority
    last = prefix(request)
    return last
  }
}

/** The authority without the default port of its scheme (RFC 9110 §4.2.3): `a` and `a:80` are one origin for http. */
function authorityOf(request: RequestFacts): string {
  const { authority, host } = request
  // A host with neither port nor anything to escape, which is nearly every one, is told by its length and one scan.
  const isDefault = authority.length === host.length || isDefaultPort(request)
  return escapePart(isDefault ? host : authority)
}

function isDefaultPort({ authority, host, scheme }: RequestFacts): boolean {
  const port = scheme === 'https' ? ':443' : ':80'
  return authority.length === host.length + port.length && authority.endsWith(port)
}

/** undefined: the plan has neither fields nor cookies nor classes. */
function compileExtra(
  plan: KeyPlan,
  conditionOf: ConditionOf,
): ((request: RequestFacts, received: RequestFacts) => string) | undefined {
  const { headers, cookies } = plan
  const classOf = compileClasses(plan, conditionOf)
  if (headers.length === 0 && cookies.length === 0) {
    return classOf === undefined ? undefined : (_, received) => classOf(received)
  }
  return (request, received) => {
    let text = ''
    for (const name of headers) text += `${namedPart(name, request.header(name))}|`
    if (cookies.length !== 0) {
      const lines = request.headers('cookie')
      for (const name of cookies) text += `${namedPart(name, cookieValues(lines, name))}|`
    }
    return classOf === undefined ? text : text + classOf(received)
  }
}

/** Names are letters, digits, `-` and `_`, so neither `+` nor `|` can stand in one. */
function compileClasses({ classes }: KeyPlan, conditionOf: ConditionOf): PartOf | undefined {
  if (classes.length === 0) return undefined
  const sorted = classes.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const named = sorted.map(({ name, matcher }) => ({ name, condition: conditionOf(matcher) }))
  return (received) => {
    const held = named.filter(({ condition }) => condition(received))
    return held.length === 0 ? 'class|' : `class=${held.map(({ name }) => name).join('+')}|`
  }
}

/** A field or cookie with its value, or its absence, ready to stand before a `|`. */
export function namedPart(name: string, value: string | undefined): string {
  return value === undefined ? name : `${name}=${escapePart(value)}`
}

/** All values of one cookie, joined by `;`, which no value holds: origins differ in which of several they take. */
function cookieValues(lines: readonly string[], name: string): string | undefined {
  let values: string | undefined
  for (const line of lines) {
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=')
      if (equals === -1 || pair.slice(0, equals).trim() !== name) continue
      const value = pair.slice(equals + 1).trim()
      values = values === undefined ? value : `${values};${value}`
    }
  }
  return values
}

/** `|` ends a part and `\n` a variant (`vary.ts`), so neither may stand in one. */
export function escapePart(text: string): string {
  return /[|%\n]/.test(text) ? text.replace(/[|%\n]/g, escapeLetter) : text
}

function escapeLetter(letter: string): string {
  return letter === '|' ? '%7C' : letter === '%' ? '%25' : '%0A'
}
