/** Whatever a session server does to its connections, every operation is told once, and never another's answer. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { SessionClient, type SessionRequest } from '../../src/distcache/client.ts'
import { Operation } from '../../src/distcache/message.ts'
import type { Outcome } from '../../src/distcache/outcome.ts'
import { behaviours, ErraticSessions } from '../support/erratic-sessions.ts'
import { sized } from '../support/soak.ts'
import { tempDir } from '../support/temp.ts'
import { waitFor } from '../support/wait.ts'

class Asked implements SessionRequest {
  readonly id: Buffer
  readonly outcomes: Outcome[] = []
  isOther = false

  constructor(id: Buffer) {
    this.id = id
  }

  onDone(outcome: Outcome, bytes: Buffer, start: number, end: number): void {
    this.outcomes.push(outcome)
    if (outcome === 'ok' && this.id.compare(bytes, start, end) !== 0) this.isOther = true
  }
}

/** So many operations in one turn, and then a wait of so many milliseconds. */
const bursts = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.nat({ max: 8 })), { minLength: 1, maxLength: 8 })

test('every operation is told once, and its own answer', async () => {
  const told = new Map<Outcome, number>()
  await fc.assert(
    fc.asyncProperty(behaviours, bursts, async (drawn, all) => {
      const inOrder = drawn.map((behaviour) => ({ ...behaviour, held: 1 }))
      const erratic = new ErraticSessions(join(tempDir(), 'server'), inOrder)
      await erratic.server.start()
      const { address } = erratic.server
      const client = new SessionClient({ connect: address, timeoutMs: 15, silenceMs: 30, retryMs: 1, mostRetryMs: 4 })
      const asked: Asked[] = []
      for (const [count, waitMs] of all) {
        for (let i = 0; i < count; i++) {
          const request = new Asked(Buffer.from(`the session ${asked.length}`.padEnd(i % 3 === 0 ? 3000 : 20)))
          if (client.begin(request, Operation.get, request.id)) asked.push(request)
        }
        await new Promise((resolve) => setTimeout(resolve, waitMs))
      }
      await waitFor('all to be told', () => asked.every(({ outcomes }) => outcomes.length > 0))
      client.close()
      await erratic.server.stop()
      for (const { outcomes, isOther } of asked) {
        assert.equal(outcomes.length, 1)
        assert.equal(isOther, false)
        told.set(outcomes[0]!, (told.get(outcomes[0]!) ?? 0) + 1)
      }
    }),
    { numRuns: sized(40, 1000) },
  )
  for (const outcome of ['ok', 'lost', 'bad-response', 'timed-out'] as const)
    assert.ok((told.get(outcome) ?? 0) > 0, outcome)
})
