import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type DcOption,
  type DcValues,
  dcAddress,
  dcLenientNumber,
  dcStrictNumber,
  dcUsageText,
  readDcOptions,
} from '../../../src/cli/dc-options.ts'
import { UsageError } from '../../../src/cli/options.ts'

const table: readonly DcOption[] = [
  { name: 'listen', value: 'ADDRESS', doc: 'where' },
  { name: 'server', value: 'ADDRESS', doc: 'whom', aliases: ['connect'], once: true },
  { name: 'daemon', value: undefined, doc: 'so' },
]

function read(...args: string[]): Record<string, string> | 'help' {
  const values = readDcOptions(table, args)
  return values === 'help' ? values : Object.fromEntries(values)
}

test('words of one dash or two, in any order, the last of two wins', () => {
  assert.deepEqual(read('-listen', 'a', '-daemon', '--listen', 'b'), { listen: 'b', daemon: '' })
  assert.deepEqual(read('-connect', '-x'), { server: '-x' })
  assert.deepEqual(read(), {})
})

test('help is asked for in the ways of the original, whatever else is wrong behind it', () => {
  for (const word of ['-h', '-help', '-?', '--help']) assert.equal(read('-daemon', word, '-nonsense'), 'help')
})

test('what cannot be understood is said with what would do', () => {
  const cases: [string[], RegExp][] = [
    [['-deamon'], /unknown option "-deamon"; did you mean "-daemon"\?/],
    [['zzzzzz'], /unknown option "zzzzzz"; -help lists the options/],
    [['-'], /unknown option "-"/],
    [['-listen'], /"-listen" wants a value: -listen ADDRESS/],
    [['-server', 'a', '-connect', 'b'], /"-connect" is given twice/],
  ]
  for (const [args, message] of cases) {
    assert.throws(
      () => read(...args),
      (error) => error instanceof UsageError && message.test(error.message),
      args.join(' '),
    )
  }
})

test('lenient numbers are those of atoi, strict ones are numbers', () => {
  const range = { usual: 7, min: 0, max: 60_000 }
  const lenient = (text: string) => dcLenientNumber(new Map([['n', text]]), 'n', range)
  const strict = (text: string) => dcStrictNumber(new Map([['n', text]]), 'n', range)
  for (const [text, value] of [
    ['12', 12],
    ['12abc', 12],
    ['  +12 ', 12],
    ['abc', 0],
    ['', 0],
    ['0x10', 0],
    ['-0', 0],
  ] as const) {
    assert.equal(lenient(text) + 0, value, text)
  }
  for (const text of ['60001', '-1', '99999999999999999999']) assert.throws(() => lenient(text), UsageError)
  for (const [text, value] of [
    ['12', 12],
    ['  +12', 12],
    ['0', 0],
  ] as const)
    assert.equal(strict(text), value, text)
  for (const text of ['', 'abc', '12abc', '12 ', '0x10', '-1', '60001', '1e3'])
    assert.throws(() => strict(text), UsageError, text)
  const nothing: DcValues = new Map()
  assert.deepEqual([dcLenientNumber(nothing, 'n', range), dcStrictNumber(nothing, 'n', range)], [7, 7])
})

test('addresses are read, or said what is wrong with them and where', () => {
  assert.deepEqual(dcAddress(new Map([['listen', 'UNIX:/x']]), 'listen', 'listen'), { kind: 'unix', path: '/x' })
  assert.deepEqual(dcAddress(new Map(), 'listen', 'listen', 'UNIX:/y'), { kind: 'unix', path: '/y' })
  assert.throws(() => dcAddress(new Map(), 'listen', 'listen'), /-listen is missing/)
  assert.throws(() => dcAddress(new Map([['server', 'IP:1']]), 'server', 'connect'), /-server: "IP:1" names no host/)
})

test('usage shows every option', () => {
  assert.equal(
    dcUsageText('dc_x', table),
    `usage: dc_x [-OPTION [VALUE]] ...

options:
  -listen ADDRESS  where
  -server ADDRESS  whom
  -daemon          so
`,
  )
})
