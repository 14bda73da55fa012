/** Hits of 1 KB over TLS, HTTP/1.1 and HTTP/2, beside nginx' proxy_cache. */
import { pathOf } from '../cases.ts'
import type { Contest, ContestSample } from '../contest.ts'
import { InvalidRun } from '../measure.ts'
import { cpuMicros, rssBytes } from '../process.ts'
import { LOAD_CORE, type Origin, type RunningServer } from '../servers.ts'
import { complaint, runWrk } from '../wrk.ts'
import { runH2load } from './h2load.ts'
import { lookSecurely } from './look.ts'
import type { SecureName } from './servers.ts'

const BODY_BYTES = 1024
const path = pathOf({ kind: 'hit', bodyBytes: BODY_BYTES })

const H1_CONNECTIONS = 64
const H2_CONNECTIONS = 32
const H2_STREAMS = 16
/** A multiple of all streams of all connections. */
const H2_TRIAL_REQUESTS = 10_240

export interface HitBench {
  readonly servers: Readonly<Record<SecureName, RunningServer>>
  readonly origin: Origin
  /** The certificate of the servers, PEM. */
  readonly ca: string
}

export const hitCases = [
  { name: 'https-hit-1k', title: 'HTTPS hit 1 KB, 64 connections', protocol: 'h1', target: { mostRatio: 1 } },
  {
    name: 'h2-hit-1k',
    title: 'HTTP/2 hit 1 KB, 32 connections, 16 streams',
    protocol: 'h2',
    target: { mostRatio: 1.5 },
  },
] as const

export function hitContests(bench: HitBench, names: readonly string[]): Contest<SecureName>[] {
  return hitCases
    .filter(({ name }) => names.includes(name))
    .map(({ name, title, protocol, target }) => ({
      name,
      title,
      target,
      contestants: ['shellac', 'nginx'] as const,
      measure: (who, seconds) => measureHits(bench, who, protocol, seconds),
    }))
}

interface Load {
  readonly requests: number
  readonly perSec: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** What makes it worthless. */
  readonly wrong: string | undefined
}

async function measureHits(
  { servers, origin, ca }: HitBench,
  who: SecureName,
  protocol: 'h1' | 'h2',
  seconds: number,
): Promise<ContestSample> {
  const server = servers[who]
  await checkHit(server, protocol, ca)
  const url = `https://127.0.0.1:${server.port}${path}`
  const requests = protocol === 'h1' ? 0 : await requestsOf(url, seconds)
  const fetchedBefore = await origin.requests()
  const before = cpuMicros(server.pid)
  const load = await (protocol === 'h1' ? loadByWrk(url, seconds) : loadByH2load(url, requests))
  const cpu = cpuMicros(server.pid) - before
  const fetched = (await origin.requests()) - fetchedBefore
  const wrong = load.wrong ?? (fetched > 0 ? `the origin saw ${fetched} requests during hits` : undefined)
  if (wrong !== undefined) throw new InvalidRun(wrong)
  await checkHit(server, protocol, ca)
  const { perSec, p50Ms, p99Ms } = load
  return { perSec, cpuMicros: cpu / load.requests, p50Ms, p99Ms, rssBytes: rssBytes(server.pid) }
}

/** The first of two requests may fill the cache; the second has the whole body. */
async function checkHit(server: RunningServer, protocol: 'h1' | 'h2', ca: string): Promise<void> {
  await lookSecurely(server.port, path, protocol, ca)
  const { status, bodyBytes, isIntact } = await lookSecurely(server.port, path, protocol, ca)
  if (status === 200 && bodyBytes === BODY_BYTES && isIntact) return
  throw new InvalidRun(`status ${status}, ${bodyBytes} bytes of body${isIntact ? '' : ', not those of the origin'}`)
}

async function loadByWrk(url: string, seconds: number): Promise<Load> {
  const report = await runWrk(url, LOAD_CORE, H1_CONNECTIONS, seconds)
  const { requests, requestsPerSec, p50Ms, p99Ms } = report
  return { requests, perSec: requestsPerSec, p50Ms, p99Ms, wrong: complaint(report) }
}

/** How many requests h2load has to be told to be busy for so long. */
async function requestsOf(url: string, seconds: number): Promise<number> {
  const { requestsPerSec } = await runH2load(url, LOAD_CORE, H2_CONNECTIONS, H2_STREAMS, H2_TRIAL_REQUESTS)
  return Math.max(H2_TRIAL_REQUESTS, Math.round(requestsPerSec * seconds))
}

async function loadByH2load(url: string, asked: number): Promise<Load> {
  const report = await runH2load(url, LOAD_CORE, H2_CONNECTIONS, H2_STREAMS, asked)
  const { requests, requestsPerSec, failed, dataBytes } = report
  const missing = requests < asked ? `${asked - requests} of ${asked} requests were not answered` : undefined
  const short = dataBytes < requests * BODY_BYTES ? `${dataBytes} bytes for ${requests} bodies` : undefined
  const wrong = failed > 0 ? `${failed} requests failed` : (missing ?? short)
  return { requests, perSec: requestsPerSec, p50Ms: Number.NaN, p99Ms: Number.NaN, wrong }
}
