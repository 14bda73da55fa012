/**
 * Operations of one connection that are sent and unanswered, the oldest first. A ring of flat arrays, so that an operation is no
 * object: a load generator that collects garbage measures itself.
 */
import { type OperationKind, operationKinds } from './options.ts'

export class Outstanding {
  readonly #room: number
  readonly #keysEach: number
  readonly #kinds: Uint8Array
  readonly #sentMs: Float64Array
  readonly #keyCounts: Int32Array
  /** `#keysEach` for each operation: numbers of keys, and the generation last written of each when it was sent. */
  readonly #keys: Int32Array
  readonly #generations: Uint32Array
  #first = 0
  #count = 0
  /** Of the oldest operation: how many were sent before it; also its opaque token in the meta protocol. */
  #sequence = 0

  constructor(room: number, keysEach: number) {
    this.#room = room
    this.#keysEach = keysEach
    this.#kinds = new Uint8Array(room)
    this.#sentMs = new Float64Array(room)
    this.#keyCounts = new Int32Array(room)
    this.#keys = new Int32Array(room * keysEach)
    this.#generations = new Uint32Array(room * keysEach)
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === this.#room
  }

  /** Of the next operation to be pushed. */
  get nextSequence(): number {
    return this.#sequence + this.#count
  }

  /** There must be room. Its keys follow with `addKey`. */
  push(kind: OperationKind, sentMs: number): void {
    const at = (this.#first + this.#count) % this.#room
    this.#kinds[at] = operationKinds.indexOf(kind)
    this.#sentMs[at] = sentMs
    this.#keyCounts[at] = 0
    this.#count++
  }

  /** Of the operation pushed last. */
  addKey(key: number, generation: number): void {
    const at = (this.#first + this.#count - 1) % this.#room
    const slot = at * this.#keysEach + this.#keyCounts[at]!
    this.#keys[slot] = key
    this.#generations[slot] = generation
    this.#keyCounts[at] = this.#keyCounts[at]! + 1
  }

  // Of the oldest operation:

  get kind(): OperationKind {
    return operationKinds[this.#kinds[this.#first]!]!
  }

  get sentMs(): number {
    return this.#sentMs[this.#first]!
  }

  get sequence(): number {
    return this.#sequence
  }

  get keyCount(): number {
    return this.#keyCounts[this.#first]!
  }

  key(index: number): number {
    return this.#keys[this.#first * this.#keysEach + index]!
  }

  generation(index: number): number {
    return this.#generations[this.#first * this.#keysEach + index]!
  }

  shift(): void {
    this.#first = (this.#first + 1) % this.#room
    this.#count--
    this.#sequence++
  }

  clear(): void {
    this.#sequence += this.#count
    this.#count = 0
  }
}
