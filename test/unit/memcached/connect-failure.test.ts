import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLocalShortage, socketFailure } from '../../../src/memcached/connect-failure.ts'
import { failureTexts } from '../../../src/memcached/failure.ts'

const errno = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })
const textOf = (error: NodeJS.ErrnoException): string => failureTexts[socketFailure(error)]!

test('the errors of sockets have the texts of the C library for them', () => {
  const texts: Record<string, string> = {
    ETIMEDOUT: 'Connection timed out',
    ECONNREFUSED: 'Connection refused',
    ECONNRESET: 'Connection reset by peer',
    EPIPE: 'Broken pipe',
    EHOSTDOWN: 'Host is down',
    ENOTFOUND: 'Host is down',
    EAI_AGAIN: 'Host is down',
    EHOSTUNREACH: 'No route to host',
    ENETUNREACH: 'Network is unreachable',
    EMFILE: 'Out of memory',
    ESOMETHING: 'Connection reset by peer',
  }
  for (const [code, text] of Object.entries(texts)) assert.equal(textOf(errno(code)), text)
  assert.equal(textOf(new Error('without a code')), 'Connection reset by peer')
})

test('of several addresses the first one counts', () => {
  const errors = [errno('EHOSTUNREACH'), errno('ECONNREFUSED')]
  assert.equal(textOf(new AggregateError(errors)), 'No route to host')
  assert.equal(textOf(Object.assign(new AggregateError(errors), { code: 'ECONNREFUSED' })), 'Connection refused')
  assert.equal(textOf(new AggregateError([])), 'Connection reset by peer')
})

test('what this machine lacks is not the fault of the server', () => {
  for (const code of ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EADDRNOTAVAIL'])
    assert.equal(isLocalShortage(errno(code)), true)
  for (const code of ['ECONNREFUSED', 'ETIMEDOUT', 'EPIPE', 'toString'])
    assert.equal(isLocalShortage(errno(code)), false)
})
