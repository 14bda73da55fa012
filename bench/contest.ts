/**
 * Contests: one kind of work, done by two programs in turns, in the same run. What the first needs of CPU time is divided by
 * what the second needs; a contest may also have a single contestant, and ask for a rate.
 */
import { median } from './report.ts'

export interface ContestSample {
  /** Operations per second. */
  readonly perSec: number
  /** User and system time of the program for each of them, microseconds. */
  readonly cpuMicros: number
  /** NaN where the load does not tell. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly rssBytes: number
}

/** What is asked of the first contestant: of the CPU time at most this part of the second's, or at least this many a second. */
export interface Target {
  readonly mostRatio?: number
  readonly leastPerSec?: number
}

export interface Contest<Name extends string> {
  readonly name: string
  readonly title: string
  readonly target: Target
  /** The one that is judged first; then whom it is measured against, if anybody. */
  readonly contestants: readonly Name[]
  /** Rejects when something else happened than the contest says. */
  measure(name: Name, seconds: number): Promise<ContestSample>
}

export interface ContestRow<Name extends string> extends Pick<Contest<Name>, 'name' | 'title' | 'target'> {
  /** CPU time of the first contestant, as a part of the second's; NaN where there is none, and of an invalid contest. */
  readonly ratio: number
  readonly isMet: boolean
  readonly figures: Readonly<Partial<Record<Name, ContestSample>>>
  readonly invalid: string | undefined
}

/** What is compiled meanwhile is compiled on the same core. */
const WARM_UP_SECONDS = 3

interface Result<Name extends string> {
  readonly contest: Contest<Name>
  readonly samples: Map<Name, ContestSample[]>
  invalid: string | undefined
}

/** All contests, round after round; the figures are medians over the rounds. Says on stderr how far it is. */
export async function runContests<Name extends string>(
  contests: readonly Contest<Name>[],
  rounds: number,
  seconds: number,
): Promise<ContestRow<Name>[]> {
  const results = contests.map((contest): Result<Name> => ({ contest, samples: new Map(), invalid: undefined }))
  // Round 0 compiles code and fills what is to be found, and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const result of results) {
      const { contestants } = result.contest
      // Who comes first changes, so that neither always meets what the other left behind.
      const order = round % 2 === 0 ? contestants : contestants.toReversed()
      for (const name of order) await sampleOnce(result, name, round, seconds)
    }
    if (round > 0) console.error(`round ${round} of ${rounds} done`)
  }
  return results.map(rowOf)
}

async function sampleOnce<Name extends string>(
  result: Result<Name>,
  name: Name,
  round: number,
  seconds: number,
): Promise<void> {
  if (result.invalid !== undefined) return
  try {
    const sample = await result.contest.measure(name, round === 0 ? WARM_UP_SECONDS : seconds)
    if (round > 0) result.samples.set(name, [...(result.samples.get(name) ?? []), sample])
  } catch (error) {
    // Of whatever kind: a program that has ended does not spoil the contests of the others.
    result.invalid = `${name}: ${(error as Error).message}`
    console.error(`INVALID ${result.contest.name} ${result.invalid}`)
  }
}

function rowOf<Name extends string>({ contest, samples, invalid }: Result<Name>): ContestRow<Name> {
  const { name, title, target, contestants } = contest
  const sampled = contestants.filter((who) => samples.has(who))
  const figures = Object.fromEntries(sampled.map((who) => [who, medians(samples.get(who) ?? [])]))
  const typed = figures as ContestRow<Name>['figures']
  const [first, second] = contestants.map((who) => (invalid === undefined ? typed[who] : undefined))
  const ratio = (first?.cpuMicros ?? Number.NaN) / (second?.cpuMicros ?? Number.NaN)
  return { name, title, target, ratio, isMet: isMet(target, ratio, first), figures: typed, invalid }
}

/** A contest without figures has met nothing. */
function isMet({ mostRatio, leastPerSec }: Target, ratio: number, first: ContestSample | undefined): boolean {
  if (first === undefined) return false
  return (mostRatio === undefined || ratio <= mostRatio) && (leastPerSec === undefined || first.perSec >= leastPerSec)
}

function medians(samples: readonly ContestSample[]): ContestSample {
  const of = (pick: (sample: ContestSample) => number) => median(samples.map(pick))
  return {
    perSec: of((s) => s.perSec),
    cpuMicros: of((s) => s.cpuMicros),
    p50Ms: of((s) => s.p50Ms),
    p99Ms: of((s) => s.p99Ms),
    rssBytes: of((s) => s.rssBytes),
  }
}

/** For a terminal. */
export function contestText<Name extends string>({ title, target, ratio, isMet, figures }: ContestRow<Name>): string {
  const lines = [`${title}: ${verdict(target, ratio, isMet)}`]
  for (const [who, sample] of Object.entries(figures) as [Name, ContestSample][]) {
    lines.push(`    ${who.padEnd(10)} ${sampleText(sample)}`)
  }
  return lines.join('\n')
}

function verdict({ mostRatio, leastPerSec }: Target, ratio: number, isMet: boolean): string {
  const word = isMet ? 'met' : 'MISSED'
  if (leastPerSec !== undefined) return `at least ${leastPerSec.toLocaleString('en')}/s: ${word}`
  const part = `${ratio.toFixed(2)} of the peer's CPU time`
  return mostRatio === undefined ? part : `${part}, at most ${mostRatio}: ${word}`
}

function sampleText({ perSec, cpuMicros, p50Ms, p99Ms, rssBytes }: ContestSample): string {
  const rate = Math.round(perSec).toLocaleString('en')
  const latency = Number.isNaN(p50Ms) ? '' : `  p50 ${p50Ms.toFixed(2)} ms  p99 ${p99Ms.toFixed(2)} ms`
  return `${cpuMicros.toFixed(2).padStart(7)} µs  ${rate.padStart(9)}/s${latency}  ${Math.round(rssBytes / 1e6)} MB`
}

/** A Markdown table, for the README: what the first contestant costs, what its peer does, and the ratio. */
export function contestTable<Name extends string>(rows: readonly ContestRow<Name>[]): string {
  const lines = rows.map(({ title, figures, ratio }) => {
    const [first, second] = Object.entries(figures) as [Name, ContestSample][]
    const peer = second === undefined ? '' : `${micros(second[1])} (${second[0]})`
    const part = Number.isNaN(ratio) ? '' : ratio.toFixed(2)
    return `| ${title} | ${first === undefined ? 'invalid' : micros(first[1])} | ${peer} | ${part} |`
  })
  return ['| CPU microseconds per operation | Shellac | peer | ratio |', '| --- | ---: | ---: | ---: |', ...lines].join(
    '\n',
  )
}

function micros({ cpuMicros }: ContestSample): string {
  return cpuMicros < 100 ? cpuMicros.toFixed(1) : cpuMicros.toFixed(0)
}
