/**
 * `npm run bench:scale`: what a second worker on a second core brings, for hits (the origin is never asked).
 *
 * On a machine of two cores the load generator has to share them, which hides the servers' ratio in two ways: it takes
 * its part of each core, and a request that wakes a thread on the other core costs both sides more than one that stays
 * (in a virtual machine twice as much; nginx loses as much by it). So four setups are measured:
 *
 *     1 alone     one worker and wrk on core 0: nothing ever crosses
 *     1 of 2      one worker, both cores, wrk on both
 *     2 of 2      two workers, the same load as before
 *     2 apart     two daemons of one worker, each with a wrk of its own on a core of its own: twice the first at one time
 *
 * `--pipelined N` lets wrk send N requests in one write: a load that costs less and wakes fewer threads.
 *
 * Throughput with equal means per worker, half a core for it and half for its load: the first and the third give the ratio
 * of requests per second. The fourth shares nothing but the machine, so it is what the machine lets two workers be at most,
 * and the third is measured against it too. The second and the third differ in nothing but the workers, so CPU time per
 * request tells what sharing the cache costs: with none, two workers on cores of their own serve twice what one does.
 */
import { pathOf } from './cases.ts'
import { look } from './http.ts'
import { count, readArguments } from './options.ts'
import { cpuMicros, endedChildrenMicros } from './process.ts'
import { median } from './report.ts'
import { type Pair, setups } from './scale-setups.ts'
import { type RunningServer, startOrigin, startServer } from './servers.ts'
import { complaint, runWrk } from './wrk.ts'

const CONNECTIONS_PER_CORE = 64
const path = pathOf({ kind: 'hit', bodyBytes: 1024 })

const given = readArguments(process.argv.slice(2), ['rounds', 'seconds', 'pipelined'])
const rounds = count('--rounds', given.rounds, 5)
const seconds = count('--seconds', given.seconds, 4)
const pipelined = count('--pipelined', given.pipelined, 1)

interface Sample {
  readonly requestsPerSec: number
  readonly serverMicros: number
  readonly wrkMicros: number
}

const origin = await startOrigin()
const samples: Sample[][] = setups.map(() => [])
try {
  const running: RunningPair[][] = []
  for (const { pairs } of setups) running.push(await startPairs(pairs))
  // Round 0 warms up and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const [index, pairs] of running.entries()) {
      const sample = await load(pairs)
      if (round > 0) samples[index]?.push(sample)
    }
  }
  for (const { server } of running.flat()) await server.stop()
} finally {
  await origin.stop()
}
report()

interface RunningPair {
  readonly server: RunningServer
  readonly cores: string
}

async function startPairs(pairs: readonly Pair[]): Promise<RunningPair[]> {
  const running: RunningPair[] = []
  for (const { workers, cores } of pairs) {
    running.push({ server: await startServer('shellac', { origin: origin.port, workers, cores }), cores })
  }
  return running
}

/** All pairs at one time: requests per second in all, CPU time of one. */
async function load(pairs: readonly RunningPair[]): Promise<Sample> {
  for (const { server } of pairs) await look(server.port, path)
  const fetchedBefore = await origin.requests()
  const serverMicros = (): number => pairs.reduce((sum, { server }) => sum + cpuMicros(server.pid), 0)
  const [serverBefore, wrkBefore] = [serverMicros(), endedChildrenMicros()]
  const reports = await Promise.all(
    pairs.map(({ server, cores }) => {
      const connections = CONNECTIONS_PER_CORE * cores.split(',').length
      return runWrk(`http://127.0.0.1:${server.port}${path}`, cores, connections, seconds, pipelined)
    }),
  )
  const fetched = (await origin.requests()) - fetchedBefore
  const stray = fetched > 0 ? `the origin saw ${fetched} requests during hits` : undefined
  const wrong = reports.map(complaint).find((one) => one !== undefined) ?? stray
  if (wrong) throw new Error(wrong)
  const requests = reports.reduce((sum, one) => sum + one.requests, 0)
  return {
    requestsPerSec: reports.reduce((sum, one) => sum + one.requestsPerSec, 0),
    serverMicros: (serverMicros() - serverBefore) / requests,
    wrkMicros: (endedChildrenMicros() - wrkBefore) / requests,
  }
}

function report(): void {
  const medians = samples.map((all) => ({
    requestsPerSec: median(all.map((sample) => sample.requestsPerSec)),
    serverMicros: median(all.map((sample) => sample.serverMicros)),
    wrkMicros: median(all.map((sample) => sample.wrkMicros)),
  }))
  for (const [index, { name }] of setups.entries()) {
    const { requestsPerSec, serverMicros, wrkMicros } = medians[index]!
    const rate = Math.round(requestsPerSec).toLocaleString('en')
    console.log(
      `${name}: ${rate} requests/s, server ${serverMicros.toFixed(1)} µs, wrk ${wrkMicros.toFixed(1)} µs each`,
    )
  }
  const [alone, one, two, apart] = medians
  const rates = (two!.requestsPerSec / alone!.requestsPerSec).toFixed(2)
  const capacity = (2 * (one!.serverMicros / two!.serverMicros)).toFixed(2)
  const ceiling = (apart!.requestsPerSec / alone!.requestsPerSec).toFixed(2)
  const reached = ((100 * two!.requestsPerSec) / apart!.requestsPerSec).toFixed(0)
  console.log(`beside their load, two workers serve ${rates} times what one does alone with its own`)
  console.log(`two daemons that share nothing serve ${ceiling} times that; two workers reach ${reached} % of them`)
  console.log(`by CPU time under one and the same load, two workers serve ${capacity} times what one does`)
}
