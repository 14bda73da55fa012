/** The tests a matcher puts to one text: a path, a field line, a cookie, a query value. */
import { timingSafeEqual } from 'node:crypto'
import type { StringTest } from '../plan/plan.ts'
import { unreachable } from '../util/assert.ts'
import { compileRegex } from '../util/bounded-regex.ts'
import { compilePathGlob, compileTextGlob } from '../util/glob.ts'
import { wireText } from '../util/wire-text.ts'

/** The text as latin1 letters, one per byte on the wire. */
export type TextTest = (text: string) => boolean

/** How `*` reads in globs: in a path it stays within a segment. */
export type TextKind = 'path' | 'value'

/** The tests of one matcher line, sorted by what they ask of the request. */
export interface CompiledTests {
  /** Holds when the request has no such field, cookie or query name. */
  readonly absent: boolean
  /** Holds when it has one, whatever it says. */
  readonly present: boolean
  /** Undefined: only presence is asked for. Else holds when any of the tests on the text does. */
  readonly text: TextTest | undefined
}

export function compileTests(tests: readonly StringTest[], kind: TextKind): CompiledTests {
  const onText = tests.flatMap((test) => compileTextTest(test, kind) ?? [])
  return {
    absent: tests.some((test) => test.kind === 'absent'),
    present: tests.some((test) => test.kind === 'present'),
    text: onText.length === 0 ? undefined : anyOf(onText),
  }
}

function compileTextTest(test: StringTest, kind: TextKind): TextTest | undefined {
  switch (test.kind) {
    case 'present':
    case 'absent':
      return undefined
    case 'equal':
      return test.secret ? equalsSecret(test.value) : equals(test.value)
    case 'glob': {
      const pattern = wireText(test.pattern)
      const glob = kind === 'path' ? compilePathGlob(pattern) : compileTextGlob(pattern)
      return (text) => glob.matches(text)
    }
    case 'regex': {
      const regex = compileRegex(wireText(test.source))
      return (text) => regex.test(text)
    }
    default:
      return unreachable(test)
  }
}

function equals(value: string): TextTest {
  const wire = wireText(value)
  return (text) => text === wire
}

/** Takes the same time wherever the first difference lies; that the length differs does show. */
function equalsSecret(value: string): TextTest {
  const secret = Buffer.from(value, 'utf8')
  return (text) => {
    const given = Buffer.from(text, 'latin1')
    return given.length === secret.length && timingSafeEqual(given, secret)
  }
}

function anyOf(tests: readonly TextTest[]): TextTest {
  if (tests.length === 1) return tests[0]!
  return (text) => tests.some((test) => test(text))
}
