import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readableLine } from '../../../src/log/readable-line.ts'

const base = { level: 'info', time: '2026-11-20T17:21:17.484Z', pid: 7 }

test('time, level and message, then the fields but those that never change or are empty', () => {
  const line = JSON.stringify({ ...base, generation: 2, changes: 'sites ~*', diagnostics: '', msg: 'reloaded' })
  assert.equal(readableLine(`${line}\n`), '17:21:17 info  reloaded  generation=2 changes="sites ~*"\n')
})

test('a message without fields stands alone', () => {
  assert.equal(readableLine(JSON.stringify({ ...base, level: 'error', msg: 'stopped' })), '17:21:17 error stopped\n')
})

test('lists and objects are shown as JSON', () => {
  const line = JSON.stringify({ ...base, listeners: [{ name: 'web' }], msg: 'ready' })
  assert.equal(readableLine(line), '17:21:17 info  ready  listeners=[{"name":"web"}]\n')
})

test('diagnostics keep their lines and their carets', () => {
  const diagnostics = 'a.conf:1:1: error: no\n    1 | nonsense\n      | ^^^^^^^^\n'
  const expected = [
    '17:21:17 info  failed  cause=SIGHUP',
    '    a.conf:1:1: error: no',
    '        1 | nonsense',
    '          | ^^^^^^^^\n',
  ].join('\n')
  assert.equal(readableLine(JSON.stringify({ ...base, diagnostics, cause: 'SIGHUP', msg: 'failed' })), expected)
})

test('a terminal is given no control characters', () => {
  const line = JSON.stringify({ ...base, a: 'x\u001b[2J', b: '\u009b1m\n', msg: 'm' })
  const shown = readableLine(line)
  assert.doesNotMatch(shown, /[^\P{Cc}\n]/u)
  assert.match(shown, /x\?\[2J/)
})

test('what is no JSON object passes unchanged', () => {
  for (const line of ['text\n', '7\n', 'null\n', '{"a":\n']) assert.equal(readableLine(line), line)
})
