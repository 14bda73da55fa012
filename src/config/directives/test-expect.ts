/**
 *     expect route css;  expect status 2xx;  expect location "https://shop.example.com/new";
 *     expect cache hit;  expect cache stale reason stale-if-error;  expect key "http|shop.example.com|/a.css";
 *     expect store ttl 1d tag static;  expect no-store reason set-cookie;
 *     expect backend app;  expect backend-request header Accept-Language de;  expect response no-header Set-Cookie;
 */
import type { CacheResult, ExpectedThing } from '../../plan/test-plan.ts'
import { readFieldValue, readReason } from '../values/test.ts'
import type { ArgumentReader, Value } from './arguments.ts'
import { directive, type Shape } from './directive.ts'
import { duration, headerName, identifier, oneOf, status, text } from './values.ts'

const cacheResult: Value<CacheResult> = oneOf('hit', 'stale', 'revalidated', 'miss', 'bypass', 'none')
const reason = { syntax: 'REASON', read: readReason }
const fieldValue: Value<string> = { syntax: 'VALUE', read: readFieldValue }
const fieldTest = oneOf('header', 'no-header')

const fieldForm = `header ${headerName.syntax} [${fieldValue.syntax}]|no-header ${headerName.syntax}`

/** By the first word: how the rest is written. */
const forms = {
  route: identifier.syntax,
  status: status.syntax,
  cache: `${cacheResult.syntax} [reason ${reason.syntax}]`,
  store: `[ttl ${duration.syntax}] [tag ${text.syntax} ...]`,
  'no-store': `[reason ${reason.syntax}]`,
  key: text.syntax,
  backend: identifier.syntax,
  'backend-request': fieldForm,
  response: fieldForm,
  location: text.syntax,
} as const

type Kind = keyof typeof forms
const kinds = Object.keys(forms) as Kind[]

const kind = oneOf(...kinds)
/** What stands behind the word; undefined after something was reported. */
const readers: Readonly<Record<Kind, (reader: ArgumentReader) => ExpectedThing | undefined>> = {
  route: (reader) => build(reader.next(identifier), (name) => ({ kind: 'route', name })),
  status: (reader) => build(reader.next(status), (range) => ({ kind: 'status', status: range })),
  cache(reader) {
    const result = reader.next(cacheResult)
    if (result === undefined) return undefined
    const why = reader.takeWord('reason') ? reader.next(reason) : undefined
    return { kind: 'cache', result, reason: why }
  },
  store: readStore,
  'no-store': (reader) => ({ kind: 'no-store', reason: reader.takeWord('reason') ? reader.next(reason) : undefined }),
  key: (reader) => build(reader.next(text), (key) => ({ kind: 'key', key })),
  backend: (reader) => build(reader.next(identifier), (name) => ({ kind: 'backend', name })),
  'backend-request': (reader) => readField(reader, 'backend-request'),
  response: (reader) => readField(reader, 'response'),
  location: (reader) => build(reader.next(text), (url) => ({ kind: 'location', url })),
}

function build<T>(value: T | undefined, make: (value: T) => ExpectedThing): ExpectedThing | undefined {
  return value === undefined ? undefined : make(value)
}

function readStore(reader: ArgumentReader): ExpectedThing {
  let ttlMs: number | undefined
  const tags: string[] = []
  while (reader.peek() !== undefined && !reader.hasFailed) {
    if (reader.takeWord('ttl')) ttlMs = reader.next(duration)
    else if (reader.takeWord('tag')) tags.push(reader.next(text) ?? '')
    else if (tags.length > 0) tags.push(reader.next(text) ?? '')
    else break
  }
  return { kind: 'store', ttlMs, tags }
}

function readField(reader: ArgumentReader, of: 'backend-request' | 'response'): ExpectedThing | undefined {
  const test = reader.next(fieldTest)
  const name = test === undefined ? undefined : reader.next(headerName)
  if (test === undefined || name === undefined) return undefined
  if (test === 'no-header') return { kind: 'no-header', of, name }
  return { kind: 'header', of, name, value: reader.peek() === undefined ? undefined : reader.next(fieldValue) }
}

const expectShape: Shape<ExpectedThing> = {
  syntax: `${kinds.join('|')} ...`,
  forms: kinds.map((word) => `${word} ${forms[word]}`),
  read(reader) {
    const what = reader.next(kind)
    if (what === undefined) return undefined
    reader.narrow(`${what} ${forms[what]}`)
    return readers[what](reader)
  },
}

export const testExpect = directive({
  name: 'expect',
  shape: expectShape,
  repeat: 'many',
  isRequired: true,
  phase: 'check',
  doc:
    'What must come of the request. Of "cache", "bypass" is a request that goes past the cache and "none" one that is ' +
    'answered without an origin. "store" and "no-store" are about what the origin answers; "ttl" is how long it is fresh ' +
    'from then on. "backend-request" is the request as the origin gets it, "response" the answer as the client does; a ' +
    'field without a value only has to be there.',
  example: 'expect cache stale reason stale-if-error;',
})
