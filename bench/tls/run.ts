/**
 * `npm run bench:tls`: hits over TLS and HTTP/2 and TLS handshakes beside nginx, and the session server beside memcached, in
 * one run. What is measured runs on core 0, origin and load on core 1.
 *
 *     --quick                    one short round, to see that everything runs
 *     --only h2-hit-1k,dc-full   some cases
 *     --rounds N --seconds N     how carefully
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { type ChartedName, drawChart } from '../chart.ts'
import {
  type Contest,
  type ContestRow,
  type ContestSample,
  contestTable,
  contestText,
  runContests,
} from '../contest.ts'
import { machineFacts } from '../machine.ts'
import { choose, count, readArguments } from '../options.ts'
import { versionOf } from '../process.ts'
import { type RunningServer, shellacVersion, startOrigin } from '../servers.ts'
import { handshakeCases, handshakeContests } from './handshakes.ts'
import { hitCases, hitContests } from './hits.ts'
import { makeCertificate, type SecureName, startSecure } from './servers.ts'
import { type SessionName, sessionCases, startSessionBench } from './sessions.ts'

type Name = SecureName | SessionName

const args = process.argv.slice(2)
const isQuick = args.includes('--quick')
const given = readArguments(
  args.filter((argument) => argument !== '--quick'),
  ['only', 'rounds', 'seconds'],
)
const rounds = count('--rounds', given.rounds, isQuick ? 1 : 5)
const seconds = count('--seconds', given.seconds, isQuick ? 1 : 4)
const all = [...hitCases, ...handshakeCases, ...sessionCases].map(({ name }) => name)
const names = choose('--only', given.only, all)

const running: RunningServer[] = []
let exitCode = 0
try {
  const contests: Contest<Name>[] = [...(await startSecureContests()), ...(await startSessionContests())]
  const rows = await runContests(contests, rounds, seconds)
  for (const row of rows) console.log(`\n${contestText(row)}`)
  console.log(`\n${contestTable(rows)}`)
  if (rows.some(({ isMet }) => !isMet)) exitCode = 1
  save(rows)
} finally {
  for (const server of running.toReversed()) await server.stop()
}
process.exit(exitCode)

async function startSecureContests(): Promise<Contest<SecureName>[]> {
  if (![...hitCases, ...handshakeCases].some(({ name }) => names.includes(name))) return []
  const origin = await startOrigin()
  running.push(origin)
  const certificate = makeCertificate()
  const servers = {
    shellac: await startSecure('shellac', origin, certificate),
    nginx: await startSecure('nginx', origin, certificate),
  }
  running.push(servers.shellac, servers.nginx)
  const bench = { servers, origin, ca: certificate.pem }
  return [...hitContests(bench, names), ...handshakeContests(bench, names)]
}

async function startSessionContests(): Promise<Contest<SessionName>[]> {
  const bench = await startSessionBench(names)
  running.push(...bench.running)
  return bench.contests
}

/** What was found, and on what; of a run that was no more than a try, nothing. */
function save(rows: readonly ContestRow<Name>[]): void {
  if (isQuick) return
  const date = new Date().toISOString().slice(0, 10)
  const folder = new URL('../results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  const versions = {
    shellac: shellacVersion(),
    openssl: process.versions.openssl,
    nginx: versionOf('nginx', '-v'),
    memcached: versionOf('memcached', '-V'),
    h2load: versionOf('h2load', '--version'),
  }
  const record = { date, rounds, seconds, machine: machineFacts(), versions, results: rows }
  writeFileSync(new URL(`tls-${date}.json`, folder), `${JSON.stringify(record, undefined, 2)}\n`)
  const groups = rows.map(({ title, figures }) => ({ title, bars: barsOf(figures) }))
  writeFileSync(new URL(`tls-${date}.svg`, folder), drawChart('CPU time per operation, one worker', groups))
  console.error(`written: bench/results/tls-${date}.json and tls-${date}.svg`)
}

function barsOf(figures: ContestRow<Name>['figures']): { readonly name: ChartedName; readonly micros: number }[] {
  return (Object.entries(figures) as [Name, ContestSample][]).map(([name, { cpuMicros }]) => ({
    name,
    micros: cpuMicros,
  }))
}
