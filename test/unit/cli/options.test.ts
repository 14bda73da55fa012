import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseArguments, UsageError } from '../../../src/cli/options.ts'

function parse(...args: string[]) {
  const { options, words } = parseArguments(args)
  return { options: Object.fromEntries(options), words }
}

test('long, short, attached and separate values are the same', () => {
  for (const spelling of [['--config', 'a'], ['--config=a'], ['-c', 'a'], ['-ca']])
    assert.deepEqual(parse(...spelling), { options: { config: ['a'] }, words: [] })
})

test('options stand before and behind the command, repeatable ones gather', () => {
  assert.deepEqual(parse('--origin', 'a:1', 'check', '--json', 'file', '--origin=b:2'), {
    options: { origin: ['a:1', 'b:2'], json: [''] },
    words: ['check', 'file'],
  })
})

test('a lone dash is an operand, two dashes end the options', () => {
  assert.deepEqual(parse('fmt', '-', '--', '--check', '-x'), { options: {}, words: ['fmt', '-', '--check', '-x'] })
})

test('an empty value after = is a value', () => {
  assert.deepEqual(parse('--config='), { options: { config: [''] }, words: [] })
})

test('what cannot be understood is said with what would do', () => {
  const cases: [string[], RegExp][] = [
    [['--orgin', 'x'], /unknown option "--orgin"; did you mean "--origin"\?/],
    [['--zzzzzz'], /unknown option "--zzzzzz"; "shellac help" lists the options/],
    [['-x'], /unknown option "-x"/],
    [['--config'], /option "--config" wants a value: --config FILE/],
    [['-c', 'a', '-c', 'b'], /option "-c" is given twice/],
    [['--json=yes'], /option "--json" takes no value/],
  ]
  for (const [args, message] of cases) {
    assert.throws(
      () => parseArguments(args),
      (error) => error instanceof UsageError && message.test(error.message),
    )
  }
})
