/** A run that does not measure what its case says is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Case, pathOf } from '../../../bench/cases.ts'
import { InvalidRun, measure } from '../../../bench/measure.ts'
import type { Origin, RunningServer } from '../../../bench/servers.ts'
import { type FileOrigin, startFileOrigin } from '../../support/file-origin.ts'

const hit: Case = { name: 'hit', title: 'hit', kind: 'hit', bodyBytes: 100, connections: 2 }
const pass: Case = { ...hit, kind: 'pass' }

/** This process stands in for a server that answers with `bodyBytes`. */
async function standIn(one: Case, bodyBytes: number): Promise<{ server: RunningServer; pages: FileOrigin }> {
  const pages = await startFileOrigin({ [pathOf(one)]: { body: 'x'.repeat(bodyBytes) } })
  const server = { port: pages.port, pid: process.pid, output: () => '', isRunning: () => true, stop: async () => {} }
  return { server, pages }
}

/** An origin that claims so many requests. */
function claiming(server: RunningServer, requests: () => number): Origin {
  return { ...server, requests: async () => requests() }
}

async function refusal(one: Case, bodyBytes: number, fetchesOf: (pages: FileOrigin) => number): Promise<string> {
  const { server, pages } = await standIn(one, bodyBytes)
  const origin = claiming(server, () => fetchesOf(pages))
  const error = await measure(server, origin, one, 1).catch((reason: unknown) => reason)
  assert.ok(error instanceof InvalidRun, `${error}`)
  return error.message
}

test('a wrong length', async () => {
  assert.match(await refusal(hit, 99, () => 0), /99 bytes of body instead of 100/)
})

test('a wrong status', async () => {
  const { server } = await standIn(hit, 100)
  await assert.rejects(
    measure(
      server,
      claiming(server, () => 0),
      { ...hit, bodyBytes: 5 },
      1,
    ),
    /status 404/,
  )
})

test('a hit that reaches the origin, a pass that does not', async () => {
  assert.match(await refusal(hit, 100, (pages) => pages.requests.length), /the origin saw 1 requests for a hit/)
  assert.match(await refusal(pass, 100, () => 0), /the origin saw 0 requests for a pass/)
})

test('a good run has figures', async () => {
  const { server } = await standIn(hit, 100)
  const sample = await measure(
    server,
    claiming(server, () => 7),
    hit,
    1,
  )
  for (const figure of Object.values(sample)) assert.ok(figure > 0)
})

test('hits that begin to miss while under load', async () => {
  // Two pages are the check before the load; from then on each one reaches the origin.
  const claim = (pages: FileOrigin) => Math.max(0, pages.requests.length - 2)
  assert.match(await refusal(hit, 100, claim), /the origin saw [0-9]+ requests during a run of hits/)
})

test('what the load before still had on its way to the origin is waited for', async () => {
  const { server, pages } = await standIn(hit, 100)
  let late = 3
  const origin = claiming(server, () => {
    if (late > 0) {
      assert.equal(pages.requests.length, 0, 'the case begins when the origin is quiet')
      late--
    }
    return 3 - late
  })
  assert.ok((await measure(server, origin, hit, 1)).requestsPerSec > 0)
})
