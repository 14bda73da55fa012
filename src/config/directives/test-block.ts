/**
 *     test "css is kept for a day" {
 *         request GET https://shop.example.com/a.css from 192.0.2.1 { header Cookie "session=1"; }
 *         stored GET https://shop.example.com/a.css status 200 age 2h ttl 1d { header ETag "\"1\""; }
 *         origin 200 { header Cache-Control private; }          # or: connect-error, timeout, reset
 *         expect route css; expect store ttl 1d;                # see test-expect.ts
 *     }
 *
 * Read here for their shape; src/simulate/ runs them.
 */
import type { OriginFailure } from '../../plan/test-plan.ts'
import { readStatus } from '../values/number.ts'
import { accept, refuse, shown } from '../values/read.ts'
import { readClientAddress, readFieldValue, readUrl, type TestUrl } from '../values/test.ts'
import { readOneOf } from '../values/words.ts'
import { type ArgumentReader, definition, type Value } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import { testExpect } from './test-expect.ts'
import { answerStatus, duration, headerName, method, testName } from './values.ts'

/** Outside of every network that a configuration may trust (RFC 5737). */
export const TEST_CLIENT = '192.0.2.1'

const url: Value<TestUrl> = { syntax: 'URL', read: readUrl }
const clientAddress: Value<string> = { syntax: 'IP', read: readClientAddress }
const fieldValue: Value<string> = { syntax: 'VALUE', read: readFieldValue }

export interface FieldArguments {
  readonly name: string
  readonly value: string
}

const fieldShape: Shape<FieldArguments> = {
  syntax: `${headerName.syntax} ${fieldValue.syntax}`,
  read(reader) {
    const name = reader.next(headerName)
    const value = name === undefined ? undefined : reader.next(fieldValue)
    return name === undefined || value === undefined ? undefined : { name, value }
  },
}

export const testHeader = directive({
  name: 'header',
  shape: fieldShape,
  repeat: 'many',
  phase: 'check',
  doc: 'A field of the request, or of the response; several of one name are several lines.',
  example: 'header Cookie "session=1";',
})

export const testRequestHeader = directive({
  name: 'request-header',
  shape: fieldShape,
  repeat: 'many',
  phase: 'check',
  doc: 'A field of the request that brought the stored response: what a key or Vary tells it by.',
  example: 'request-header Accept-Language de;',
})

export const testMessageContext: Context = {
  name: 'test message',
  doc: 'The fields of a request or a response in a test.',
  directives: [testHeader],
}

export const testStoredContext: Context = {
  name: 'test stored',
  doc: 'The fields of a response that a test says is stored, and of the request that brought it.',
  directives: [testHeader, testRequestHeader],
}

export interface RequestArguments extends TestUrl {
  readonly method: string
  readonly clientAddress: string
}

/** METHOD URL. */
function readTarget(reader: ArgumentReader): Omit<RequestArguments, 'clientAddress'> | undefined {
  const verb = reader.next(method)
  const target = verb === undefined ? undefined : reader.next(url)
  return verb === undefined || target === undefined ? undefined : { method: verb, ...target }
}

const requestShape: Shape<RequestArguments> = {
  syntax: `${method.syntax} ${url.syntax} [from ${clientAddress.syntax}]`,
  read(reader) {
    const target = readTarget(reader)
    if (target === undefined) return undefined
    const client = reader.takeWord('from') ? reader.next(clientAddress) : TEST_CLIENT
    return client === undefined ? undefined : { ...target, clientAddress: client }
  },
}

export const testRequest = directive({
  name: 'request',
  shape: requestShape,
  block: 'test message',
  isBlockOptional: true,
  isRequired: true,
  phase: 'check',
  doc:
    'The request that is made. It comes from 192.0.2.1, by the listener on the port of the URL, or else by one that ' +
    'has a site for its host. The clock stands at 2026-01-01 00:00:00 GMT.',
  example: 'request GET https://shop.example.com/a.css from 203.0.113.9 { header Accept-Language de; }',
})

export type OriginArguments =
  | { readonly kind: 'response'; readonly status: number }
  | { readonly kind: 'failure'; readonly failure: OriginFailure }

const failures = ['connect-error', 'timeout', 'reset'] as const satisfies readonly OriginFailure[]

const originAnswer: Value<OriginArguments> = {
  syntax: `${answerStatus.syntax}|${failures.join('|')}`,
  read(argument) {
    if (/^\d/.test(argument.text)) {
      const status = readStatus(argument)
      return status.ok ? accept({ kind: 'response', status: status.value }) : status
    }
    const failure = readOneOf(argument, failures)
    if (failure.ok) return accept({ kind: 'failure', failure: failure.value })
    const help = failure.diagnostic.help
    return refuse(argument, 'bad-choice', `${shown(argument)} is neither a status nor a way to fail`, help)
  },
}

export const testOrigin = directive({
  name: 'origin',
  shape: { syntax: originAnswer.syntax, read: (reader) => reader.next(originAnswer) },
  block: 'test message',
  isBlockOptional: true,
  phase: 'check',
  doc:
    'What the origin answers if it is asked, or how it fails: "connect-error" (nobody listens), "timeout" (it says ' +
    'nothing), "reset" (it closes the connection). Without it, an empty 200.',
  example: 'origin 200 { header Cache-Control "private"; header Set-Cookie "a=b"; }',
})

export interface StoredArguments {
  readonly request: RequestArguments
  readonly status: number
  readonly ageMs: number
  readonly ttlMs: number | undefined
}

const storedShape: Shape<StoredArguments> = {
  syntax: `${method.syntax} ${url.syntax} [status ${answerStatus.syntax}] [age ${duration.syntax}] [ttl ${duration.syntax}]`,
  read(reader) {
    const target = readTarget(reader)
    let status: number | undefined = 200
    let ageMs: number | undefined = 0
    let ttlMs: number | undefined
    for (let at = reader.peek(); target !== undefined && at !== undefined && !reader.hasFailed; at = reader.peek()) {
      if (reader.takeWord('status')) status = reader.next(answerStatus)
      else if (reader.takeWord('age')) ageMs = reader.next(duration)
      else if (reader.takeWord('ttl')) ttlMs = reader.next(duration)
      else break
    }
    if (target === undefined || status === undefined || ageMs === undefined || reader.hasFailed) return undefined
    return { request: { ...target, clientAddress: TEST_CLIENT }, status, ageMs, ttlMs }
  },
}

export const testStored = directive({
  name: 'stored',
  shape: storedShape,
  block: 'test stored',
  isBlockOptional: true,
  repeat: 'many',
  phase: 'check',
  doc:
    'A response that is in the cache beforehand: for which request, how long ago it came, and for how long it was ' +
    'fresh then; without "ttl", as its fields and the configuration say. It must be one that would have been stored.',
  example: 'stored GET https://shop.example.com/p age 2h ttl 2m { header ETag "\\"1\\""; }',
})

export const testContext: Context = {
  name: 'test',
  doc:
    'A request, what the cache holds, what the origin does, and what must come of them. No connection is made: the ' +
    'rules are asked, with a clock that stands still. The key has been asked for as often as "min-uses" wants, and no ' +
    'fetch has failed before.',
  directives: [testRequest, testStored, testOrigin, testExpect],
}

export const test = directive({
  name: 'test',
  shape: definition('test', testName),
  block: 'test',
  repeat: 'many',
  phase: 'check',
  doc:
    'A claim about the configuration itself: given this request and this origin, that must come of it. "shellac check" ' +
    'runs all tests; with "reload { require tests; }" a configuration that fails one is not loaded. At run time a test ' +
    'is nothing.',
  example:
    'test "css is kept for a day" { request GET http://shop.example.com/a.css; origin 200; expect route css; ' +
    'expect store ttl 1d; }',
  peers: ['varnishtest', 'vtc'],
})
