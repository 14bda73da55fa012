/**
 * HTTP hits whose object lies in a memcached server and in no memory of the proxy: Shellac with a cache of that one tier, nginx
 * with memcached_pass. nginx is given the body alone, under the path; Shellac stores its entry itself, from the origin.
 */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { freePort } from '../../test/support/ports.ts'
import { pathOf } from '../cases.ts'
import { look } from '../http.ts'
import { InvalidRun } from '../measure.ts'
import { cpuMicros, rssBytes, startPinned } from '../process.ts'
import {
  fillTemplate,
  LOAD_CORE,
  type Origin,
  type RunningServer,
  SERVER_CORE,
  shellacCommand,
  startOrigin,
  untilListening,
} from '../servers.ts'
import { complaint, runWrk } from '../wrk.ts'

export const httpCase = { name: 'http-hit', title: 'HTTP hit 1 KB from the pool, 64 connections', target: 1.3 }

const BODY_BYTES = 1024
const CONNECTIONS = 64
const path = pathOf({ kind: 'hit', bodyBytes: BODY_BYTES })

type HttpName = 'shellac' | 'nginx'

export interface HttpSample {
  readonly perSec: number
  readonly cpuMicros: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly rssBytes: number
}

export interface HttpBench {
  readonly running: readonly RunningServer[]
  measure(name: HttpName, seconds: number): Promise<HttpSample>
}

export async function startHttpBench(memcachedPort: number): Promise<HttpBench> {
  const origin = await startOrigin()
  await ask(memcachedPort, `set ${path} 0 0 ${BODY_BYTES}\r\n${'nginx   '.repeat(BODY_BYTES / 8)}\r\n`)
  const servers = {
    shellac: await start('shellac', 'memcached-tier.conf', shellacCommand, memcachedPort, origin),
    nginx: await start(
      'nginx',
      'nginx-memcached.conf',
      (config, dir) => ['nginx', '-p', dir, '-e', 'stderr', '-c', config],
      memcachedPort,
      origin,
    ),
  }
  return {
    running: [origin, servers.shellac, servers.nginx],
    measure: (name, seconds) => measureHits(servers[name], origin, memcachedPort, seconds),
  }
}

async function start(
  name: HttpName,
  template: string,
  command: (config: string, dir: string) => string[],
  first: number,
  origin: Origin,
): Promise<RunningServer> {
  const port = await freePort()
  const { config, dir } = fillTemplate(`hit-${name}`, template, { port, first, origin: origin.port, workers: 1 })
  return untilListening(name, port, startPinned(SERVER_CORE, command(config, dir)))
}

async function measureHits(
  server: RunningServer,
  origin: Origin,
  memcachedPort: number,
  seconds: number,
): Promise<HttpSample> {
  await look(server.port, path)
  const { status, bodyBytes } = await look(server.port, path)
  if (status !== 200 || bodyBytes !== BODY_BYTES) throw new InvalidRun(`status ${status}, ${bodyBytes} bytes of body`)
  const [fetchedBefore, getsBefore] = [await origin.requests(), await getsOf(memcachedPort)]
  const before = cpuMicros(server.pid)
  const report = await runWrk(`http://127.0.0.1:${server.port}${path}`, LOAD_CORE, CONNECTIONS, seconds)
  const cpu = cpuMicros(server.pid) - before
  const fetched = (await origin.requests()) - fetchedBefore
  const gets = (await getsOf(memcachedPort)) - getsBefore
  // Every hit has asked the pool; wrk does not count those it cut off.
  const stray = gets < report.requests ? `${gets} gets for ${report.requests} hits` : undefined
  const wrong = complaint(report) ?? (fetched > 0 ? `the origin saw ${fetched} requests during hits` : stray)
  if (wrong !== undefined) throw new InvalidRun(wrong)
  return {
    perSec: report.requestsPerSec,
    cpuMicros: cpu / report.requests,
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
    rssBytes: rssBytes(server.pid),
  }
}

/** How often the memcached server was asked for a key. */
async function getsOf(port: number): Promise<number> {
  const stats = await ask(port, 'stats\r\n')
  return Number(/^STAT cmd_get (\d+)\r$/m.exec(stats)?.[1])
}

function ask(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(`${request}quit\r\n`)
  return text(socket)
}
