/** wrk's report as numbers, and which reports are worthless. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { complaint, parseWrk } from '../../../bench/wrk.ts'

const GOOD = `Running 1s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   668.17us  254.82us   5.77ms   95.61%
    Req/Sec    94.76k     7.00k  102.14k    60.00%
  Latency Distribution
     50%  640.00us
     75%  701.00us
     90%    1.02ms
     99%    1.45s
  94321 requests in 1.00s, 117.47MB read
Requests/sec:  94210.46
Transfer/sec:    117.33MB
`

test('requests, rate and percentiles are read, whatever their unit', () => {
  assert.deepEqual(parseWrk(GOOD), {
    requests: 94321,
    requestsPerSec: 94210.46,
    p50Ms: 0.64,
    p99Ms: 1450,
    non2xx: 0,
    socketErrors: { connect: 0, read: 0, write: 0, timeout: 0 },
  })
  assert.equal(complaint(parseWrk(GOOD)), undefined)
})

test('the blank that wrk puts behind seconds is not in the way', () => {
  assert.equal(parseWrk(GOOD.replace('1.45s', '1.45s ')).p99Ms, 1450)
})

test('errors are read, and make a run worthless', () => {
  const errors = parseWrk(`${GOOD}  Socket errors: connect 1, read 2, write 3, timeout 4\n`)
  assert.match(complaint(errors) ?? '', /connect 1, read 2, write 3, timeout 4/)
  const refused = parseWrk(`${GOOD}  Non-2xx or 3xx responses: 5\n`)
  assert.match(complaint(refused) ?? '', /5 answers/)
  assert.match(complaint({ ...parseWrk(GOOD), requests: 0 }) ?? '', /no request/)
})

test('output without a total is no report', () => {
  assert.throws(() => parseWrk('unable to connect'), /not a report/)
})
