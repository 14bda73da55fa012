/**
 * `node bench/soak/memcached.ts`: clients of the memcached proxy, every reply of which is checked, while its servers are killed,
 * stopped, ended and emptied. Ten million operations, classic and meta mixed, gets, multi-gets and sets.
 *
 * What must hold: no reply is wrong, whatever happens to the servers, and no client loses its connection; a request fails with
 * one of the texts for a dead server or not at all; and when the servers are left alone, nothing fails any more and all of them
 * have keys again. Values that are out of date are no fault: a server that was stopped comes back with what it had.
 *
 *     --operations N   instead of ten million
 *     --seed N         the same troubles again
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { type McBenchProgress, runMcBench } from '../../src/mc-bench/bench.ts'
import type { McBenchOptions } from '../../src/mc-bench/options.ts'
import type { McBenchReport } from '../../src/mc-bench/report.ts'
import { freePort, listens } from '../../test/support/ports.ts'
import { memcachedCommand } from '../memcached/servers.ts'
import { readArguments } from '../options.ts'
import { startPinned } from '../process.ts'
import { shellacCommand, untilListening } from '../servers.ts'

const given = readArguments(process.argv.slice(2), ['operations', 'seed'])
const operations = Number(given.operations ?? 10_000_000)
const seed = Number(given.seed ?? Date.now() % 2 ** 31)

const SERVERS = 3
const WORKERS = 2
const CORES = '0,1'
/** Between two troubles, and how long one lasts. */
const REST_MS = [300, 2500] as const
const TROUBLE_MS = [100, 2500] as const
const OUT_MS = 500
const TIMEOUT_MS = 200
/** Of the load when all is well again. */
const CALM_OPERATIONS = 200_000

/** What a request to a dead server may be answered with. */
const rightErrors = [
  'SERVER_ERROR Connection timed out',
  'SERVER_ERROR Connection refused',
  'SERVER_ERROR Connection reset by peer',
  'SERVER_ERROR Broken pipe',
]

let random = seed | 1

/** From `low` to `high`, both included. */
function draw([low, high]: readonly [number, number]): number {
  random ^= random << 13
  random ^= random >>> 17
  random ^= random << 5
  return low + ((random >>> 0) % (high - low + 1))
}

/** A memcached that keeps its port through all it suffers. */
class Server {
  readonly port: number
  #child: ChildProcess | undefined

  constructor(port: number) {
    this.port = port
  }

  /** Until it takes connections; again if the port is not free yet, in which case it ends by itself. */
  async start(): Promise<void> {
    const [command = '', ...args] = memcachedCommand(this.port)
    while (!this.#isRunning() || !(await listens(this.port))) {
      if (!this.#isRunning()) {
        const child = spawn(command, args, { stdio: 'ignore' })
        children.add(child)
        child.once('exit', () => children.delete(child))
        this.#child = child
      }
      await sleep(20)
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** SIGKILL or SIGTERM, until it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.signal(signal)
    while (this.#isRunning()) await sleep(5)
  }

  async ask(request: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1')
    socket.end(`${request}quit\r\n`)
    return text(socket)
  }

  #isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }
}

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

type Trouble = (server: Server) => Promise<void>

const troubles: Readonly<Record<string, Trouble>> = {
  async killed(server) {
    await server.end('SIGKILL')
    await sleep(draw(TROUBLE_MS))
    await server.start()
  },
  async stopped(server) {
    server.signal('SIGSTOP')
    await sleep(draw(TROUBLE_MS))
    server.signal('SIGCONT')
  },
  async ended(server) {
    await server.end('SIGTERM')
    await sleep(draw(TROUBLE_MS))
    await server.start()
  },
  async blinked(server) {
    await server.end('SIGKILL')
    await server.start()
  },
  async emptied(server) {
    await server.ask('flush_all\r\n')
  },
}

/** Until `isOver`; counts what it did. Two servers may be in trouble at a time. */
async function makeTrouble(servers: readonly Server[], isOver: () => boolean): Promise<Record<string, number>> {
  const counts: Record<string, number> = Object.fromEntries(Object.keys(troubles).map((name) => [name, 0]))
  const names = Object.keys(troubles)
  const busy = new Map<Server, Promise<void>>()
  while (!isOver()) {
    await sleep(draw(REST_MS))
    const server = servers[draw([0, servers.length - 1])]!
    if (busy.has(server) || busy.size >= 2) continue
    const name = names[draw([0, names.length - 1])]!
    counts[name] = (counts[name] ?? 0) + 1
    busy.set(
      server,
      troubles[name]!(server).finally(() => busy.delete(server)),
    )
  }
  await Promise.all(busy.values())
  return counts
}

function loadOptions(port: number, protocol: McBenchOptions['protocol'], count: number): McBenchOptions {
  return {
    target: { host: '127.0.0.1', port },
    protocol,
    connections: 40,
    pipeline: 8,
    keys: 20_000,
    keyPrefix: `${protocol}:`,
    valueBytes: [0, 4096],
    mix: { get: 6, multi: 1, set: 3 },
    multiKeys: 12,
    operations: count,
    durationMs: Number.POSITIVE_INFINITY,
    preload: true,
    stallMs: 20_000,
  }
}

function faultsOf(report: McBenchReport): string[] {
  const strange = Object.keys(report.errorTexts).filter((line) => !rightErrors.includes(line))
  return [
    ...report.wrongs.map(({ what, got }) => `wrong reply: ${what}: ${got}`),
    ...(report.lost + report.broken > 0 ? [`${report.lost} requests and ${report.broken} connections lost`] : []),
    ...strange.map((line) => `an error that is none of a dead server: ${line}`),
    ...(report.stalled ? ['nothing was answered any more'] : []),
  ]
}

async function bothLoads(port: number, each: number, onProgress: (line: string) => void): Promise<McBenchReport[]> {
  const show = (protocol: string) => (progress: McBenchProgress) => {
    if (Math.round(progress.seconds) % 10 !== 0) return
    const { operations: done, perSec, errors, wrong } = progress
    onProgress(`${protocol}: ${done.toLocaleString('en')}, ${Math.round(perSec)}/s, ${errors} errors, ${wrong} wrong`)
  }
  return Promise.all(
    (['classic', 'meta'] as const).map((protocol) =>
      runMcBench(loadOptions(port, protocol, each), { onProgress: show(protocol) }),
    ),
  )
}

const folder = mkdtempSync(join(tmpdir(), 'shellac-soak-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const servers = await Promise.all(Array.from({ length: SERVERS }, async () => new Server(await freePort())))
for (const server of servers) await server.start()
const port = await freePort()
const config = join(folder, 'shellac.conf')
writeFileSync(
  config,
  `shellac 1;
process { workers ${WORKERS}; }
memcached soak {
${servers.map((server, i) => `    server s${i} 127.0.0.1:${server.port};`).join('\n')}
    timeout ${TIMEOUT_MS}ms;
    eject after 2 for ${OUT_MS}ms;
}
memcached-proxy soak { listen 127.0.0.1:${port}; pool soak; }
`,
)
const proxy = await untilListening('shellac', port, startPinned(CORES, shellacCommand(config)))
const say = (line: string) => console.error(line)
say(`seed ${seed}, ${operations.toLocaleString('en')} operations`)

let isOver = false
const trouble = makeTrouble(servers, () => isOver)
const reports = await bothLoads(port, Math.ceil(operations / 2), say)
isOver = true
const counts = await trouble
// Every server is well; the last ejection ends and the probe takes its server back.
await sleep(4 * OUT_MS)
const getsBefore = await Promise.all(servers.map(getsOf))
const calm = await bothLoads(port, CALM_OPERATIONS / 2, () => {})
const gets = (await Promise.all(servers.map(getsOf))).map((now, i) => now - getsBefore[i]!)

const all = [...reports, ...calm]
const sum = (of: (report: McBenchReport) => number, over = all) => over.reduce((total, one) => total + of(one), 0)
const faults = [
  ...all.flatMap(faultsOf),
  ...(sum((one) => one.errors, calm) > 0 ? [`errors when all was well: ${JSON.stringify(calm[0]?.errorTexts)}`] : []),
  ...gets.flatMap((count, i) => (count === 0 ? [`server s${i} has no keys when all is well`] : [])),
  ...(proxy.isRunning() ? [] : [`the proxy ended: ${proxy.output()}`]),
]
console.log(`operations: ${sum((one) => one.operations).toLocaleString('en')} in ${reports[0]!.seconds.toFixed(0)} s`)
console.log(
  `troubles: ${Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')}`,
)
console.log(
  `keys: ${sum((one) => one.hits).toLocaleString('en')} found, ${sum((one) => one.misses).toLocaleString('en')} not`,
)
console.log(`out of date: ${sum((one) => one.stale).toLocaleString('en')}`)
console.log(`errors answered: ${sum((one) => one.errors).toLocaleString('en')}`)
for (const [line, count] of Object.entries(errorTexts())) console.log(`    ${count} x ${line}`)
console.log(`gets of each server at the end: ${gets.join(', ')}`)
console.log(`wrong replies: ${sum((one) => one.wrong)}, lost connections: ${sum((one) => one.broken)}`)
for (const fault of faults) console.log(`FAULT ${fault}`)
await proxy.stop()
process.exit(faults.length > 0 ? 1 : 0)

async function getsOf(server: Server): Promise<number> {
  return Number(/^STAT cmd_get (\d+)\r$/m.exec(await server.ask('stats\r\n'))?.[1])
}

function errorTexts(): Record<string, number> {
  const texts: Record<string, number> = {}
  for (const { errorTexts: found } of all) {
    for (const [line, count] of Object.entries(found)) texts[line] = (texts[line] ?? 0) + count
  }
  return texts
}
