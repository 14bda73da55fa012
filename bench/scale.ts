/**
 * `npm run bench:scale`: what a second worker on a second core brings, for hits (the origin is never asked).
 *
 * On a machine of two cores the load generator has to share them, which hides the servers' ratio in two ways: it takes
 * its part of each core, and a request that wakes a thread on the other core costs both sides more than one that stays
 * (in a virtual machine twice as much; nginx loses as much by it). So three setups are measured:
 *
 *     1 alone     one worker and wrk on core 0: nothing ever crosses
 *     1 of 2      one worker, both cores, wrk on both
 *     2 of 2      two workers, the same load as before
 *
 * The first and the last give the ratio of requests per second. The last two differ in nothing but the workers, so CPU
 * time per request tells what sharing the cache costs: with none, two workers on cores of their own serve twice what one
 * does.
 */
import { pathOf } from './cases.ts'
import { look } from './http.ts'
import { count, readArguments } from './options.ts'
import { cpuMicros, endedChildrenMicros } from './process.ts'
import { median } from './report.ts'
import { type RunningServer, startOrigin, startServer } from './servers.ts'
import { complaint, runWrk } from './wrk.ts'

const CONNECTIONS_PER_CORE = 64
const path = pathOf({ kind: 'hit', bodyBytes: 1024 })

const given = readArguments(process.argv.slice(2), ['rounds', 'seconds'])
const rounds = count('--rounds', given.rounds, 5)
const seconds = count('--seconds', given.seconds, 4)

interface Sample {
  readonly requestsPerSec: number
  readonly serverMicros: number
  readonly wrkMicros: number
}

const setups = [
  { name: '1 alone', workers: 1, cores: '0' },
  { name: '1 of 2', workers: 1, cores: '0,1' },
  { name: '2 of 2', workers: 2, cores: '0,1' },
]
const origin = await startOrigin()
const samples: Sample[][] = setups.map(() => [])
try {
  const running: RunningServer[] = []
  for (const setup of setups) running.push(await startServer('shellac', { origin: origin.port, ...setup }))
  // Round 0 warms up and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const [index, server] of running.entries()) {
      const sample = await load(server, setups[index]?.cores ?? '0')
      if (round > 0) samples[index]?.push(sample)
    }
  }
  for (const server of running) await server.stop()
} finally {
  await origin.stop()
}
report()

async function load(server: RunningServer, cores: string): Promise<Sample> {
  await look(server.port, path)
  const fetchedBefore = await origin.requests()
  const [serverBefore, wrkBefore] = [cpuMicros(server.pid), endedChildrenMicros()]
  const connections = CONNECTIONS_PER_CORE * cores.split(',').length
  const result = await runWrk(`http://127.0.0.1:${server.port}${path}`, cores, connections, seconds)
  const fetched = (await origin.requests()) - fetchedBefore
  const wrong = complaint(result) ?? (fetched > 0 ? `the origin saw ${fetched} requests during hits` : undefined)
  if (wrong) throw new Error(wrong)
  return {
    requestsPerSec: result.requestsPerSec,
    serverMicros: (cpuMicros(server.pid) - serverBefore) / result.requests,
    wrkMicros: (endedChildrenMicros() - wrkBefore) / result.requests,
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
  const [alone, one, two] = medians
  const rates = (two!.requestsPerSec / alone!.requestsPerSec).toFixed(2)
  const capacity = (2 * (one!.serverMicros / two!.serverMicros)).toFixed(2)
  console.log(`beside their load, two workers serve ${rates} times what one does alone with its own`)
  console.log(`by CPU time under one and the same load, two workers serve ${capacity} times what one does`)
}
