/** Contests: turns, medians, and when a target is met. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { type Contest, type ContestSample, contestTable, contestText, runContests } from '../../../bench/contest.ts'
import { InvalidRun } from '../../../bench/measure.ts'

type Name = 'ours' | 'theirs'

const sample = (cpuMicros: number, perSec = 1000): ContestSample => {
  return { perSec, cpuMicros, p50Ms: 1, p99Ms: 2, rssBytes: 3e6 }
}

const contest = (over: Partial<Contest<Name>>): Contest<Name> => ({
  name: 'hit',
  title: 'a hit',
  target: { mostRatio: 0.5 },
  contestants: ['ours', 'theirs'],
  measure: async (name) => sample(name === 'ours' ? 4 : 8),
  ...over,
})

const run = async (contests: readonly Contest<Name>[], rounds: number, seconds: number) => {
  const said = mock.method(console, 'error', () => {})
  try {
    return await runContests(contests, rounds, seconds)
  } finally {
    said.mock.restore()
  }
}

test('contestants take turns, who is first changes, and the first round does not count', async () => {
  const order: string[] = []
  let calls = 0
  const measure = async (name: Name, seconds: number) => {
    order.push(`${name} ${seconds === 7 ? 'counts' : 'warms up'}`)
    return sample(++calls)
  }
  const [row] = await run([contest({ measure })], 2, 7)
  assert.deepEqual(order, [
    'ours warms up',
    'theirs warms up',
    'theirs counts',
    'ours counts',
    'ours counts',
    'theirs counts',
  ])
  // Calls 4 and 5 of ours, 3 and 6 of theirs: the medians of both are 4.5.
  assert.equal(row?.figures.ours?.cpuMicros, 4.5)
  assert.equal(row?.ratio, 1)
  assert.equal(row?.isMet, false)
})

test('a ratio is met up to its bound, a rate from its bound on', async () => {
  const rows = await run(
    [
      contest({}),
      contest({ target: { mostRatio: 0.49 } }),
      contest({ target: { leastPerSec: 1000 }, contestants: ['ours'] }),
      contest({ target: { leastPerSec: 1001 }, contestants: ['ours'] }),
      contest({ target: {} }),
    ],
    1,
    1,
  )
  assert.deepEqual(
    rows.map(({ isMet }) => isMet),
    [true, false, true, false, true],
  )
})

test('a run that measured something else makes its contest invalid, and no other', async () => {
  const measure = async (): Promise<ContestSample> => {
    throw new InvalidRun('3 answers were not 2xx')
  }
  const [bad, good] = await run([contest({ measure, target: {} }), contest({})], 1, 1)
  assert.equal(bad?.invalid, 'ours: 3 answers were not 2xx')
  assert.equal(bad?.isMet, false)
  assert.equal(good?.isMet, true)
})

test('what is printed has the ratio, the target and who did what', async () => {
  const rows = await run([contest({}), contest({ contestants: ['ours'], target: { leastPerSec: 2000 } })], 1, 1)
  const [first, second] = rows
  assert.match(
    contestText(first!),
    /a hit: 0\.50 of the peer's CPU time, at most 0\.5: met\n {4}ours +4\.00 µs +1,000\/s/,
  )
  assert.match(contestText(second!), /at least 2,000\/s: MISSED/)
  assert.match(
    contestTable(rows),
    /\n\| a hit \| 4\.0 \| 8\.0 \(theirs\) \| 0\.50 \|\n\| a hit \| 4\.0 \| {2}\| {2}\|$/,
  )
})
