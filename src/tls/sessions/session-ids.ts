/**
 * Sessions kept by their ids, for the listeners of one worker: what Node's newSession and resumeSession ask, and the store.
 *
 * TLS 1.2 names a session in its hello, and resumeSession reports that name. TLS 1.3 has the session as its first PSK identity,
 * of which Node says nothing; the hello's legacy session id is then a random number, but Node reports it. So whoever accepts the
 * connection reads the hello first and tells it here (`noteHello`), and the number leads from the one event to the other:
 *
 *     hello, TLS 1.2, a session                             resumeSession(id)      -> get id
 *     hello, TLS 1.3, number, identity  -> number: identity resumeSession(number)  -> get identity, remove identity
 *     hello, TLS 1.3, number            -> number: nothing  resumeSession(number)  -> full handshake, nothing is asked
 *     hello without either              -> no event, full handshake
 *
 * A session of TLS 1.3 is for one resumption (RFC 8446 appendix C.4), and of several that come with it at once, to whatever
 * machine, the one gets it whose removal finds it. Both questions leave in one write, so this costs no time.
 *
 * Whatever the store does, a handshake goes on: it answers each question once, within `wait`, and all but `done` is a full
 * handshake.
 */
import type { ClientHello } from '../../distcache/client-hello.ts'
import { hasSessionId, sessionVersion, TLS_13 } from '../../distcache/openssl-session.ts'
import { type RemoteSessions, SessionOutcome, type SessionSink } from '../../distcache/remote-sessions.ts'
import type { SessionTally } from './session-tally.ts'

export type NewSessionDone = () => void
export type ResumeDone = (error: Error | null, session: Buffer | null) => void

/** Hellos whose handshake has not asked yet: it does so before the next event, so these are of clients that went away. */
const MAX_NOTES = 4096
/** Of a session (RFC 5246 §7.4.1.2); OpenSSL makes ids of as many. */
const MAX_ID_BYTES = 32
/** Of a wait: an answer that failed after so much of it came too late, whatever the store calls it. */
const LATE_PART = 0.9
/** For a number that leads nowhere. */
const NOTHING = Buffer.alloc(0)

export interface SessionIdsOptions {
  readonly store: RemoteSessions
  readonly ttlMs: number
  readonly waitMs: number
  /** Clients that keep tickets have them; only others are kept here. */
  readonly hasTickets: boolean
  readonly tally: SessionTally
  /** A clock that never jumps, in milliseconds. */
  readonly now: () => number
}

export class SessionIds {
  readonly #options: SessionIdsOptions
  /** By the hello's session id, latin1: the identity, or NOTHING if no session can be meant. */
  readonly #notes = new Map<string, Buffer>()

  constructor(options: SessionIdsOptions) {
    this.#options = options
  }

  /** `isTls13`: TLS 1.3 will be spoken. */
  noteHello({ sessionId, firstIdentity, keepsTickets }: ClientHello, isTls13: boolean): void {
    if (sessionId.length === 0) return
    const { hasTickets } = this.#options
    if (!isTls13 && !(hasTickets && keepsTickets)) return
    // A longer one is a ticket of somebody else, and thousands of them would be many megabytes.
    const isOurs = !hasTickets && firstIdentity !== undefined && firstIdentity.length <= MAX_ID_BYTES
    this.#note(sessionId.toString('latin1'), isOurs ? Buffer.from(firstIdentity) : NOTHING)
  }

  #note(key: string, identity: Buffer): void {
    const notes = this.#notes
    // Two clients with the same random number: one of them means harm, and neither is believed.
    const known = notes.get(key)
    if (known === undefined && notes.size >= MAX_NOTES) notes.delete(notes.keys().next().value!)
    notes.set(key, known === undefined ? identity : NOTHING)
  }

  /** As the event of a tls.Server: a client has a new session, and does not hear of it before `done`. */
  readonly onNew = (id: Buffer, data: Buffer, done: NewSessionDone): void => {
    const { store, ttlMs, hasTickets, tally } = this.#options
    // With tickets, TLS 1.3 sessions are told too, and nobody will ask for them.
    if (hasTickets && sessionVersion(data) === TLS_13) {
      done()
      return
    }
    store.add(id, data, ttlMs, {
      onSession(outcome) {
        tally.add(outcome === SessionOutcome.done || outcome === SessionOutcome.present ? 'stored' : 'notStored')
        done()
      },
    })
  }

  /** As the event: `id` is the session id of a hello. */
  readonly onResume = (id: Buffer, done: ResumeDone): void => {
    const key = id.toString('latin1')
    const identity = this.#notes.get(key)
    if (identity === undefined) {
      this.#find(id, false, done)
      return
    }
    this.#notes.delete(key)
    if (identity === NOTHING) done(null, null)
    else this.#find(identity, true, done)
  }

  #find(id: Buffer, isOnce: boolean, done: ResumeDone): void {
    const { store, now } = this.#options
    const look = new Look(this.#options, { id, isOnce, begunMs: now() }, done)
    store.get(id, look)
    if (isOnce) store.remove(id, look.removal)
  }
}

interface Question {
  readonly id: Buffer
  /** It is for one resumption, and a TLS 1.3 session. */
  readonly isOnce: boolean
  readonly begunMs: number
}

/** A question for one session. */
class Look implements SessionSink {
  readonly #options: SessionIdsOptions
  readonly #question: Question
  readonly #done: ResumeDone
  #data: Buffer = NOTHING
  #outcome: number = SessionOutcome.failed

  constructor(options: SessionIdsOptions, question: Question, done: ResumeDone) {
    this.#options = options
    this.#question = question
    this.#done = done
  }

  onSession(outcome: number, data: Buffer): void {
    const { id, isOnce } = this.#question
    // Whoever shares the store may have put anything there, and the store may give what was not asked for.
    const isMeant = (sessionVersion(data) === TLS_13) === isOnce && hasSessionId(data, id)
    this.#outcome = outcome === SessionOutcome.done && !isMeant ? SessionOutcome.absent : outcome
    this.#data = data
    if (!isOnce) this.#end(this.#outcome)
  }

  /** The answer to the removal, which comes behind that to the look-up. */
  readonly removal: SessionSink = {
    onSession: (outcome) => this.#end(this.#outcome === SessionOutcome.done ? outcome : this.#outcome),
  }

  #end(outcome: number): void {
    const { tally, now, waitMs } = this.#options
    const tookMs = now() - this.#question.begunMs
    tally.addLatency(tookMs)
    if (outcome === SessionOutcome.done) tally.add('found')
    else if (outcome === SessionOutcome.absent) tally.add('missed')
    else tally.add(tookMs >= waitMs * LATE_PART ? 'late' : 'failed')
    this.#done(null, outcome === SessionOutcome.done ? this.#data : null)
  }
}
