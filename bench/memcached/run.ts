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
import { type Contest, type ContestRow, type ContestSample, contestText, runContests } from '../contest.ts'
import { machineFacts } from '../machine.ts'
import { choose, count, readArguments } from '../options.ts'
import { versionOf } from '../process.ts'
import type { RunningServer } from '../servers.ts'
import { loadOf, proxyCases } from './cases.ts'
import { type HttpBench, httpCase, startHttpBench } from './http-hit.ts'
import { measureProxy } from './measure.ts'
import { measureScale } from './scale.ts'
import { startMemcached, startProxy, versionOfProxy } from './servers.ts'

type Name = 'shellac' | 'nutcracker' | 'nginx'

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
  const rows = await runContests(await startContests(), rounds, seconds)
  for (const row of rows) console.log(`\n${contestText(row)}`)
  if (rows.some(({ isMet }) => !isMet)) exitCode = 1
  save(rows)
}

async function startContests(): Promise<Contest<Name>[]> {
  const contests: Contest<Name>[] = []
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
        target: { mostRatio: one.target },
        contestants: ['shellac', 'nutcracker'],
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
      target: { mostRatio: httpCase.target },
      contestants: ['shellac', 'nginx'],
      measure: (name, sec) => bench.measure(name as 'shellac' | 'nginx', sec),
    })
  }
  return contests
}

function save(rows: readonly ContestRow<Name>[]): void {
  write('memcached', { results: rows })
  const groups = rows.map(({ title, figures }) => ({
    title,
    bars: (Object.entries(figures) as [Name, ContestSample][]).map(([name, { cpuMicros }]) => ({
      name,
      micros: cpuMicros,
    })),
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
