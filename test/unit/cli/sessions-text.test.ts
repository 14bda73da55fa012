import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sessionsTables } from '../../../src/cli/sessions-text.ts'
import type { TlsSessionsStatus } from '../../../src/daemon/tls-sessions.ts'
import { createSessionTally, SessionTally, sumSessions } from '../../../src/tls/sessions/session-tally.ts'

function statusOf(changes: Partial<TlsSessionsStatus> = {}): TlsSessionsStatus {
  const shared = createSessionTally(2)
  const [first, second] = [new SessionTally(shared, 0), new SessionTally(shared, 1)]
  for (const tally of [first, second]) {
    tally.add('full')
    tally.add('resumed')
    tally.add('found')
    tally.addLatency(0.5)
  }
  second.add('resumed')
  second.add('late')
  const counts = sumSessions(shared)
  return {
    name: 'edge-tls',
    mode: 'both',
    listeners: ['public', 'inner'],
    resumedRatio: 0.6,
    ...counts,
    tickets: {
      pool: 'edge',
      reach: 'shared',
      seenMs: 5,
      failures: 0,
      isLone: false,
      nextChange: null,
      keys: [{ id: '0123456789abcdef', state: 'issues', from: '2026-11-29T15:00:00.000Z' }],
    },
    ...changes,
  }
}

test('nothing is shown where nobody speaks TLS', () => {
  assert.deepEqual(sessionsTables([]), [])
})

test('handshakes, look-ups and keys are shown', () => {
  assert.deepEqual(sessionsTables([statusOf()]), [
    '',
    'tls-sessions  mode  listeners     full  resumed  ratio  ids found/missed/failed  p50 p99',
    'edge-tls      both  public inner     2        3  60.0%  2/0/1                    0.51 0.51 ms',
    '',
    'tls-sessions  ticket key        state   from',
    'edge-tls      0123456789abcdef  issues  2026-11-29T15:00:00.000Z',
  ])
})

test('what keeps keys from being shared is said', () => {
  const tickets = statusOf().tickets!
  const told = (changes: Partial<typeof tickets>) =>
    sessionsTables([statusOf({ name: null, tickets: { ...tickets, ...changes } })]).at(-1)
  assert.equal(
    told({ reach: 'unreachable', isLone: true }),
    'NOT SHARED: pool edge of (of this machine) does not answer; no other machine knows the key that issues',
  )
  assert.equal(
    told({ reach: 'foreign', keys: [] }),
    'NOT SHARED: pool edge of (of this machine) holds what others have sealed',
  )
  assert.match(told({ pool: null, reach: null })!, /issues/)
})
