import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { TimerEntry, TimerWheel } from '../../../src/net/timer-wheel.ts'

class Probe extends TimerEntry {
  fired = 0
  action: () => void = () => undefined

  override onTimeout(): void {
    this.fired++
    this.action()
  }
}

const TICK_MS = 250

describe('timer wheel', () => {
  it('fires at the deadline rounded up to the tick, once', () => {
    const wheel = new TimerWheel(0, TICK_MS)
    const entry = new Probe()
    wheel.schedule(entry, 1001)
    wheel.advance(1000)
    assert.equal(entry.fired, 0)
    wheel.advance(1249)
    assert.equal(entry.fired, 0)
    wheel.advance(1250)
    wheel.advance(10_000)
    assert.equal(entry.fired, 1)
    assert.equal(entry.isScheduled, false)
    assert.equal(wheel.size, 0)
  })

  it('follows a deadline that moves later, and one that moves earlier', () => {
    const wheel = new TimerWheel(0, TICK_MS)
    const later = new Probe()
    const earlier = new Probe()
    wheel.schedule(later, 1000)
    wheel.schedule(later, 3000)
    wheel.schedule(earlier, 3000)
    wheel.schedule(earlier, 500)
    wheel.advance(2999)
    assert.deepEqual([later.fired, earlier.fired], [0, 1])
    wheel.advance(3000)
    assert.equal(later.fired, 1)
  })

  it('follows a deadline that moves later and then earlier again', () => {
    const wheel = new TimerWheel(0, TICK_MS)
    const entry = new Probe()
    wheel.schedule(entry, 1000)
    wheel.schedule(entry, 9000)
    wheel.schedule(entry, 2000)
    wheel.advance(1999)
    assert.equal(entry.fired, 0)
    wheel.advance(2000)
    assert.equal(entry.fired, 1)
  })

  it('cancels, also what was never scheduled', () => {
    const wheel = new TimerWheel(0, TICK_MS)
    const entries = [new Probe(), new Probe(), new Probe()] as const
    for (const entry of entries) wheel.schedule(entry, 1000)
    wheel.cancel(entries[1])
    wheel.cancel(entries[1])
    wheel.cancel(new Probe())
    assert.equal(wheel.size, 2)
    wheel.advance(5000)
    assert.deepEqual(
      entries.map((entry) => entry.fired),
      [1, 0, 1],
    )
  })

  it('reaches further than its slots', () => {
    const wheel = new TimerWheel(0, TICK_MS)
    const entry = new Probe()
    wheel.schedule(entry, 3_600_000)
    for (let now = 0; now < 3_600_000; now += TICK_MS) wheel.advance(now)
    assert.equal(entry.fired, 0)
    wheel.advance(3_600_000)
    assert.equal(entry.fired, 1)
  })

  it('catches up after a pause of any length', () => {
    const wheel = new TimerWheel(0, TICK_MS)
    const entries = Array.from({ length: 2000 }, () => new Probe())
    for (const [i, entry] of entries.entries()) wheel.schedule(entry, i * 1000)
    wheel.advance(1_999_999)
    assert.ok(entries.every((entry) => entry.fired === 1))
  })

  it('hangs entries anew by the time after the pause', () => {
    const wheel = new TimerWheel(0, TICK_MS)
    const entries = Array.from({ length: 600 }, () => new Probe())
    for (const [i, entry] of entries.entries()) {
      wheel.schedule(entry, i * TICK_MS)
      wheel.schedule(entry, 500_500)
    }
    wheel.advance(500_000)
    assert.ok(entries.every((entry) => entry.fired === 0))
    wheel.advance(500_500)
    assert.ok(entries.every((entry) => entry.fired === 1))
  })

  it('loses no entry to the exception of another', () => {
    const errors: unknown[] = []
    const wheel = new TimerWheel(0, TICK_MS, (error) => errors.push(error))
    const entries = [new Probe(), new Probe(), new Probe()] as const
    for (const entry of entries) wheel.schedule(entry, 1000)
    const failure = new Error('from a timeout')
    entries[1].action = () => {
      throw failure
    }
    wheel.advance(1000)
    assert.deepEqual(
      entries.map((entry) => entry.fired),
      [1, 1, 1],
    )
    assert.deepEqual(errors, [failure])
  })

  it('lets a timeout schedule itself and cancel its neighbours', () => {
    const wheel = new TimerWheel(0, TICK_MS)
    const again = new Probe()
    const victims = [new Probe(), new Probe()] as const
    wheel.schedule(victims[0], 1000)
    wheel.schedule(again, 1000)
    wheel.schedule(victims[1], 1000)
    again.action = () => {
      wheel.schedule(again, 0)
      for (const victim of victims) wheel.cancel(victim)
    }
    wheel.advance(1000)
    assert.equal(again.fired, 1)
    assert.ok(victims[0].fired + victims[1].fired <= 1)
    wheel.advance(1250)
    assert.equal(again.fired, 2)
    assert.equal(wheel.size, 1)
  })

  it('does what a list of deadlines does', () => {
    const operation = fc.oneof(
      fc.record({
        kind: fc.constant('schedule' as const),
        entry: fc.nat(4),
        inMs: fc.integer({ min: -500, max: 200_000 }),
      }),
      fc.record({ kind: fc.constant('cancel' as const), entry: fc.nat(4) }),
      fc.record({ kind: fc.constant('advance' as const), byMs: fc.nat(300_000) }),
    )
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        let now = 12_345
        const wheel = new TimerWheel(now, TICK_MS)
        const entries = Array.from({ length: 5 }, () => new Probe())
        const deadlines: (number | undefined)[] = entries.map(() => undefined)
        for (const step of operations) {
          if (step.kind === 'advance') {
            now += step.byMs
            const before = entries.map((entry) => entry.fired)
            wheel.advance(now)
            for (const [i, entry] of entries.entries()) {
              const deadline = deadlines[i]
              const hasFired = entry.fired > before[i]!
              if (hasFired) assert.ok(deadline !== undefined && deadline <= now)
              else assert.ok(deadline === undefined || deadline > now - TICK_MS)
              if (hasFired) deadlines[i] = undefined
            }
          } else if (step.kind === 'cancel') {
            wheel.cancel(entries[step.entry]!)
            deadlines[step.entry] = undefined
          } else {
            deadlines[step.entry] = Math.max(now, now + step.inMs)
            wheel.schedule(entries[step.entry]!, now + step.inMs)
          }
          assert.equal(wheel.size, deadlines.filter((deadline) => deadline !== undefined).length)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
