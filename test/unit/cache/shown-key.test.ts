import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secretFields, shownKey } from '../../../src/cache/shown-key.ts'
import type { HeaderEdit } from '../../../src/plan/plan.ts'

const place = { file: 'a', line: 1, column: 1 }

function edit(name: string, secret: boolean): HeaderEdit {
  return { op: 'set', name, value: [{ kind: 'text', text: 'hush', secret }], when: undefined, place } as HeaderEdit
}

test('the fields with secrets are known, whatever the spelling', () => {
  assert.deepEqual(secretFields([edit('X-Api-Key', true), edit('X-Open', false)]), ['x-api-key'])
})

test('their values are hidden in the key and in what selects a variant, and nothing else is', () => {
  for (const [key, shown] of [
    ['http|a|x-api-key=hush|/p?x=1', 'http|a|x-api-key=[secret]|/p?x=1'],
    ['http|a|x-api-key|/p', 'http|a|x-api-key|/p'],
    ['\n7:x-api-key=hush, hush\nhttp|a|/p', 'http|a|/p 7:x-api-key=[secret]'],
    ['\n7:accept=b|x-api-key=hush\nhttp|a|/p', 'http|a|/p 7:accept=b|x-api-key=[secret]'],
  ] as const) {
    assert.equal(shownKey(key, ['x-api-key']), shown)
  }
})
