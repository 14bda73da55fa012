/** Answers requests at once, from the sessions in this process. */
import { AddRequest } from './add-request.ts'
import { Code, Operation } from './message.ts'
import { CORRUPT } from './message-decoder.ts'
import { MessageOutput } from './message-output.ts'
import type { OperationCount } from './operation-count.ts'
import type { Executor, ServerConnection } from './server-connection.ts'
import { ABSENT, type SessionStore } from './session-store.ts'

export class MemoryExecutor implements Executor {
  readonly output = new MessageOutput()
  lastPayloadBytes = 0
  readonly #store: SessionStore
  readonly #count: OperationCount
  readonly #now: () => number
  readonly #add = new AddRequest()
  #nowMs = 0

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(store: SessionStore, count: OperationCount, now: () => number) {
    this.#store = store
    this.#count = count
    this.#now = now
  }

  beginTurn(): void {
    this.#nowMs = this.#now()
  }

  isFull(): boolean {
    return false
  }

  execute(
    _connection: ServerConnection,
    uid: number,
    operation: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    this.lastPayloadBytes = 0
    switch (operation) {
      case Operation.add: {
        const code = this.#addSession(bytes, start, end)
        if (code === CORRUPT) return false
        this.output.code(uid, operation, code)
        break
      }
      case Operation.get:
        this.#getSession(uid, bytes, start, end)
        break
      case Operation.remove: {
        const isRemoved = this.#store.remove(this.#nowMs, bytes, start, end)
        this.output.code(uid, operation, isRemoved ? Code.ok : Code.absent)
        break
      }
      default: {
        const isThere = this.#store.find(this.#nowMs, bytes, start, end) !== ABSENT
        this.output.code(uid, operation, isThere ? Code.ok : Code.absent)
      }
    }
    this.#count.add()
    return true
  }

  #addSession(bytes: Buffer, start: number, end: number): number {
    const add = this.#add
    const code = add.read(bytes, start, end)
    if (code !== Code.ok) return code
    const isNew = this.#store.add(this.#nowMs, add.timeoutMs, bytes, add.idStart, add.dataStart, add.dataEnd)
    return isNew ? Code.ok : Code.addPresent
  }

  #getSession(uid: number, bytes: Buffer, start: number, end: number): void {
    const slot = this.#store.find(this.#nowMs, bytes, start, end)
    if (slot === ABSENT) {
      this.output.code(uid, Operation.get, Code.absent)
      return
    }
    const length = this.#store.dataBytes(slot)
    this.output.begin(true, uid, Operation.get, length)
    this.#store.read(slot, this.output)
    this.lastPayloadBytes = length
  }
}
