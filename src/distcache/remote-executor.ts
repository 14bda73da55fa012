/**
 * Answers requests from sessions that are kept elsewhere. Many of one connection are under way at a time, so that an agent in
 * front of hundreds of clients is not served one after the other; their answers leave in the order in which they were asked:
 *
 *     connection   first ──> ... ──> last        each an answer: not there yet, or there
 *                  └ there: it is written, and those behind it that are there too
 *
 * What nobody knows, as the place is out of reach, is answered as NOT OK, code 1: a client takes that for a miss.
 */
import { AddRequest } from './add-request.ts'
import { Code, Operation } from './message.ts'
import { CORRUPT } from './message-decoder.ts'
import { MessageOutput } from './message-output.ts'
import type { OperationCount } from './operation-count.ts'
import { type RemoteSessions, SessionOutcome, type SessionSink } from './remote-sessions.ts'
import type { Executor, ServerConnection } from './server-connection.ts'

/** Of one connection: as many as an agent has under way at most. */
const MAX_UNANSWERED = 512
const NOTHING = Buffer.alloc(0)

export class RemoteExecutor implements Executor {
  readonly output = new MessageOutput()
  readonly lastPayloadBytes = 0
  readonly #sessions: RemoteSessions
  readonly #count: OperationCount
  readonly #add = new AddRequest()
  readonly #queues = new WeakMap<ServerConnection, AnswerQueue>()

  constructor(sessions: RemoteSessions, count: OperationCount) {
    this.#sessions = sessions
    this.#count = count
  }

  beginTurn(): void {}

  isFull(connection: ServerConnection): boolean {
    return connection.unanswered >= MAX_UNANSWERED
  }

  execute(
    connection: ServerConnection,
    uid: number,
    operation: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    const code = operation === Operation.add ? this.#add.read(bytes, start, end) : Code.ok
    if (code === CORRUPT) return false
    this.#count.add()
    const answer = this.#queueOf(connection).push(uid, operation)
    if (code === Code.ok) this.#ask(operation, bytes, start, end, answer)
    else answer.settle(code)
    return true
  }

  #ask(operation: number, bytes: Buffer, start: number, end: number, answer: Answer): void {
    const sessions = this.#sessions
    if (operation === Operation.add) {
      const { idStart, dataStart, dataEnd, timeoutMs } = this.#add
      sessions.add(bytes.subarray(idStart, dataStart), bytes.subarray(dataStart, dataEnd), timeoutMs, answer)
      return
    }
    const id = bytes.subarray(start, end)
    if (operation === Operation.get) sessions.get(id, answer)
    else if (operation === Operation.remove) sessions.remove(id, answer)
    else sessions.have(id, answer)
  }

  #queueOf(connection: ServerConnection): AnswerQueue {
    const queue = this.#queues.get(connection)
    if (queue !== undefined) return queue
    const made = new AnswerQueue(connection, this.output)
    this.#queues.set(connection, made)
    return made
  }
}

/** The answers of one connection that have not been written. */
class AnswerQueue {
  readonly #connection: ServerConnection
  readonly #output: MessageOutput
  #first: Answer | undefined = undefined
  #last: Answer | undefined = undefined
  #isDue = false

  constructor(connection: ServerConnection, output: MessageOutput) {
    this.#connection = connection
    this.#output = output
  }

  push(uid: number, operation: number): Answer {
    const answer = new Answer(this, uid, operation)
    if (this.#last === undefined) this.#first = answer
    else this.#last.next = answer
    this.#last = answer
    this.#connection.expectAnswer()
    return answer
  }

  /** Writes what is there at the end of this turn, when everything that arrived in it has been read. */
  writeLater(): void {
    if (this.#isDue || this.#first?.isThere !== true) return
    this.#isDue = true
    setImmediate(() => this.#write())
  }

  #write(): void {
    this.#isDue = false
    const connection = this.#connection
    for (let answer = this.#first; answer?.isThere === true; answer = this.#first) {
      this.#first = answer.next
      if (this.#first === undefined) this.#last = undefined
      connection.onAnswered()
      if (!connection.isClosed) answer.put(this.#output)
    }
    if (!connection.isClosed) connection.flush()
    connection.goOn()
  }
}

class Answer implements SessionSink {
  readonly #queue: AnswerQueue
  readonly #uid: number
  readonly #operation: number
  /** A value of Code; -1 before the answer is there. */
  #code = -1
  #data: Buffer = NOTHING
  next: Answer | undefined = undefined

  constructor(queue: AnswerQueue, uid: number, operation: number) {
    this.#queue = queue
    this.#uid = uid
    this.#operation = operation
  }

  get isThere(): boolean {
    return this.#code !== -1
  }

  settle(code: number): void {
    this.#code = code
    this.#queue.writeLater()
  }

  onSession(outcome: number, data: Buffer): void {
    this.#data = data
    if (outcome === SessionOutcome.done) this.settle(Code.ok)
    else this.settle(outcome === SessionOutcome.present ? Code.addPresent : Code.absent)
  }

  put(output: MessageOutput): void {
    const data = this.#data
    if (data.length === 0) output.code(this.#uid, this.#operation, this.#code)
    else output.message(true, this.#uid, this.#operation, data, 0, data.length)
    data.fill(0)
  }
}
