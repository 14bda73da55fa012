/**
 * `npm run bench:memcached -- --scale`: what a second worker on a second core brings the memcached proxy.
 *
 * As in ../scale.ts, load and servers have to share the two cores, and so each setup has as much of them as it has cores, in
 * reach of the same ones:
 *
 *     1 alone     one worker, its load and its servers on core 0
 *     1 of 2      one worker, twice the load, on both cores
 *     2 of 2      two workers, the same load as before
 *
 * The first and the third give the ratio of operations per second: everything is there twice. The second and the third differ in
 * nothing but the workers, so CPU time per operation tells what sharing costs.
 */

import { freePort } from '../../test/support/ports.ts'
import { startPinned } from '../process.ts'
import { median } from '../report.ts'
import { type RunningServer, untilListening } from '../servers.ts'
import { loadOf, proxyCases } from './cases.ts'
import { measureProxy } from './measure.ts'
import { memcachedCommand, startProxy } from './servers.ts'

interface Setup {
  readonly name: string
  readonly workers: number
  readonly cores: string
  readonly loads: number
}

const setups: readonly Setup[] = [
  { name: '1 alone', workers: 1, cores: '0', loads: 1 },
  { name: '1 of 2', workers: 1, cores: '0,1', loads: 2 },
  { name: '2 of 2', workers: 2, cores: '0,1', loads: 2 },
]
/** What a second worker must bring. */
const TARGET = 1.6

interface Sample {
  readonly perSec: number
  readonly cpuMicros: number
}

export interface ScaleResult {
  readonly case: string
  readonly setups: Readonly<Record<string, Sample>>
  /** Operations per second of two workers, as a multiple of one alone. */
  readonly ratio: number
  readonly target: number
}

/** Prints what it finds; `perSec` and `cpuMicros` are medians over the rounds. */
export async function measureScale(rounds: number, seconds: number): Promise<ScaleResult[]> {
  const running: RunningServer[] = []
  try {
    const proxies: RunningServer[] = []
    for (const setup of setups) {
      const servers = [await startServer(setup.cores), await startServer(setup.cores), await startServer(setup.cores)]
      const ports = servers.map(({ port }) => port)
      const proxy = await startProxy('shellac', { servers: ports, cores: setup.cores, workers: setup.workers })
      running.push(...servers, proxy)
      proxies.push(proxy)
    }
    const results: ScaleResult[] = []
    for (const one of proxyCases.filter(({ name }) => name === 'get' || name === 'get-16')) {
      const samples: Sample[][] = setups.map(() => [])
      for (let round = 0; round <= rounds; round++) {
        for (const [index, setup] of setups.entries()) {
          const sample = await load(one, setup, proxies[index]!, seconds)
          // Round 0 warms up and does not count.
          if (round > 0) samples[index]!.push(sample)
        }
      }
      results.push(report(one.title, samples))
    }
    return results
  } finally {
    for (const server of running.toReversed()) await server.stop()
  }
}

async function startServer(cores: string): Promise<RunningServer> {
  const port = await freePort()
  return untilListening('memcached', port, startPinned(cores, memcachedCommand(port)))
}

/** All loads at one time. Each sees what the proxy spends meanwhile, so their mean is what it spent. */
async function load(
  one: (typeof proxyCases)[number],
  { loads, cores }: Setup,
  proxy: RunningServer,
  seconds: number,
): Promise<Sample> {
  const samples = await Promise.all(
    Array.from({ length: loads }, (_, i) =>
      measureProxy(proxy, { ...loadOf(one, proxy.port, seconds), keyPrefix: `bench${i}:` }, cores),
    ),
  )
  const perSec = samples.reduce((sum, sample) => sum + sample.operationsPerSec, 0)
  const spent = samples.reduce((sum, { cpuMicros, operationsPerSec }) => sum + cpuMicros * operationsPerSec, 0) / loads
  return { perSec, cpuMicros: spent / perSec }
}

function report(title: string, samples: readonly (readonly Sample[])[]): ScaleResult {
  const medians = samples.map((all) => ({
    perSec: median(all.map(({ perSec }) => perSec)),
    cpuMicros: median(all.map(({ cpuMicros }) => cpuMicros)),
  }))
  console.log(`\n${title}`)
  for (const [index, { perSec, cpuMicros }] of medians.entries()) {
    const rate = Math.round(perSec).toLocaleString('en').padStart(9)
    console.log(`    ${setups[index]!.name.padEnd(8)} ${rate}/s  ${cpuMicros.toFixed(2).padStart(6)} µs`)
  }
  const [alone, one, two] = medians
  const ratio = two!.perSec / alone!.perSec
  const capacity = (2 * one!.cpuMicros) / two!.cpuMicros
  const verdict = ratio >= TARGET ? 'met' : 'MISSED'
  console.log(`    two workers serve ${ratio.toFixed(2)} times what one does, at least ${TARGET}: ${verdict}`)
  console.log(`    by CPU time under one and the same load ${capacity.toFixed(2)} times`)
  const byName = Object.fromEntries(medians.map((sample, index) => [setups[index]!.name, sample]))
  return { case: title, setups: byName, ratio, target: TARGET }
}
