/** `shellac explain`: what the daemon would do with a request, and why; with `--live`, what it holds for it now. */
import type { Argument } from '../../config/ast.ts'
import { TEST_CLIENT } from '../../config/directives/test-block.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { formatDiagnostics } from '../../config/print.ts'
import { didYouMean, suggest } from '../../config/suggest.ts'
import { readHeaderName, readMethod } from '../../config/values/header.ts'
import { readStatus } from '../../config/values/number.ts'
import type { Read } from '../../config/values/read.ts'
import { readClientAddress, readFieldValue, readUrl } from '../../config/values/test.ts'
import { EXIT_CONFIG, EXIT_OK } from '../../daemon/exit-codes.ts'
import type { ObjectReport } from '../../daemon/object-report.ts'
import type { OriginScript, RequestScript } from '../../plan/test-plan.ts'
import { type Explanation, explain as explainOutcome, type PrecedenceOf } from '../../simulate/explanation.ts'
import { defaultOrigin } from '../../simulate/run-test.ts'
import { Simulator } from '../../simulate/simulator.ts'
import type { Command, Invocation } from '../command.ts'
import { findEntry, readConfig } from '../config-entry.ts'
import { explainText } from '../explain-text.ts'
import { objectText } from '../object-text.ts'
import { UsageError } from '../options.ts'
import { ANSWER_TIMEOUT_MS, ask, base } from './talk.ts'

export const explain: Command = {
  name: 'explain',
  operands: '[METHOD] URL',
  maxOperands: 2,
  options: [...base, 'header', 'from', 'response', 'response-header', 'live', 'json'],
  doc: 'say what becomes of a request and why: route, matchers, key, cache, edits; nothing is sent',
  run: async (invocation: Invocation) => {
    const { options, operands, terminal } = invocation
    const request = requestOf(operands, options.get('header') ?? [], options.get('from')?.[0])
    const origin = originOf(options.get('response')?.[0], options.get('response-header') ?? [])
    const loaded = readConfig(findEntry(options))
    if (loaded.plan === undefined) {
      terminal.err(formatDiagnostics(loaded.diagnostics, { color: terminal.color }))
      return EXIT_CONFIG
    }
    const outcome = new Simulator(loaded.plan).run({ request, origin, stored: [], nowMs: Date.now() })
    const explanation = explainOutcome(request, outcome, precedenceIn(loaded), loaded.plan)
    if (!options.has('live')) return print(invocation, explanation, undefined)
    const { cache, key } = explanation
    if (cache.name === null || key === null) {
      throw new UsageError('--live asks for what a cache holds, and no cache is asked for this request')
    }
    const show = (result: unknown): number => print(invocation, explanation, result as ObjectReport)
    return await ask(invocation, 'object', ANSWER_TIMEOUT_MS, show, { cache: cache.name, key })
  },
}

function print({ options, terminal }: Invocation, explanation: Explanation, live: ObjectReport | undefined): number {
  if (options.has('json')) terminal.out(`${JSON.stringify({ ...explanation, live: live ?? null }, undefined, 2)}\n`)
  else {
    const isAnswerAssumed = !options.has('response') && !options.has('response-header')
    terminal.out(explainText(explanation, isAnswerAssumed) + (live === undefined ? '' : objectText(live)))
  }
  return EXIT_OK
}

function requestOf(operands: readonly string[], fields: readonly string[], from = TEST_CLIENT): RequestScript {
  const [first, second] = operands
  if (first === undefined) throw new UsageError('"shellac explain" wants a URL: shellac explain http://HOST/PATH')
  const method = second === undefined ? 'GET' : readWord(readMethod, first)
  const url = readWord(readUrl, second ?? first)
  return { method, ...url, clientAddress: readWord(readClientAddress, from), fields: fields.flatMap(fieldOf) }
}

const failures = ['connect-error', 'timeout', 'reset'] as const

function originOf(answer: string | undefined, fields: readonly string[]): OriginScript {
  if (answer !== undefined && !/^\d/.test(answer)) {
    const failure = failures.find((one) => one === answer)
    if (failure !== undefined) return { kind: 'failure', failure }
    const help = didYouMean(suggest(answer, failures)) ?? `write a status such as 404, or ${failures.join(', ')}`
    throw new UsageError(`"${answer}" is nothing an origin answers; ${help}`)
  }
  const status = answer === undefined ? defaultOrigin.status : readWord((argument) => readStatus(argument), answer)
  return { kind: 'response', status, fields: fields.flatMap(fieldOf) }
}

/** `Name: value` as a flat list. */
function fieldOf(line: string): readonly string[] {
  const colon = line.indexOf(':')
  if (colon === -1) throw new UsageError(`"${line}" is no field; write 'Name: value'`)
  return [readWord(readHeaderName, line.slice(0, colon)), readWord(readFieldValue, line.slice(colon + 1).trim())]
}

/** Reads a word of the command line as the configuration would; what it refuses is a UsageError. */
function readWord<T>(read: (argument: Argument) => Read<T>, text: string): T {
  const source = { name: 'command line', text, includedFrom: [] }
  const span = { source, start: 0, end: text.length }
  const value = read({ kind: 'bare', text, secret: false, substituted: false, span })
  if (value.ok) return value.value
  const { message, help } = value.diagnostic
  throw new UsageError(help === undefined ? message : `${message}; ${help}`)
}

function precedenceIn({ sites }: LoadedConfig): PrecedenceOf {
  return (site, first, second) =>
    sites
      .find((one) => one.plan.place === site.place)
      ?.precedence.decided.find((pair) => pair.first.name === first && pair.second.name === second)?.reason
}
