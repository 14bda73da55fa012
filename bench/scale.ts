/**
 * `npm run bench:scale`: what a second worker on a second core brings, for hits (the origin is never asked).
 *
 * On a machine of two cores the load generator has to share them. So that it weighs the same on both sides, one worker
 * and wrk's one thread have core 0 alone, and two workers and wrk's two threads have both cores: the ratio of requests
 * per second is then that of the servers, the generator's share of each core being the same. That share is printed.
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
  { workers: 1, cores: '0' },
  { workers: 2, cores: '0,1' },
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
  const rates = samples.map((all) => median(all.map((sample) => sample.requestsPerSec)))
  for (const [index, { workers }] of setups.entries()) {
    const all = samples[index] ?? []
    const server = median(all.map((sample) => sample.serverMicros))
    const wrk = median(all.map((sample) => sample.wrkMicros))
    const rate = Math.round(rates[index] ?? 0).toLocaleString('en')
    console.log(
      `${workers} on ${workers}: ${rate} requests/s, server ${server.toFixed(1)} µs, wrk ${wrk.toFixed(1)} µs each`,
    )
  }
  console.log(`two workers serve ${((rates[1] ?? 0) / (rates[0] ?? 0)).toFixed(2)} times what one does`)
}
