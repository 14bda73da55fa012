/**
 * `match @name { ... }` as functions: each named condition is compiled once to a tree of closures, and a reference to
 * another matcher becomes a direct call of it.
 */
import { plainPath } from '../http/plain-path.ts'
import type { RequestFacts, ResponseFacts } from '../plan/facts.ts'
import type { ClientField, MatcherPlan, MatchNode, TlsField } from '../plan/plan.ts'
import type { ClientCertificateFacts, TlsFacts } from '../plan/tls-facts.ts'
import { assert, unreachable } from '../util/assert.ts'
import { wireText } from '../util/wire-text.ts'
import { HostMap } from './hosts.ts'
import { hasCookie, hasQueryValue } from './named-values.ts'
import { NetworkSet } from './networks.ts'
import { compileTests, type TextTest } from './string-tests.ts'

/** Whether a condition holds. One that looks at the response does not hold before there is one. */
export type Condition = (request: RequestFacts, response?: ResponseFacts) => boolean

/** One node below a matcher; the matcher has made sure that a response is there when the node needs it. */
type NodeTest = (request: RequestFacts, response: ResponseFacts | undefined) => boolean

export class MatcherSet {
  readonly #conditions: ReadonlyMap<string, Condition>

  constructor(conditions: ReadonlyMap<string, Condition>) {
    this.#conditions = conditions
  }

  /** Whether matcher `name` (without "@") holds; throws an AssertionError when there is no such matcher. */
  holds(name: string, request: RequestFacts, response?: ResponseFacts): boolean {
    return this.condition(name)(request, response)
  }

  /** The condition itself, for callers that ask often and want to save the look-up. */
  condition(name: string): Condition {
    const condition = this.#conditions.get(name)
    assert(condition !== undefined, `matcher @${name} is declared`)
    return condition
  }
}

/** Matchers may refer to each other in any order; an undeclared or circular reference throws an AssertionError. */
export function compileMatchers(plans: readonly MatcherPlan[]): MatcherSet {
  return new MatcherSet(new MatcherCompiler(plans).compile())
}

class MatcherCompiler {
  readonly #plans: ReadonlyMap<string, MatcherPlan>
  readonly #done = new Map<string, Condition>()
  readonly #open = new Set<string>()

  constructor(plans: readonly MatcherPlan[]) {
    this.#plans = new Map(plans.map((plan) => [plan.name, plan]))
  }

  compile(): ReadonlyMap<string, Condition> {
    for (const name of this.#plans.keys()) this.#matcher(name)
    return this.#done
  }

  #matcher(name: string): Condition {
    const known = this.#done.get(name)
    if (known !== undefined) return known
    const plan = this.#plans.get(name)
    assert(plan !== undefined, `matcher @${name} is declared`)
    assert(!this.#open.has(name), `matcher @${name} does not refer to itself`)
    this.#open.add(name)
    const test = this.#node(plan.test)
    const condition: Condition = plan.needsResponse
      ? (request, response) => response !== undefined && test(request, response)
      : (request, response) => test(request, response)
    this.#open.delete(name)
    this.#done.set(name, condition)
    return condition
  }

  #node(node: MatchNode): NodeTest {
    switch (node.kind) {
      case 'all':
        return allOf(node.nodes.map((child) => this.#node(child)))
      case 'any':
        return anyOf(node.nodes.map((child) => this.#node(child)))
      case 'not':
        return negate(anyOf(node.nodes.map((child) => this.#node(child))))
      case 'matcher':
        return this.#matcher(node.name)
      default:
        return compileLeaf(node)
    }
  }
}

function allOf(tests: readonly NodeTest[]): NodeTest {
  if (tests.length === 1) return tests[0]!
  return (request, response) => tests.every((test) => test(request, response))
}

function anyOf(tests: readonly NodeTest[]): NodeTest {
  if (tests.length === 1) return tests[0]!
  return (request, response) => tests.some((test) => test(request, response))
}

function negate(test: NodeTest): NodeTest {
  return (request, response) => !test(request, response)
}

type Leaf = Exclude<MatchNode, { kind: 'all' | 'any' | 'not' | 'matcher' }>

function compileLeaf(leaf: Leaf): NodeTest {
  switch (leaf.kind) {
    case 'source': {
      const networks = new NetworkSet(leaf.networks)
      return (request) => networks.has(request.clientAddress)
    }
    case 'method':
      return (request) => leaf.methods.includes(request.method)
    case 'host':
      return compileHost(leaf.patterns)
    case 'path': {
      const test = compileTests(leaf.patterns, 'path').text ?? never
      return (request) => test(plainPath(request.path))
    }
    case 'query':
      return compileQuery(leaf)
    case 'header':
      return compileHeader(leaf)
    case 'cookie':
      return compileCookie(leaf)
    case 'scheme':
      return (request) => request.scheme === leaf.scheme
    case 'tls':
      return compileTls(leaf)
    case 'client-certificate':
      return (request) => clientState(request) === leaf.state
    case 'client-field':
      return compileClientField(leaf)
    case 'status':
      return (_, response) => response !== undefined && hasStatus(leaf.statuses, response.status)
    case 'response-header':
      return compileResponseHeader(leaf)
    default:
      return unreachable(leaf)
  }
}

const never: TextTest = () => false

function compileHost(patterns: readonly string[]): NodeTest {
  const hosts = new HostMap<true>()
  for (const pattern of patterns) hosts.add(pattern.toLowerCase(), true)
  return (request) => hosts.find(request.host) === true
}

type NamedLeaf<Kind> = Extract<Leaf, { kind: Kind }>

/** A test on the text also fails where nothing is: `absent` is the only one that holds there. */
function compileQuery(leaf: NamedLeaf<'query'>): NodeTest {
  const name = wireText(leaf.name)
  const { absent, present, text } = compileTests(leaf.tests, 'value')
  return (request) => {
    const { query } = request
    if (text !== undefined && hasQueryValue(query, name, text)) return true
    return (present || absent) && hasQueryValue(query, name, undefined) ? present : absent
  }
}

function compileCookie(leaf: NamedLeaf<'cookie'>): NodeTest {
  const name = wireText(leaf.name)
  const { absent, present, text } = compileTests(leaf.tests, 'value')
  return (request) => {
    if (request.header('cookie') === undefined) return absent
    const lines = request.headers('cookie')
    if (text !== undefined && lines.some((line) => hasCookie(line, name, text))) return true
    const isThere = (present || absent) && lines.some((line) => hasCookie(line, name, undefined))
    return isThere ? present : absent
  }
}

function compileHeader(leaf: NamedLeaf<'header'>): NodeTest {
  const test = compileField(leaf)
  return (request) => test(request)
}

function compileResponseHeader(leaf: NamedLeaf<'response-header'>): NodeTest {
  const test = compileField(leaf)
  return (_, response) => response !== undefined && test(response)
}

/** Without TLS there is nothing that could be absent. */
function compileTls(leaf: NamedLeaf<'tls'>): NodeTest {
  const read = tlsFields[leaf.field]
  const { absent, present, text } = compileTests(leaf.tests, 'value')
  return ({ tls }) => {
    if (tls === undefined) return false
    const value = read(tls)
    return value === '' ? absent : present || text?.(value) === true
  }
}

const tlsFields: Readonly<Record<TlsField, (tls: TlsFacts) => string>> = {
  sni: (tls) => tls.sni,
  version: (tls) => tls.version,
  cipher: (tls) => tls.cipher,
  protocol: (tls) => tls.protocol,
}

function clientState({ tls }: RequestFacts): 'verified' | 'untrusted' | 'absent' {
  if (tls?.client === undefined) return 'absent'
  return tls.client.isVerified ? 'verified' : 'untrusted'
}

/** What is not verified may say anything, so it is as if it said nothing. */
function compileClientField(leaf: NamedLeaf<'client-field'>): NodeTest {
  const read = clientFields[leaf.field]
  const { absent, present, text } = compileTests(leaf.tests, 'value')
  return ({ tls }) => {
    if (tls?.client?.isVerified !== true) return false
    const values = read(tls.client).filter((value) => value !== '')
    return values.length === 0 ? absent : present || (text !== undefined && values.some(text))
  }
}

const clientFields: Readonly<Record<ClientField, (client: ClientCertificateFacts) => readonly string[]>> = {
  subject: ({ subject }) => [subject],
  'common-name': ({ commonName }) => [commonName],
  name: ({ names }) => names,
  issuer: ({ issuer }) => [issuer],
  serial: ({ serial }) => [serial],
  fingerprint: ({ fingerprint }) => [fingerprint],
}

type FieldSource = Pick<RequestFacts, 'header' | 'headers'>

/** Tests on the text look at every line of the field by itself. */
function compileField(leaf: NamedLeaf<'header' | 'response-header'>): (source: FieldSource) => boolean {
  const name = leaf.name.toLowerCase()
  const { absent, present, text } = compileTests(leaf.tests, 'value')
  return (source) => {
    if (source.header(name) === undefined) return absent
    return present || (text !== undefined && source.headers(name).some(text))
  }
}

function hasStatus(ranges: readonly (readonly [number, number])[], status: number): boolean {
  for (const [from, to] of ranges) if (status >= from && status <= to) return true
  return false
}
