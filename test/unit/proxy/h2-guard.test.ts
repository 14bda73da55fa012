import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { H2Guard } from '../../../src/proxy/h2-guard.ts'

const KIB = 1024
const HEAD_BYTES = 32 * KIB

/** How often `step` holds, up to a million times. */
function countUntilRefused(step: (i: number) => boolean): number {
  for (let i = 0; i < 1_000_000; i++) if (!step(i)) return i
  return Number.POSITIVE_INFINITY
}

describe('the guard of a connection', () => {
  it('bears a burst of resets, and then some each second', () => {
    const guard = new H2Guard(0)
    assert.equal(
      countUntilRefused(() => guard.onReset(0)),
      256,
    )
    const patient = new H2Guard(0)
    assert.equal(
      countUntilRefused((i) => patient.onReset(i * 20)),
      Number.POSITIVE_INFINITY,
    )
    assert.ok(countUntilRefused((i) => patient.onReset(20_000_000 + i * 10)) < 1000)
  })

  it('bears pings and settings at the pace of a client that measures', () => {
    const guard = new H2Guard(0)
    assert.equal(
      countUntilRefused(() => guard.onAnswered(0)),
      512,
    )
    const patient = new H2Guard(0)
    assert.equal(
      countUntilRefused((i) => patient.onAnswered(i * 10)),
      Number.POSITIVE_INFINITY,
    )
  })

  it('bears no bytes for nothing', () => {
    const guard = new H2Guard(0)
    assert.equal(guard.look(200 * KIB, 0, 1000), true)
    assert.equal(guard.look(400 * KIB, 0, 2000), false)
    const patient = new H2Guard(0)
    assert.equal(
      countUntilRefused((i) => patient.look(i * 30 * KIB, 0, i * 1000)),
      Number.POSITIVE_INFINITY,
    )
  })

  it('counts heads, bodies and the answers to what it sends as something', () => {
    const requests = new H2Guard(0)
    for (let i = 0; i < 100; i++) requests.onStream(HEAD_BYTES)
    assert.equal(requests.look(100 * HEAD_BYTES, 0, 1), true)
    const upload = new H2Guard(0)
    for (let i = 0; i < 1000; i++) upload.onData(16 * KIB)
    assert.equal(upload.look(1000 * (16 * KIB + 9), 0, 1), true)
    const tiny = new H2Guard(0)
    for (let i = 0; i < 100_000; i++) tiny.onData(1)
    assert.equal(tiny.look(100_000 * (1 + 9 + 26), 0, 1), true)
    // A download of 1 GiB, a WINDOW_UPDATE for the stream and the session for each frame of 16 KiB.
    const download = new H2Guard(0)
    assert.equal(download.look(65_536 * 26, 1024 ** 3, 1), true)
  })

  it('does not save up what came for something', () => {
    const guard = new H2Guard(0)
    for (let i = 0; i < 1000; i++) guard.onStream(HEAD_BYTES)
    assert.equal(guard.look(0, 0, 1000), true)
    assert.equal(guard.look(300 * KIB, 0, 1001), false)
  })
})
