/** One case on one server, once: check that the right thing is measured, load it, check that it was. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Case, pathOf } from './cases.ts'
import { look } from './http.ts'
import { cpuMicros, rssBytes } from './process.ts'
import { LOAD_CORE, type Origin, type RunningServer } from './servers.ts'
import { complaint, runWrk } from './wrk.ts'

export interface Sample {
  readonly requestsPerSec: number
  /** User and system time of the server per request completed, microseconds. */
  readonly cpuMicros: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly rssBytes: number
}

/** Thrown when a run measured something else than the case says. */
export class InvalidRun extends Error {}

/** The origin is quiet when it has been asked nothing for so long. */
const QUIET_MS = 200
/** Of the requests of a run of hits, at most this many may reach the origin. */
const HITS_THAT_MISS = 0

export async function measure(server: RunningServer, origin: Origin, one: Case, seconds: number): Promise<Sample> {
  await untilQuiet(origin)
  await checkCase(server, origin, one)
  const fetchedBefore = await origin.requests()
  const cpuBefore = cpuMicros(server.pid)
  const report = await runWrk(`http://127.0.0.1:${server.port}${pathOf(one)}`, LOAD_CORE, one.connections, seconds)
  const cpu = cpuMicros(server.pid) - cpuBefore
  const fetched = (await origin.requests()) - fetchedBefore
  const wrong = complaint(report) ?? wrongFetches(one, fetched, report.requests)
  if (wrong) throw new InvalidRun(wrong)
  return {
    requestsPerSec: report.requestsPerSec,
    cpuMicros: cpu / report.requests,
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
    rssBytes: rssBytes(server.pid),
  }
}

/** Until the origin has answered what a server still passed on when the load before this one ended; at most 10 s. */
async function untilQuiet(origin: Origin): Promise<void> {
  let before = await origin.requests()
  for (let looks = 0; looks < 50; looks++) {
    await sleep(QUIET_MS)
    const now = await origin.requests()
    if (now === before) return
    before = now
  }
}

/** Two requests, of which the second has to be what the case says; the right status and length. */
async function checkCase(server: RunningServer, origin: Origin, one: Case): Promise<void> {
  await look(server.port, pathOf(one))
  const before = await origin.requests()
  const { status, bodyBytes } = await look(server.port, pathOf(one))
  const fetched = (await origin.requests()) - before
  if (status !== 200) throw new InvalidRun(`status ${status}`)
  if (bodyBytes !== one.bodyBytes) throw new InvalidRun(`${bodyBytes} bytes of body instead of ${one.bodyBytes}`)
  if (fetched !== (one.kind === 'hit' ? 0 : 1))
    throw new InvalidRun(`the origin saw ${fetched} requests for a ${one.kind}`)
}

function wrongFetches(one: Case, fetched: number, requests: number): string | undefined {
  if (one.kind === 'hit' && fetched > HITS_THAT_MISS) return `the origin saw ${fetched} requests during a run of hits`
  // wrk counts what was answered when time was up; requests on their way then have reached the origin too.
  if (one.kind === 'pass' && (fetched < requests || fetched > requests + one.connections))
    return `the origin saw ${fetched} requests for ${requests} passes`
  return undefined
}
