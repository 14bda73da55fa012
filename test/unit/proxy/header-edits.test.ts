import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HeaderEdit } from '../../../src/plan/plan.ts'
import { HeaderEdits, removeField } from '../../../src/proxy/header-edits.ts'
import { compileMatchers } from '../../../src/routing/matchers.ts'
import { matcher, place, request, response } from '../routing/facts.ts'

const matchers = compileMatchers([
  matcher('debug', { kind: 'header', name: 'x-debug', tests: [{ kind: 'present' }] }),
  matcher('failed', { kind: 'status', statuses: [[500, 599]] }, true),
])
const source = { variable: (name: string) => `<${name}>` }

function edit(op: HeaderEdit['op'], name: string, text = '', when?: string): HeaderEdit {
  return { op, name, value: text === '' ? [] : [{ kind: 'text', text, secret: false }], when, place }
}

/** The list after the edits; the request has X-Debug, the response is a 200. */
function edited(list: readonly string[], ...edits: HeaderEdit[]): string[] {
  const copy = [...list]
  const facts = request('/', { fields: { 'x-debug': '1' } })
  new HeaderEdits(edits, matchers).apply(copy, source, facts, response(200))
  return copy
}

describe('header edits', () => {
  const list = ['A', '1', 'b', '2', 'a', '3']

  it('set replaces all lines, whatever their case, by one at the end', () => {
    assert.deepEqual(edited(list, edit('set', 'A', 'x')), ['b', '2', 'A', 'x'])
  })

  it('add leaves the lines there are', () => {
    assert.deepEqual(edited(list, edit('add', 'A', 'x')), [...list, 'A', 'x'])
  })

  it('default adds only where there is none', () => {
    assert.deepEqual(edited(list, edit('default', 'B', 'x')), list)
    assert.deepEqual(edited(list, edit('default', 'C', 'x')), [...list, 'C', 'x'])
  })

  it('remove takes all lines', () => {
    assert.deepEqual(edited(list, edit('remove', 'a')), ['b', '2'])
  })

  it('run from top to bottom', () => {
    assert.deepEqual(edited([], edit('set', 'A', '1'), edit('default', 'A', '2'), edit('add', 'A', '3')), [
      ...['A', '1'],
      ...['A', '3'],
    ])
  })

  it('run only where their matcher holds, of the request or of the response', () => {
    assert.deepEqual(edited([], edit('set', 'A', '1', 'debug'), edit('set', 'B', '1', 'failed')), ['A', '1'])
  })

  it('put variables between text', () => {
    const value: HeaderEdit['value'] = [
      { kind: 'text', text: 'to ', secret: false },
      { kind: 'variable', name: 'backend.name' },
    ]
    assert.deepEqual(edited([], { op: 'set', name: 'X', value, when: undefined, place }), ['X', 'to <backend.name>'])
  })

  it('are constant as a whole when none has a variable or a condition, and one by one', () => {
    const mixed = new HeaderEdits([edit('set', 'A', '1'), edit('set', 'B', '1', 'debug')], matchers)
    const constant: string[] = []
    mixed.applyConstant(constant)
    assert.deepEqual([mixed.isConstant, mixed.isEmpty, constant], [false, false, ['A', '1']])
    assert.equal(new HeaderEdits([edit('set', 'A', '1')], matchers).isConstant, true)
    assert.equal(new HeaderEdits([], matchers).isEmpty, true)
  })
})

describe('hsts', () => {
  const edits = new HeaderEdits([edit('set', 'A', '1')], matchers, 'max-age=60')
  const sent = ['strict-transport-security', 'max-age=1']

  it('replaces what the origin says about it, over TLS alone', () => {
    const over = (scheme: 'http' | 'https'): string[] => {
      const list = [...sent]
      edits.apply(list, source, request('/', { scheme }), response(200))
      return list
    }
    assert.deepEqual(over('https'), ['A', '1', 'Strict-Transport-Security', 'max-age=60'])
    assert.deepEqual(over('http'), [...sent, 'A', '1'])
  })

  it('is constant for all answers over TLS, and for all without; it is no edit that storing looks at', () => {
    const made = (isSecure: boolean): string[] => {
      const list = [...sent]
      edits.applyFor(list, isSecure)
      return list
    }
    assert.deepEqual(made(true), ['A', '1', 'Strict-Transport-Security', 'max-age=60'])
    assert.deepEqual(made(false), [...sent, 'A', '1'])
    const judged = [...sent]
    edits.applyConstant(judged)
    assert.deepEqual(judged, [...sent, 'A', '1'])
    assert.deepEqual([edits.isConstant, edits.isEmpty, edits.dependsOnTls], [true, false, true])
    assert.equal(new HeaderEdits([], matchers, 'max-age=60').isEmpty, false)
  })
})

describe('removeField', () => {
  it('changes the list in place', () => {
    const list = ['X-A', '1', 'B', '2']
    removeField(list, 'x-a')
    assert.deepEqual(list, ['B', '2'])
  })
})
