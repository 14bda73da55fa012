/** The items of a pool with `auth`: which server is asked, and how the calls look in the binary protocol. */
import { ItemOutcome, type ItemSink, type ItemStore, type ItemWriteOptions } from './item-store.ts'
import { type BinaryCall, type BinaryReply, Opcode, type SaslServer, Status } from './sasl-server.ts'

const NOTHING = Buffer.alloc(0)
/** Flags and expiry. */
const WRITE_EXTRAS_BYTES = 8
const TOUCH_EXTRAS_BYTES = 4
/** Two 64-bit numbers and the expiry. */
const COUNT_EXTRAS_BYTES = 20

const outcomes: Readonly<Record<number, number>> = {
  [Status.ok]: ItemOutcome.done,
  [Status.notFound]: ItemOutcome.absent,
  [Status.exists]: ItemOutcome.conflict,
  [Status.notStored]: ItemOutcome.conflict,
}

export class SaslItems implements ItemStore {
  readonly #servers: readonly SaslServer[]
  readonly #ownerOf: (key: string) => number

  /** `ownerOf`: number of the live server that owns a key, or -1. */
  constructor(servers: readonly SaslServer[], ownerOf: (key: string) => number) {
    this.#servers = servers
    this.#ownerOf = ownerOf
  }

  get(key: string, sink: ItemSink): boolean {
    return this.#call(key, Opcode.get, NOTHING, NOTHING, undefined, new ItemCall(sink, true))
  }

  write(key: string, value: Buffer, { ttlSec, mode, cas }: ItemWriteOptions, sink: ItemSink): boolean {
    const extras = Buffer.alloc(WRITE_EXTRAS_BYTES)
    extras.writeUInt32BE(ttlSec >>> 0, WRITE_EXTRAS_BYTES - 4)
    return this.#call(key, mode === 'add' ? Opcode.add : Opcode.set, extras, value, cas, new ItemCall(sink, false))
  }

  touch(key: string, ttlSec: number, sink: ItemSink): boolean {
    const extras = Buffer.alloc(TOUCH_EXTRAS_BYTES)
    extras.writeUInt32BE(ttlSec >>> 0, 0)
    return this.#call(key, Opcode.touch, extras, NOTHING, undefined, new ItemCall(sink, false))
  }

  remove(key: string, sink: ItemSink): boolean {
    return this.#call(key, Opcode.remove, NOTHING, NOTHING, undefined, new ItemCall(sink, false))
  }

  increment(key: string, by: number, initial: number, ttlSec: number, sink: ItemSink): boolean {
    const extras = Buffer.alloc(COUNT_EXTRAS_BYTES)
    extras.writeBigUInt64BE(BigInt(by), 0)
    extras.writeBigUInt64BE(BigInt(initial), 8)
    extras.writeUInt32BE(ttlSec >>> 0, 16)
    return this.#call(key, Opcode.increment, extras, NOTHING, undefined, new CountCall(sink))
  }

  #call(
    key: string,
    opcode: number,
    extras: Buffer,
    value: Buffer,
    cas: string | undefined,
    call: BinaryCall,
  ): boolean {
    const server = this.#servers[this.#ownerOf(key)]
    return server?.send({ opcode, key, extras, value, cas }, call) ?? false
  }
}

class ItemCall implements BinaryCall {
  readonly #sink: ItemSink
  readonly #hasValue: boolean

  constructor(sink: ItemSink, hasValue: boolean) {
    this.#sink = sink
    this.#hasValue = hasValue
  }

  onBinaryReply({ status, value, cas }: BinaryReply): void {
    const isValue = this.#hasValue && status === Status.ok
    this.#sink.onItem(outcomes[status] ?? ItemOutcome.failed, isValue ? Buffer.from(value) : NOTHING, cas)
  }

  onFailure(): void {
    this.#sink.onItem(ItemOutcome.failed, NOTHING, '')
  }
}

class CountCall implements BinaryCall {
  readonly #sink: ItemSink

  constructor(sink: ItemSink) {
    this.#sink = sink
  }

  onBinaryReply({ status, value, cas }: BinaryReply): void {
    const isNumber = status === Status.ok && value.length === 8
    const text = isNumber ? Buffer.from(`${value.readBigUInt64BE(0)}`) : NOTHING
    this.#sink.onItem(
      isNumber ? ItemOutcome.done : (outcomes[status || Status.internal] ?? ItemOutcome.failed),
      text,
      cas,
    )
  }

  onFailure(): void {
    this.#sink.onItem(ItemOutcome.failed, NOTHING, '')
  }
}
