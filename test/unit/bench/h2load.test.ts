/** h2load's report as numbers, and what of it makes a run worthless. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseH2load } from '../../../bench/tls/h2load.ts'

const GOOD = `starting benchmark...
TLS Protocol: TLSv1.3
Application protocol: h2
Main benchmark duration is over for thread #0. Stopping all clients.

finished in 1.00s, 43544.00 req/s, 49.08MB/s
requests: 43544 total, 43608 started, 43544 done, 43544 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 43544 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 49.08MB (51469204) total, 5.81MB (6096160) headers (space savings 31.71%), 42.52MB (44589056) data
                     min         max         mean         sd        +/- sd
time for request:      143us      7.83ms      1.45ms       571us    76.35%
`

test('requests, rate and bytes of bodies are read', () => {
  assert.deepEqual(parseH2load(GOOD), { requests: 43544, requestsPerSec: 43544, failed: 0, dataBytes: 44_589_056 })
})

test('failed, errored and overdue requests and other answers than 2xx are failures', () => {
  const failing = GOOD.replace(
    '43544 succeeded, 0 failed, 0 errored, 0 timeout',
    '43540 succeeded, 1 failed, 2 errored, 3 timeout',
  )
  assert.equal(parseH2load(failing).failed, 6)
  const refused = parseH2load(GOOD.replace('43544 2xx, 0 3xx, 0 4xx', '43500 2xx, 0 3xx, 44 4xx'))
  assert.equal(refused.failed, 44)
  assert.equal(refused.requests, 43500)
})

test('output without the figures is no report', () => {
  assert.throws(() => parseH2load('starting benchmark...'), /not a report of h2load/)
  assert.throws(() => parseH2load(GOOD.replace('status codes', 'codes')), /not a report/)
})
