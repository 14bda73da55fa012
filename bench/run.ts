/** `npm run bench`: all servers, all cases, in turns; then medians, ratios, a JSON file and a chart. */
import { mkdirSync, writeFileSync } from 'node:fs'
import type { Case } from './cases.ts'
import { type ChartGroup, drawChart } from './chart.ts'
import { machineFacts } from './machine.ts'
import { InvalidRun, measure, type Sample } from './measure.ts'
import { parseOptions } from './options.ts'
import { medians, printTable, type Row } from './report.ts'
import { type RunningServer, type ServerName, servers, startOrigin, startServer } from './servers.ts'

const options = parseOptions(process.argv.slice(2))
const running = new Map<ServerName, RunningServer>()
/** Samples by case and server; a reason instead where a run was invalid. */
const samples = new Map<string, Sample[]>()
const invalid = new Map<string, string>()
const keyOf = (one: Case, name: ServerName) => `${one.name} ${name}`

const origin = await startOrigin()
try {
  for (const name of options.servers) running.set(name, await startServer(name, { origin: origin.port }))
  await warmUp()
  for (let round = 1; round <= options.rounds; round++) {
    for (const one of options.cases) {
      for (const [name, server] of running) await sampleOnce(one, name, server)
    }
    console.error(`round ${round} of ${options.rounds} done`)
  }
} finally {
  for (const server of running.values()) await server.stop()
  await origin.stop()
}

const rows = options.cases.map((one): Row => {
  const figures = options.servers.map((name) => [name, figureOf(one, name)] as const)
  return { case: one, figures: Object.fromEntries(figures) }
})
console.log(printTable(rows))
save(rows)
for (const [key, reason] of invalid) console.error(`INVALID ${key}: ${reason}`)
process.exit(invalid.size > 0 ? 1 : 0)

/** Code gets compiled and pools get filled before anything counts. */
async function warmUp(): Promise<void> {
  for (const one of options.cases)
    for (const server of running.values()) await measure(server, origin, one, 1).catch(() => {}) // it says so when it counts
}

async function sampleOnce(one: Case, name: ServerName, server: RunningServer): Promise<void> {
  const key = keyOf(one, name)
  if (invalid.has(key)) return
  try {
    const sample = await measure(server, origin, one, options.seconds)
    samples.set(key, [...(samples.get(key) ?? []), sample])
  } catch (error) {
    if (!(error instanceof InvalidRun) && server.isRunning()) throw error
    invalid.set(key, server.isRunning() ? (error as Error).message : `the server ended:\n${server.output()}`)
    console.error(`INVALID ${key}: ${invalid.get(key)}`)
  }
}

function figureOf(one: Case, name: ServerName): Sample | { readonly invalid: string } {
  const reason = invalid.get(keyOf(one, name))
  return reason === undefined ? medians(samples.get(keyOf(one, name)) ?? []) : { invalid: reason }
}

function save(all: readonly Row[]): void {
  const date = new Date().toISOString().slice(0, 10)
  const folder = new URL('./results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  const versions = Object.fromEntries(options.servers.map((name) => [name, servers[name].version()]))
  const { rounds, seconds } = options
  const record = { date, rounds, seconds, machine: machineFacts(), versions, results: all }
  writeFileSync(new URL(`${date}.json`, folder), `${JSON.stringify(record, undefined, 2)}\n`)
  writeFileSync(new URL(`${date}.svg`, folder), drawChart('CPU time per request, one worker', all.map(groupOf)))
  console.error(`written: bench/results/${date}.json and ${date}.svg`)
}

function groupOf({ case: { title }, figures }: Row): ChartGroup {
  const bars = options.servers.map((name) => {
    const figure = figures[name]
    return { name, micros: figure === undefined || 'invalid' in figure ? Number.NaN : figure.cpuMicros }
  })
  return { title, bars }
}
