import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Argument } from '../../src/config/ast.ts'
import { readListenAddress, readServerAddress, readUnixAddress } from '../../src/config/values/address.ts'
import { readDuration } from '../../src/config/values/duration.ts'
import * as header from '../../src/config/values/header.ts'
import { readHostPattern } from '../../src/config/values/host.ts'
import { readNetwork } from '../../src/config/values/network.ts'
import * as number from '../../src/config/values/number.ts'
import { readPathPattern, readPlainPath } from '../../src/config/values/path.ts'
import type { Read } from '../../src/config/values/read.ts'
import { readRegex } from '../../src/config/values/regex.ts'
import { readSize } from '../../src/config/values/size.ts'
import { readClientAddress, readFieldValue, readReason, readUrl } from '../../src/config/values/test.ts'
import * as words from '../../src/config/values/words.ts'
import { durationText } from '../../src/util/duration-text.ts'
import { argumentOf } from '../support/config.ts'
import { cpuMsOf } from '../support/cpu.ts'

function argument(text: string, kind: Argument['kind'] = 'bare'): Argument {
  return { ...argumentOf('x'), kind, text }
}

const readers: readonly ((argument: Argument) => Read<unknown>)[] = [
  readListenAddress,
  readServerAddress,
  readUnixAddress,
  readDuration,
  header.readHeaderName,
  header.readHeaderValue,
  header.readMediaType,
  header.readMethod,
  (one) => header.readTarget(one, true),
  readHostPattern,
  readNetwork,
  number.readFileMode,
  (one) => number.readInteger(one, 0, 10),
  number.readPercent,
  (one) => number.readStatus(one),
  number.readStatusRange,
  readPathPattern,
  readPlainPath,
  readRegex,
  readSize,
  words.readFilePath,
  words.readIdentifier,
  words.readMatcherName,
  words.readNamePattern,
  (one) => words.readOneOf(one, ['on', 'off']),
  words.readSwitch,
  words.readText,
  readUrl,
  readClientAddress,
  readFieldValue,
  readReason,
]

test('any text is a value or a diagnostic to every reader', () => {
  const kind = fc.constantFrom<Argument['kind']>('bare', 'quoted', 'regex')
  const likely = fc.stringMatching(/^[0-9a-z.:/[\]*%$@~_-]{0,20}$/)
  fc.assert(
    fc.property(fc.oneof(likely, fc.string({ unit: 'binary' })), kind, (text, as) => {
      for (const read of readers) {
        const result = read(argument(text, as))
        if (!result.ok) assert.match(result.diagnostic.code, /^[a-z]+(?:-[a-z]+)+$/)
      }
    }),
    { numRuns: 1000 },
  )
})

test('every time reads back from its shortest form', () => {
  fc.assert(
    fc.property(fc.nat({ max: 3650 * 86_400_000 }), (ms) => {
      assert.deepEqual(readDuration(argument(durationText(ms))), { ok: true, value: ms })
    }),
  )
})

test('addresses of IPv6 come out as the URL standard writes them', () => {
  const group = fc.oneof(fc.constant(0), fc.nat({ max: 0xffff }))
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const written = groups.map((one) => one.toString(16)).join(':')
      const read = readNetwork(argument(written))
      assert.ok(read.ok)
      assert.equal(`[${read.value.address}]`, new URL(`http://[${written}]/`).hostname)
    }),
  )
})

/** Expressions made of what can be slow: few letters, many repetitions. */
const { expression } = fc.letrec<{ expression: string; part: string; atom: string }>((tie) => ({
  expression: fc.array(tie('part'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
  part: fc
    .tuple(tie('atom'), fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,3}', '{0,30}'))
    .map(([atom, repetition]) => atom + repetition),
  atom: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('a', 'b', '.', '[ab]', '\\w', '[^b]', '(a|ab)'),
    tie('expression').map((inner) => `(${inner})`),
    fc.tuple(tie('expression'), tie('expression')).map(([left, right]) => `(?:${left}|${right})`),
  ),
}))

test('no accepted regular expression takes long', () => {
  const texts = ['a', 'b', 'ab', 'aab'].map((unit) => `${unit.repeat(400 / unit.length)}!`)
  fc.assert(
    fc.property(expression, fc.boolean(), (inner, isAnchored) => {
      const read = readRegex(argument(`${isAnchored ? '^' : ''}${inner}$`, 'regex'))
      if (!read.ok) return
      const compiled = new RegExp(read.value)
      const cpuMs = cpuMsOf(() => {
        for (const text of texts) compiled.test(text)
      })
      assert.ok(cpuMs < 500, read.value)
    }),
    { numRuns: 1000 },
  )
})
