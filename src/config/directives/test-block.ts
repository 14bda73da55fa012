/**
 *     test "css is kept for a day" {
 *         request GET https://shop.example.com/a.css { header Cookie "session=1"; }
 *         origin 200 { header Cache-Control "private"; }
 *         expect store ttl 1d;
 *     }
 *
 * Tests are read for their shape.
 */
import { definition, many } from './arguments.ts'
import { type Context, directive } from './directive.ts'
import { testName, text } from './values.ts'

const testHeader = directive({
  name: 'header',
  shape: many(text),
  repeat: 'many',
  phase: 'check',
  doc: 'A field of the request or the response.',
  example: 'header Cookie "session=1";',
})

export const testMessageContext: Context = {
  name: 'test message',
  doc: 'The fields of a request or a response in a test.',
  directives: [testHeader],
}

const testRequest = directive({
  name: 'request',
  shape: many(text),
  block: 'test message',
  isBlockOptional: true,
  repeat: 'many',
  phase: 'check',
  doc: 'The request that is made: method and URL.',
  example: 'request GET https://shop.example.com/a.css;',
})

const testOrigin = directive({
  name: 'origin',
  shape: many(text),
  block: 'test message',
  isBlockOptional: true,
  repeat: 'many',
  phase: 'check',
  doc: 'What the origin answers: a status, or how it fails.',
  example: 'origin 200 { header Cache-Control "private"; }',
})

const testStored = directive({
  name: 'stored',
  shape: many(text),
  block: 'test message',
  isBlockOptional: true,
  repeat: 'many',
  phase: 'check',
  doc: 'What the cache holds beforehand.',
  example: 'stored GET https://shop.example.com/p age 2h ttl 2m;',
})

const testExpect = directive({
  name: 'expect',
  shape: many(text),
  repeat: 'many',
  phase: 'check',
  doc: 'What must come of it.',
  example: 'expect route css;',
})

export const testContext: Context = {
  name: 'test',
  doc: 'A request, an origin, and what must come of them.',
  directives: [testRequest, testOrigin, testStored, testExpect],
}

export const test = directive({
  name: 'test',
  shape: definition('test', testName),
  block: 'test',
  repeat: 'many',
  phase: 'check',
  doc:
    'A statement about the configuration itself: given this request and this origin, that must come of it. Its ' +
    'shape is checked; it changes nothing at run time.',
  example: 'test "css" { request GET http://shop.example.com/a.css; expect route css; }',
  peers: ['varnishtest', 'vtc'],
})
