import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { OutBuffer } from '../../../src/memcached/out-buffer.ts'

/** Takes what is written when it is told to, and not before; what it got must not have changed until then. */
class SlowSink extends Writable {
  received = ''
  #take: (() => void) | undefined = undefined
  isSlow = false

  constructor() {
    super({ highWaterMark: 1 })
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.#hold([chunk], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#hold(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  /** The kernel takes what it was given. */
  take(): void {
    this.#take?.()
  }

  get socket(): Socket {
    return this as unknown as Socket
  }

  #hold(chunks: Buffer[], done: () => void): void {
    this.#take = () => {
      this.#take = undefined
      this.received += Buffer.concat(chunks).toString('latin1')
      done()
    }
    if (!this.isSlow) this.#take()
  }
}

type Act =
  | { readonly kind: 'text' | 'bytes' | 'attach'; readonly length: number }
  | { readonly kind: 'flush' | 'slow' | 'take' | 'keep' | 'forget' }

const length = fc.oneof(fc.nat({ max: 100 }), fc.constantFrom(4095, 4096, 16_384, 70_000, 300_000))
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constantFrom('text', 'bytes', 'attach'), length }) as fc.Arbitrary<Act>,
  fc.record({ kind: fc.constantFrom('flush', 'slow', 'take', 'keep', 'forget') }) as fc.Arbitrary<Act>,
)

test('everything is written once and in order, and what is kept does not change', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const out = new OutBuffer()
      const sink = new SlowSink()
      let expected = ''
      let flushed = 0
      let kept: string | undefined
      let stamp = 0
      const isDrained = () => sink.writableLength === 0
      const append = (kind: string, size: number) => {
        const text = String.fromCharCode(97 + (stamp++ % 26)).repeat(size)
        const bytes = Buffer.from(`>>${text}<<`, 'latin1')
        if (kind === 'text') out.text(text)
        else if (kind === 'attach') out.attach(bytes.subarray(2, 2 + size))
        else {
          out.bytes(bytes, 2, 2 + size)
          bytes.fill(0)
        }
        expected += text
      }
      for (const step of acts) {
        if ('length' in step) append(step.kind, step.length)
        else if (step.kind === 'slow') sink.isSlow = true
        else if (step.kind === 'forget') {
          out.forget()
          kept = undefined
        } else if (step.kind === 'keep') {
          // As the connection does: only what is flushed next, and only when nothing is kept.
          if (kept !== undefined || !isDrained()) continue
          if (out.keep()) kept = expected.slice(flushed)
        } else if (step.kind === 'take') {
          sink.take()
          if (isDrained()) out.onDrained()
        } else if (isDrained()) {
          out.flush(sink.socket)
          flushed = expected.length
        }
        assert.equal(out.length, expected.length - flushed)
        if (kept !== undefined) assert.ok(out.kept?.toString('latin1') === kept)
      }
      sink.isSlow = false
      sink.take()
      out.flush(sink.socket)
      assert.ok(sink.received === expected)
    }),
    { numRuns: 500 },
  )
})

test('what waits in one goes behind what waits in another', () => {
  const [one, other] = [new OutBuffer(), new OutBuffer()]
  one.text('a')
  other.text('b')
  other.attach(Buffer.alloc(5000, 'c'))
  other.text('d')
  one.takeOver(other)
  one.text('e')
  const sink = new SlowSink()
  one.flush(sink.socket)
  assert.equal(sink.received, `ab${'c'.repeat(5000)}de`)
})

test('a large value is not copied', () => {
  const out = new OutBuffer()
  const value = Buffer.alloc(5000, 'x')
  out.text('ms a 5000\r\n')
  out.attach(value)
  const sink = new SlowSink()
  sink.isSlow = true
  out.flush(sink.socket)
  value.fill('y')
  sink.take()
  assert.ok(sink.received.endsWith('y'))
})
