/**
 * `npm run bench:memcached -- --scale`: what a second worker on a second core brings the memcached proxy.
 *
 * As in ../scale.ts, load and servers have to share the two cores, and so each setup has as much of them as it has cores:
 *
 *     1 alone     one worker, its load and its servers on core 0
 *     1 of 2      one worker on both cores, a load on each
 *     2 of 2      two workers and two loads, one of each on each core
 *     2 apart     two daemons of one worker, each as in the first, on a core of its own
 *
 * Loads and workers are pinned: threads that the kernel moves to and fro between two full cores were seen to halve the rate, of
 * any of the setups, from one run to the next. The clients of a load are still spread over both workers, as they come.
 *
 * The first and the third give the ratio of operations per second: everything is there twice. The fourth shares nothing but the
 * machine, so it is what the machine lets two workers be at most. The second and the third differ in nothing but the workers, so
 * CPU time per operation tells what sharing costs.
 */

import { freePort } from '../../test/support/ports.ts'
import { pinThreads, startPinned } from '../process.ts'
import { median } from '../report.ts'
import { type Pair, setups } from '../scale-setups.ts'
import { type RunningServer, untilListening } from '../servers.ts'
import { loadOf, proxyCases } from './cases.ts'
import { measureProxy } from './measure.ts'
import { memcachedCommand, startProxy } from './servers.ts'

/** What a second worker must bring. */
const TARGET = 1.6

interface Sample {
  readonly perSec: number
  readonly cpuMicros: number
}

export interface ScaleResult {
  readonly case: string
  readonly setups: Readonly<Record<string, Sample>>
  /** Operations per second of two workers, as a multiple of one alone; the same of two daemons that share nothing. */
  readonly ratio: number
  readonly ceiling: number
  /** By CPU time per operation under one and the same load: 2 where sharing costs nothing. */
  readonly capacity: number
  readonly target: number
}

/** Prints what it finds; `perSec` and `cpuMicros` are medians over the rounds. */
export async function measureScale(rounds: number, seconds: number): Promise<ScaleResult[]> {
  const started: RunningServer[] = []
  try {
    const running: RunningPair[][] = []
    for (const { pairs } of setups) {
      const all: RunningPair[] = []
      for (const pair of pairs) all.push(await startPair(pair, started))
      running.push(all)
    }
    const results: ScaleResult[] = []
    for (const one of proxyCases.filter(({ name }) => name === 'get' || name === 'get-16')) {
      const samples: Sample[][] = setups.map(() => [])
      // Round 0 warms up and does not count.
      for (let round = 0; round <= rounds; round++) {
        for (const [index, pairs] of running.entries()) {
          const sample = await load(one, pairs, seconds)
          if (round > 0) samples[index]!.push(sample)
        }
      }
      results.push(report(one.title, samples))
    }
    return results
  } finally {
    for (const server of started.toReversed()) await server.stop()
  }
}

interface RunningPair extends Pair {
  readonly proxy: RunningServer
}

async function startPair(pair: Pair, started: RunningServer[]): Promise<RunningPair> {
  const { cores, workers } = pair
  const servers = [await startServer(cores), await startServer(cores), await startServer(cores)]
  started.push(...servers)
  const proxy = await startProxy('shellac', { servers: servers.map(({ port }) => port), cores, workers })
  started.push(proxy)
  if (workers > 1) pinThreads(proxy.pid, 'worker-', cores.split(','))
  return { ...pair, proxy }
}

async function startServer(cores: string): Promise<RunningServer> {
  const port = await freePort()
  return untilListening('memcached', port, startPinned(cores, memcachedCommand(port)))
}

/** All loads of all pairs at one time. Each sees what its proxy spends meanwhile, so their mean is what that spent. */
async function load(one: (typeof proxyCases)[number], pairs: readonly RunningPair[], seconds: number): Promise<Sample> {
  const samples = await Promise.all(
    pairs.flatMap(({ proxy, cores }) =>
      cores.split(',').map(async (core, i, all) => {
        const options = { ...loadOf(one, proxy.port, seconds), keyPrefix: `bench${i}:` }
        const { operationsPerSec, cpuMicros } = await measureProxy(proxy, options, core)
        return { perSec: operationsPerSec, spent: (cpuMicros * operationsPerSec) / all.length }
      }),
    ),
  )
  const perSec = samples.reduce((sum, sample) => sum + sample.perSec, 0)
  return { perSec, cpuMicros: samples.reduce((sum, { spent }) => sum + spent, 0) / perSec }
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
  const [alone, one, two, apart] = medians
  const ratio = two!.perSec / alone!.perSec
  const ceiling = apart!.perSec / alone!.perSec
  const capacity = (2 * one!.cpuMicros) / two!.cpuMicros
  const verdict = ratio >= TARGET ? 'met' : 'MISSED'
  console.log(`    two workers serve ${ratio.toFixed(2)} times what one does, at least ${TARGET}: ${verdict}`)
  console.log(`    two daemons that share nothing serve ${ceiling.toFixed(2)} times that`)
  console.log(`    by CPU time under one and the same load ${capacity.toFixed(2)} times`)
  const byName = Object.fromEntries(medians.map((sample, index) => [setups[index]!.name, sample]))
  return { case: title, setups: byName, ratio, ceiling, capacity, target: TARGET }
}
