/** `shellac dc-test`, dc_test: operations at random against a session server or agent, every answer checked. */
import { resolveAddress } from '../../distcache/address.ts'
import { runTester, type TesterOptions, type TesterReport } from '../../distcache/tester.ts'
import { type DcProgram, dcCommand, EXIT_DC_FAILED, EXIT_DC_OK } from '../dc-command.ts'
import { type DcValues, dcAddress, dcLenientNumber } from '../dc-options.ts'
import { dcTlsOptions, readDcClientTls } from '../dc-tls.ts'
import { UsageError } from '../options.ts'
import type { Terminal } from '../terminal.ts'

const MAX_SESSIONS = 512
const DEFAULT_SESSIONS = 10
const MIN_DATA_BYTES = 4
const MAX_DATA_BYTES = 4096
const MAX_SECONDS = 3600
const MAX_OPERATIONS = 1_000_000
const OPERATIONS_PER_PAIR = 10
const MAX_CLIENTS = 512
const MAX_PIPELINE = 1000

export const dcTestProgram: DcProgram = {
  name: 'dc-test',
  doc: 'try a session server or agent with operations at random, and check every answer',
  options: [
    { name: 'connect', value: 'ADDRESS', doc: 'server or agent: IP:host:port, IP:[IPv6 address]:port or UNIX:/path' },
    {
      name: 'sessions',
      value: 'NUMBER',
      doc: `sessions to try with, 1 to ${MAX_SESSIONS}; default ${DEFAULT_SESSIONS}`,
    },
    { name: 'datamin', value: 'BYTES', doc: `shortest data of a session, at least ${MIN_DATA_BYTES}; default 50` },
    { name: 'datamax', value: 'BYTES', doc: `longest data, at most ${MAX_DATA_BYTES}, not reached; default 2100` },
    { name: 'timeout', value: 'SECONDS', doc: `life of a session, at most ${MAX_SECONDS}; default 60` },
    { name: 'timevar', value: 'SECONDS', doc: 'how far the life varies either way, less than -timeout; default 5' },
    { name: 'ops', value: 'NUMBER', doc: `operations, at most ${MAX_OPERATIONS}; default 10 x sessions x sessions` },
    { name: 'progress', value: 'NUMBER', doc: 'print a line every so many operations; default 0' },
    { name: 'persistent', value: undefined, doc: 'one connection, instead of one for each operation' },
    { name: 'withcert', value: 'NUMBER', doc: 'sessions with certificates; not in this program' },
    { name: 'concurrency', value: 'NUMBER', doc: `clients at a time, at most one for each session; default 1` },
    {
      name: 'pipeline',
      value: 'NUMBER',
      doc: `with -persistent: operations that a client has unanswered, 1 to ${MAX_PIPELINE}; default 1`,
    },
    { name: 'rates', value: undefined, doc: 'print operations per second, and latencies, at the end' },
    { name: 'json', value: undefined, doc: 'print the same as JSON on standard output' },
    ...dcTlsOptions,
  ],
  run: async (values, terminal) => {
    const connect = dcAddress(values, 'connect', 'connect')
    const settings = readSettings(values)
    try {
      const tls = readDcClientTls(values, connect)
      return await test({ ...settings, connect: await resolveAddress(connect), tls }, values, terminal)
    } catch (error) {
      if (error instanceof UsageError) throw error
      terminal.err(`Error, ${error instanceof Error ? error.message : String(error)}\n`)
      return EXIT_DC_FAILED
    }
  },
}

export const dcTest = dcCommand(dcTestProgram)

async function test(options: TesterOptions, values: DcValues, terminal: Terminal): Promise<number> {
  const { sessions, operations } = options
  terminal.err(`Info, ${sessions} sessions generated, will run ${operations} random tests\n`)
  const every = dcLenientNumber(values, 'progress', { usual: 0, min: 0, max: MAX_OPERATIONS })
  const onEvery = (count: number) => terminal.err(`Info, total operations = ${`${count}`.padStart(7)}\n`)
  const report = await runTester({ ...options, progress: { every, onEvery } })
  if (report.failure === null) terminal.err('Info, all tests complete\n')
  else terminal.err(failureText(report, report.failure))
  if (values.has('rates')) terminal.err(ratesText(report))
  if (values.has('json')) terminal.out(`${JSON.stringify(report, undefined, 2)}\n`)
  return report.failure === null ? EXIT_DC_OK : EXIT_DC_FAILED
}

function failureText(report: TesterReport, { operation, expected, got }: NonNullable<TesterReport['failure']>): string {
  return (
    `Error, ${operation.toLowerCase()} failed!\n` +
    `Info, ${report.operations} tests succeeded before the first failure\n` +
    `Info, expected: ${expected}, got: ${got}\n`
  )
}

function ratesText({ operations, seconds, perSecond, latencyMs }: TesterReport): string {
  const { p50, p90, p99, p999, max } = latencyMs
  const times = Object.entries({ p50, p90, p99, 'p99.9': p999, max }).map(([name, ms]) => `${name} ${ms.toFixed(3)}`)
  return (
    `Info, ${operations} operations in ${seconds.toFixed(3)} s, ${Math.round(perSecond)} operations/s\n` +
    `Info, latency in ms: ${times.join(', ')}\n`
  )
}

/** Throws a UsageError. */
function readSettings(values: DcValues): Omit<TesterOptions, 'connect'> {
  const number = (name: string, usual: number, min: number, max: number) =>
    dcLenientNumber(values, name, { usual, min, max })
  if (values.has('withcert')) throw new UsageError('-withcert is not in this program: sessions are random bytes')
  const sessions = number('sessions', DEFAULT_SESSIONS, 1, MAX_SESSIONS)
  const min = number('datamin', 50, MIN_DATA_BYTES, MAX_DATA_BYTES)
  const max = number('datamax', 2100, MIN_DATA_BYTES, MAX_DATA_BYTES)
  if (min > max) throw new UsageError(`-datamin (${min}) is more than -datamax (${max})`)
  const seconds = number('timeout', 60, 1, MAX_SECONDS)
  const spread = number('timevar', 5, 0, MAX_SECONDS)
  if (spread >= seconds) throw new UsageError(`-timevar (${spread}) has to be less than -timeout (${seconds})`)
  const clients = number('concurrency', 1, 1, MAX_CLIENTS)
  if (clients > sessions)
    throw new UsageError(`-concurrency (${clients}) is more than -sessions (${sessions}): each client has its own`)
  const pipeline = number('pipeline', 1, 1, MAX_PIPELINE)
  const persistent = values.has('persistent')
  if (pipeline > 1 && !persistent)
    throw new UsageError('-pipeline wants -persistent: a connection for each operation carries one')
  return {
    sessions,
    dataBytes: [min, max],
    lifeMs: [(seconds - spread) * 1000, Math.max((seconds + spread) * 1000, (seconds - spread) * 1000 + 1)],
    operations: number('ops', Math.min(OPERATIONS_PER_PAIR * sessions ** 2, MAX_OPERATIONS), 0, MAX_OPERATIONS),
    persistent,
    clients,
    pipeline,
  }
}
