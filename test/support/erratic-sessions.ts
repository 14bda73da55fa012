/**
 * A session server that answers GET with the id itself, and does to its connections what a test draws at random: answers out
 * of order and in pieces, and after so many answers ends the connection in one of the ways there are.
 */
import fc from 'fast-check'
import { onTestEnd } from './cleanup.ts'
import { responseBytes } from './distcache.ts'
import { type Heard, ScriptedSessions } from './scripted-sessions.ts'

export interface Behaviour {
  readonly answers: number
  /** Answers are held until so many wait, and then given last first. */
  readonly held: number
  readonly pieces: readonly number[]
  readonly end: 'close' | 'half an answer' | 'garbage' | 'surplus' | 'another operation' | 'silence' | 'nothing'
}

export const behaviours: fc.Arbitrary<readonly Behaviour[]> = fc.array(
  fc.record({
    answers: fc.integer({ min: 0, max: 40 }),
    held: fc.integer({ min: 1, max: 4 }),
    pieces: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 }),
    end: fc.constantFrom('close', 'half an answer', 'garbage', 'surplus', 'another operation', 'silence', 'nothing'),
  }),
  { minLength: 1, maxLength: 4 },
)

export class ErraticSessions {
  readonly server: ScriptedSessions
  readonly #behaviours: readonly Behaviour[]
  readonly #answered = new Map<unknown, number>()
  readonly #held = new Map<unknown, Heard[]>()

  /** `held` of the behaviours is left out for clients that want their answers in order. */
  constructor(path: string, drawn: readonly Behaviour[]) {
    this.#behaviours = drawn
    this.server = new ScriptedSessions(path)
    this.server.onRequest = (heard) => this.#onRequest(heard)
    onTestEnd(() => this.server.stop())
  }

  #onRequest(heard: Heard): void {
    const { socket } = heard
    const behaviour = this.#behaviours[this.server.sockets.indexOf(socket) % this.#behaviours.length]!
    const held = this.#held.get(socket) ?? []
    this.#held.set(socket, held)
    held.push(heard)
    // Whoever waits must not wait for ever: what is held goes out when nothing more comes.
    if (held.length >= behaviour.held) this.#answer(held, behaviour)
    else setTimeout(() => this.#answer(held, behaviour), 3)
  }

  #answer(held: Heard[], behaviour: Behaviour): void {
    for (const heard of held.splice(0).reverse()) {
      const { uid, operation, payload, socket } = heard
      if (socket.destroyed) return
      const count = this.#answered.get(socket) ?? 0
      this.#answered.set(socket, count + 1)
      const right = responseBytes(uid, operation, payload)
      if (count < behaviour.answers || behaviour.end === 'nothing') this.#send(heard, right, behaviour.pieces)
      else if (count === behaviour.answers) this.#end(heard, right, behaviour.end)
    }
  }

  #send({ socket }: Heard, bytes: Buffer, pieces: readonly number[]): void {
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const length = pieces[i % pieces.length]!
      socket.write(bytes.subarray(at, at + length))
      at += length
    }
  }

  #end({ socket, uid, operation, payload }: Heard, right: Buffer, end: Behaviour['end']): void {
    if (end === 'close') socket.destroy()
    else if (end === 'half an answer') socket.end(right.subarray(0, right.length / 2))
    else if (end === 'garbage') socket.write('ERROR\r\n')
    else if (end === 'surplus') socket.write(Buffer.concat([right, right]))
    else if (end === 'another operation') socket.write(responseBytes(uid, (operation + 1) % 4, payload))
  }
}
