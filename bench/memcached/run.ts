/**
 * `npm run bench:memcached`: Shellac's memcached proxy beside nutcracker, and a cache that lives in a pool beside nginx'
 * memcached_pass, in one run. Proxies on core 0, servers and load on core 1.
 *
 *     --quick                 one short round, to see that everything runs
 *     --only get,http-hit     some cases
 *     --rounds N --seconds N  how carefully
 *     --scale                 two workers against one instead, see scale.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { drawChart } from '../chart.ts'
import { machineFacts } from '../machine.ts'
import { InvalidRun } from '../measure.ts'
import { choose, count, readArguments } from '../options.ts'
import { versionOf } from '../process.ts'
import { median } from '../report.ts'
import type { RunningServer } from '../servers.ts'
import { loadOf, proxyCases } from './cases.ts'
import { type HttpBench, httpCase, startHttpBench } from './http-hit.ts'
import { measureProxy } from './measure.ts'
import { measureScale } from './scale.ts'
import { startMemcached, startProxy, versionOfProxy } from './servers.ts'

type Name = 'shellac' | 'nutcracker' | 'nginx'

interface Sample {
  /** Operations or requests per second. */
  readonly perSec: number
  /** User and system time of the program for each of them, microseconds. */
  readonly cpuMicros: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly rssBytes: number
}

/** A case, on Shellac and on the peer it is measured against. */
interface Contest {
  readonly name: string
  readonly title: string
  readonly target: number
  readonly peer: Name
  measure(name: Name, seconds: number): Promise<Sample>
}

interface Result {
  readonly contest: Contest
  readonly samples: Map<Name, Sample[]>
  invalid: string | undefined
}

const date = new Date().toISOString().slice(0, 10)
const folder = new URL('../results/', import.meta.url)

const args = process.argv.slice(2)
const isQuick = args.includes('--quick')
const isScale = args.includes('--scale')
const given = readArguments(
  args.filter((argument) => argument !== '--quick' && argument !== '--scale'),
  ['only', 'rounds', 'seconds'],
)
const rounds = count('--rounds', given.rounds, isQuick ? 1 : 5)
const seconds = count('--seconds', given.seconds, isQuick ? 1 : 4)
const names = choose('--only', given.only, [...proxyCases.map(({ name }) => name), httpCase.name])

const running: RunningServer[] = []
let exitCode = 0
try {
  if (isScale) await scale()
  else await compare()
} finally {
  for (const server of running.toReversed()) await server.stop()
}
process.exit(exitCode)

async function scale(): Promise<void> {
  const results = await measureScale(rounds, seconds)
  if (results.some(({ ratio, target }) => !(ratio >= target))) exitCode = 1
  write('memcached-scale', { results })
}

async function compare(): Promise<void> {
  const results = (await startContests()).map(
    (contest): Result => ({ contest, samples: new Map(), invalid: undefined }),
  )
  // Round 0 compiles code and fills what is to be found, and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const result of results) {
      // Who comes first changes, so that neither always meets what the other left behind.
      const order: Name[] = round % 2 === 0 ? ['shellac', result.contest.peer] : [result.contest.peer, 'shellac']
      for (const name of order) await sampleOnce(result, name, round)
    }
    if (round > 0) console.error(`round ${round} of ${rounds} done`)
  }
  report(results)
}

async function startContests(): Promise<Contest[]> {
  const contests: Contest[] = []
  for (let i = 0; i < 3; i++) running.push(await startMemcached())
  const ports = running.map(({ port }) => port)
  const cases = proxyCases.filter(({ name }) => names.includes(name))
  if (cases.length > 0) {
    const proxies = {
      shellac: await startProxy('shellac', { servers: ports }),
      nutcracker: await startProxy('nutcracker', { servers: ports }),
    }
    running.push(proxies.shellac, proxies.nutcracker)
    for (const one of cases) {
      contests.push({
        ...one,
        peer: 'nutcracker',
        async measure(name, sec) {
          const proxy = proxies[name as keyof typeof proxies]
          const sample = await measureProxy(proxy, loadOf(one, proxy.port, sec))
          return { ...sample, perSec: sample.operationsPerSec }
        },
      })
    }
  }
  if (names.includes(httpCase.name)) {
    const bench: HttpBench = await startHttpBench(ports[0]!)
    running.push(...bench.running)
    contests.push({
      ...httpCase,
      peer: 'nginx',
      measure: (name, sec) => bench.measure(name as 'shellac' | 'nginx', sec),
    })
  }
  return contests
}

async function sampleOnce(result: Result, name: Name, round: number): Promise<void> {
  if (result.invalid !== undefined) return
  try {
    const sample = await result.contest.measure(name, round === 0 ? 1 : seconds)
    if (round > 0) result.samples.set(name, [...(result.samples.get(name) ?? []), sample])
  } catch (error) {
    if (!(error instanceof InvalidRun)) throw error
    result.invalid = `${name}: ${error.message}`
    console.error(`INVALID ${result.contest.name} ${result.invalid}`)
  }
}

interface Row {
  readonly name: string
  readonly title: string
  readonly target: number
  /** CPU time of Shellac for one operation, as a part of the peer's; NaN of an invalid case. */
  readonly ratio: number
  readonly figures: Readonly<Partial<Record<Name, Sample>>>
  readonly invalid: string | undefined
}

function rowOf({ contest, samples, invalid }: Result): Row {
  const { name, title, target, peer } = contest
  const sampled = (['shellac', peer] as const).filter((who) => samples.has(who))
  const figures: Row['figures'] = Object.fromEntries(sampled.map((who) => [who, medians(samples.get(who) ?? [])]))
  const ratio = (figures.shellac?.cpuMicros ?? Number.NaN) / (figures[peer]?.cpuMicros ?? Number.NaN)
  return { name, title, target, ratio: invalid === undefined ? ratio : Number.NaN, figures, invalid }
}

function medians(samples: readonly Sample[]): Sample {
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick))
  return {
    perSec: of((s) => s.perSec),
    cpuMicros: of((s) => s.cpuMicros),
    p50Ms: of((s) => s.p50Ms),
    p99Ms: of((s) => s.p99Ms),
    rssBytes: of((s) => s.rssBytes),
  }
}

function report(results: readonly Result[]): void {
  const rows = results.map(rowOf)
  for (const { title, target, ratio, figures } of rows) {
    const verdict = ratio <= target ? 'met' : 'MISSED'
    console.log(`\n${title}: ${ratio.toFixed(2)} of the peer's CPU time, at most ${target}: ${verdict}`)
    for (const [who, { perSec, cpuMicros, p50Ms, p99Ms, rssBytes }] of Object.entries(figures)) {
      const rate = Math.round(perSec).toLocaleString('en')
      const mega = Math.round(rssBytes / 1e6)
      console.log(
        `    ${who.padEnd(10)} ${cpuMicros.toFixed(2).padStart(6)} µs  ${rate.padStart(9)}/s  ` +
          `p50 ${p50Ms.toFixed(2)} ms  p99 ${p99Ms.toFixed(2)} ms  ${mega} MB`,
      )
    }
    if (!(ratio <= target)) exitCode = 1
  }
  save(rows)
}

function save(rows: readonly Row[]): void {
  write('memcached', { results: rows })
  const groups = rows.map(({ title, figures }) => ({
    title,
    bars: (Object.entries(figures) as [Name, Sample][]).map(([name, { cpuMicros }]) => ({ name, micros: cpuMicros })),
  }))
  const chart = drawChart('CPU time per operation, one worker', groups)
  writeFileSync(new URL(`memcached-${date}.svg`, folder), chart)
}

/** What was found, and on what. */
function write(name: string, found: Readonly<Record<string, unknown>>): void {
  mkdirSync(folder, { recursive: true })
  const versions = {
    shellac: versionOfProxy('shellac'),
    nutcracker: versionOfProxy('nutcracker'),
    nginx: versionOf('nginx', '-v'),
    memcached: versionOf('memcached', '-V'),
  }
  const record = { date, rounds, seconds, machine: machineFacts(), versions, ...found }
  writeFileSync(new URL(`${name}-${date}.json`, folder), `${JSON.stringify(record, undefined, 2)}\n`)
  console.error(`written: bench/results/${name}-${date}.json`)
}
