/** `shellac mc-bench ADDRESS`: load for a memcached server or proxy, with every reply checked. */
import type { Argument } from '../../config/ast.ts'
import { readServerAddress } from '../../config/values/address.ts'
import { readDuration } from '../../config/values/duration.ts'
import type { Read } from '../../config/values/read.ts'
import { readSize } from '../../config/values/size.ts'
import { EXIT_FAILED, EXIT_OK } from '../../daemon/exit-codes.ts'
import { type McBenchProgress, runMcBench } from '../../mc-bench/bench.ts'
import { type McBenchOptions, operationKinds } from '../../mc-bench/options.ts'
import { reportText } from '../../mc-bench/report.ts'
import type { Command, Invocation } from '../command.ts'
import { type OptionName, type OptionValues, UsageError } from '../options.ts'

/** Suggested where the port is missing. */
const MEMCACHED_PORT = 11211

const DEFAULT_CONNECTIONS = 50
const DEFAULT_PIPELINE = 1
const DEFAULT_KEYS = 10_000
const DEFAULT_VALUE_BYTES = 1024
const DEFAULT_MULTI_KEYS = 10
const DEFAULT_DURATION_MS = 10_000
const DEFAULT_PREFIX = 'mc-bench:'
const STALL_MS = 10_000

// Bounds of what this process holds: each key some 100 bytes, each unanswered operation some 50 with its keys.
const MAX_CONNECTIONS = 20_000
const MAX_PIPELINE = 10_000
const MAX_KEYS = 5_000_000
const MAX_VALUE_BYTES = 64 * 2 ** 20
const MAX_MULTI_KEYS = 10_000
/** Of all connections together. */
const MAX_UNANSWERED_KEYS = 50_000_000
/** Of a prefix; the eight digits behind it are far from the limit of keys then. */
const MAX_PREFIX = 200

export const mcBench: Command = {
  name: 'mc-bench',
  operands: 'ADDRESS',
  maxOperands: 1,
  options: [
    'connections',
    'pipeline',
    'keys',
    'key-prefix',
    'value',
    'mix',
    'multi',
    'protocol',
    'duration',
    'operations',
    'allow-stale',
    'no-preload',
    'json',
  ],
  doc: 'load a memcached server or proxy with gets, multi-gets and sets, check every reply, show latencies',
  run: async ({ operands, options, terminal }: Invocation) => {
    const read = readOptions(operands[0], options)
    const report = await runMcBench(read, { onProgress: (progress) => terminal.err(progressText(progress)) })
    terminal.out(options.has('json') ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report))
    const isStale = report.stale > 0 && !options.has('allow-stale')
    return report.wrong > 0 || report.stalled || isStale ? EXIT_FAILED : EXIT_OK
  },
}

function progressText({ phase, seconds, operations, perSec, p50Ms, p99Ms, errors, wrong }: McBenchProgress): string {
  const rate = `${Math.round(perSec).toLocaleString('en')}/s`
  const latency = `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`
  const all = `${operations.toLocaleString('en')} operations, ${errors} errors, ${wrong} wrong`
  return `${phase === 'preload' ? 'setting keys' : `${seconds.toFixed(0)} s`}: ${rate}, ${latency}; ${all}\n`
}

function readOptions(address: string | undefined, options: OptionValues): McBenchOptions {
  if (address === undefined) throw new UsageError('mc-bench wants an address: HOST:PORT or unix:/PATH')
  const where = valueFrom(readServerAddress(argumentOf(address), MEMCACHED_PORT))
  const connections = count(options, 'connections', DEFAULT_CONNECTIONS, MAX_CONNECTIONS)
  const pipeline = count(options, 'pipeline', DEFAULT_PIPELINE, MAX_PIPELINE)
  const keys = count(options, 'keys', DEFAULT_KEYS, MAX_KEYS)
  const multiKeys = count(options, 'multi', DEFAULT_MULTI_KEYS, MAX_MULTI_KEYS)
  if (keys < connections) throw new UsageError('--keys is at least --connections: each connection has keys of its own')
  if (connections * pipeline * multiKeys > MAX_UNANSWERED_KEYS) {
    throw new UsageError(`--connections times --pipeline times --multi is at most ${MAX_UNANSWERED_KEYS}`)
  }
  return {
    target: where.kind === 'unix' ? { path: where.path } : { host: where.host, port: where.port },
    protocol: readProtocol(options.get('protocol')?.[0]),
    connections,
    pipeline,
    keys,
    keyPrefix: readPrefix(options.get('key-prefix')?.[0]),
    valueBytes: readValueBytes(options.get('value')?.[0]),
    mix: readMix(options.get('mix')?.[0]),
    multiKeys,
    ...readEnd(options),
    preload: !options.has('no-preload'),
    stallMs: STALL_MS,
  }
}

/** Ends after the operations if they are given, after the time if that is, by itself after ten seconds. */
function readEnd(options: OptionValues): Pick<McBenchOptions, 'operations' | 'durationMs'> {
  const duration = options.get('duration')?.[0]
  const usual = options.has('operations') ? Number.POSITIVE_INFINITY : DEFAULT_DURATION_MS
  return {
    operations: count(options, 'operations', Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER),
    durationMs: duration === undefined ? usual : valueFrom(readDuration(argumentOf(duration))),
  }
}

function readProtocol(text = 'classic'): McBenchOptions['protocol'] {
  if (text === 'classic' || text === 'meta') return text
  throw new UsageError(`--protocol is "classic" or "meta", not "${text}"`)
}

function readPrefix(text = DEFAULT_PREFIX): string {
  if (/^[!-~]*$/.test(text) && text.length <= MAX_PREFIX) return text
  throw new UsageError(`--key-prefix is at most ${MAX_PREFIX} visible ASCII letters`)
}

/** `1KiB`, `100B-4KiB`. */
function readValueBytes(text: string | undefined): readonly [number, number] {
  if (text === undefined) return [DEFAULT_VALUE_BYTES, DEFAULT_VALUE_BYTES]
  const [from = '', to = from] = text.split('-', 2)
  const min = valueFrom(readSize(argumentOf(from)))
  const max = valueFrom(readSize(argumentOf(to)))
  if (min <= max && max <= MAX_VALUE_BYTES) return [min, max]
  throw new UsageError(`--value is one size or two, the smaller first, up to 64MiB; not "${text}"`)
}

/** `get=90,multi=5,set=5`; what is not named is left out. */
function readMix(text = 'get=9,set=1'): McBenchOptions['mix'] {
  const mix = { get: 0, multi: 0, set: 0 }
  for (const part of text.split(',')) {
    const [, word, digits] = /^([a-z]+)=(\d{1,6})$/.exec(part) ?? []
    const kind = operationKinds.find((one) => one === word)
    if (kind === undefined) throw new UsageError(`--mix is like get=90,multi=5,set=5, not "${text}"`)
    mix[kind] = Number(digits)
  }
  if (mix.get + mix.multi + mix.set === 0) throw new UsageError('--mix has nothing in it')
  return mix
}

function count(options: OptionValues, name: OptionName, usual: number, max: number): number {
  const text = options.get(name)?.[0]
  if (text === undefined) return usual
  const digits = text.replaceAll('_', '')
  if (/^\d{1,16}$/.test(digits) && Number(digits) >= 1 && Number(digits) <= max) return Number(digits)
  throw new UsageError(`--${name} is a number from 1 to ${max}, not "${text}"`)
}

/** A word of the command line as the readers of the configuration take it. */
function argumentOf(text: string): Argument {
  const source = { name: 'arguments', text, includedFrom: [] }
  return { kind: 'bare', text, secret: false, substituted: false, span: { source, start: 0, end: text.length } }
}

function valueFrom<T>(read: Read<T>): T {
  if (read.ok) return read.value
  const { message, help } = read.diagnostic
  throw new UsageError(help === undefined ? message : `${message}; ${help}`)
}
