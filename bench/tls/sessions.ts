/**
 * The session server: beside memcached's unpipelined gets of values as large, nearly empty and nearly full; through the
 * agent, beside itself without; and how many operations a second it does when they come pipelined.
 */
import { fileURLToPath } from 'node:url'
import type { McBenchOptions } from '../../src/mc-bench/options.ts'
import type { Contest, ContestSample } from '../contest.ts'
import { InvalidRun } from '../measure.ts'
import { measureProxy } from '../memcached/measure.ts'
import { rssBytes, runPinned } from '../process.ts'
import { LOAD_CORE, type RunningServer } from '../servers.ts'
import { startAgent, startMeasuredMemcached, startSessionServer } from './servers.ts'
import type { SessionLoadOptions, SessionLoadReport } from './session-load.ts'

export type SessionName = 'shellac' | 'memcached' | 'agent' | 'direct'

const CLIENT = fileURLToPath(new URL('session-load.ts', import.meta.url))

const CONNECTIONS = 8
const SESSIONS = 100
const DATA_BYTES = [128, 1024] as const
const STORED = 55_000
const PIPELINE = 64

export const sessionCases = [
  { name: 'dc-empty', title: 'session server, 8 connections', target: { mostRatio: 1.6 } },
  { name: 'dc-full', title: 'session server, 55,000 sessions stored', target: { mostRatio: 1.6 } },
  { name: 'dc-agent', title: 'sessions through the agent, beside none', target: { mostRatio: 2.5 } },
  { name: 'dc-pipelined', title: 'session server, 64 deep', target: { leastPerSec: 150_000 } },
] as const

type CaseName = (typeof sessionCases)[number]['name']

export interface SessionBench {
  readonly running: readonly RunningServer[]
  readonly contests: Contest<SessionName>[]
}

export async function startSessionBench(names: readonly string[]): Promise<SessionBench> {
  const chosen = sessionCases.filter(({ name }) => names.includes(name))
  if (chosen.length === 0) return { running: [], contests: [] }
  const isChosen = (...some: CaseName[]) => chosen.some(({ name }) => some.includes(name))
  const running: RunningServer[] = []
  const start = async (starting: Promise<RunningServer>) => {
    const server = await starting
    running.push(server)
    return server
  }
  const empty = await start(startSessionServer())
  const memcached = isChosen('dc-empty', 'dc-full') ? await start(startMeasuredMemcached()) : undefined
  const agent = isChosen('dc-agent') ? await start(startAgent(empty)) : undefined
  const full = isChosen('dc-full') ? await start(startSessionServer()) : undefined
  if (full !== undefined) await runLoad([full], { ...usual(full.port, 0), store: STORED })

  const measure: Record<CaseName, (name: SessionName, seconds: number) => Promise<ContestSample>> = {
    'dc-empty': (name, seconds) =>
      name === 'memcached' ? measureGets(memcached!, seconds) : measureSessions([empty], usual(empty.port, seconds)),
    'dc-full': (name, seconds) =>
      name === 'memcached' ? measureGets(memcached!, seconds) : measureSessions([full!], usual(full!.port, seconds)),
    'dc-agent': (name, seconds) =>
      name === 'direct'
        ? measureSessions([empty], usual(empty.port, seconds))
        : measureSessions([agent!, empty], usual(agent!.port, seconds)),
    'dc-pipelined': (_, seconds) =>
      measureSessions([empty], { ...usual(empty.port, seconds), sessions: CONNECTIONS * PIPELINE, pipeline: PIPELINE }),
  }
  const contests = chosen.map(({ name, title, target }) => ({
    name,
    title,
    target,
    contestants: contestants[name],
    measure: measure[name],
  }))
  return { running, contests }
}

const contestants: Readonly<Record<CaseName, readonly SessionName[]>> = {
  'dc-empty': ['shellac', 'memcached'],
  'dc-full': ['shellac', 'memcached'],
  'dc-agent': ['agent', 'direct'],
  'dc-pipelined': ['shellac'],
}

function usual(port: number, seconds: number): SessionLoadOptions {
  const [from, to] = DATA_BYTES
  const sizes = { sessions: SESSIONS, dataBytes: [from, to] } as const
  return { port, seconds, ...sizes, connections: CONNECTIONS, pipeline: 1, store: 0 }
}

/** What all these programs together need for an operation. */
async function measureSessions(
  programs: readonly RunningServer[],
  options: SessionLoadOptions,
): Promise<ContestSample> {
  const { operations, elapsedMs, p50Ms, p99Ms, cpuMicros } = await runLoad(programs, options)
  if (operations === 0) throw new InvalidRun('no operation was answered')
  const memory = programs.reduce((sum, { pid }) => sum + rssBytes(pid), 0)
  return { perSec: (operations / elapsedMs) * 1000, cpuMicros: cpuMicros / operations, p50Ms, p99Ms, rssBytes: memory }
}

/** Throws InvalidRun when one answer was wrong. */
async function runLoad(programs: readonly RunningServer[], options: SessionLoadOptions): Promise<SessionLoadReport> {
  const pids = programs.map(({ pid }) => pid).join(',')
  const output = await runPinned(LOAD_CORE, [process.execPath, CLIENT, JSON.stringify(options), pids])
  const report: SessionLoadReport = JSON.parse(output)
  if (report.wrong > 0) throw new InvalidRun(`${report.wrong} wrong answers: ${report.firstWrong}`)
  return report
}

/** Gets of values as large as the sessions, one at a time on as many connections. */
async function measureGets(memcached: RunningServer, seconds: number): Promise<ContestSample> {
  const options: McBenchOptions = {
    target: { host: '127.0.0.1', port: memcached.port },
    protocol: 'classic',
    connections: CONNECTIONS,
    pipeline: 1,
    keys: SESSIONS,
    keyPrefix: 'bench:',
    valueBytes: DATA_BYTES,
    mix: { get: 1, multi: 0, set: 0 },
    multiKeys: 1,
    operations: Number.MAX_SAFE_INTEGER,
    durationMs: seconds * 1000,
    preload: true,
    stallMs: 10_000,
  }
  const sample = await measureProxy(memcached, options)
  return { ...sample, perSec: sample.operationsPerSec }
}
