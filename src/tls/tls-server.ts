/**
 * The TLS of one listener in one worker, without its sockets: the contexts of OpenSSL, which of them a name is shown, and the
 * options that a `TLSSocket` is made with. Whoever accepts a connection asks for `options` each time, as `update`
 * replaces them; a connection keeps the context it began with, so no change of certificates disturbs it.
 *
 * The hard part: a connection has two contexts. With the first, that of `options`, it begins; the certificate comes from the
 * second, chosen by the name the client asks for, but tickets are sealed and opened, and session ids looked up, by the first,
 * always. Any context may be the first after a change of certificates, so sessions adopt them all.
 *
 * And of the second Node takes over one certificate alone. Where a name has several, for different kinds of keys, a connection
 * has to begin with the context of that name, so the ClientHello is read before TLS begins (`optionsFor`).
 */
import { createHash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import {
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
  type TLSSocketOptions,
} from 'node:tls'
import type { ClientHello } from '../distcache/client-hello.ts'
import type { ListenerProtocol, TlsPlan } from '../plan/tls-plan.ts'
import { assert } from '../util/assert.ts'
import { isClientWelcome } from './client-certificate.ts'
import type { CertificateMaterial, TlsMaterial } from './material.ts'
import { policyOptions } from './policy.ts'
import { shownCertificate } from './shown-certificate.ts'

export interface TlsServerSetup {
  /** What the listener speaks, first choice first. */
  readonly protocols: readonly ListenerProtocol[]
  /**
   * Who may resume each other's sessions: the same text in every worker and node that shares them. A name of `tls-sessions`,
   * or of the listener where it has none.
   */
  readonly realm: string
  readonly sessions: ListenerSessions
}

/** Who resumes the sessions of a listener; sessions/tls-sessions.ts is one. */
export interface ListenerSessions {
  /** False: no tickets; sessions live by their ids. */
  readonly hasTickets: boolean
  /** How long after its handshake a session can be resumed. */
  readonly ttlSec: number
  /** Sessions can only be found if the ClientHello is read before TLS begins (`noteHello`). */
  readonly wantsHello: boolean
  /** Sees to the tickets of a context. */
  adopt(context: SecureContext): void
  /**
   * A client has said this, and `isTls13`: TLS 1.3 will be spoken. The Buffers are the caller's again when it returns. Only where
   * `wantsHello`.
   */
  noteHello(hello: ClientHello, isTls13: boolean): void
  /** One of its handshakes is done. */
  onHandshake(isResumed: boolean): void
  /** Answers newSession(id, data, done) and resumeSession(id, done), if sessions are kept by their ids. */
  listen(events: EventEmitter): void
}

/** Sessions that end with their worker: OpenSSL makes the keys of tickets itself. */
export const ownSessions: ListenerSessions = {
  hasTickets: true,
  ttlSec: 300,
  wantsHello: false,
  adopt() {},
  noteHello() {},
  onHandshake() {},
  listen() {},
}

/** The options of a `TLSSocket`, all that this side of it needs. Frozen and shared by connections. */
export type TlsSocketOptions = Readonly<TLSSocketOptions>

type SniDone = (error: Error | null, context?: SecureContext) => void
type OcspDone = (error: Error | null, response: Buffer | null) => void

/** What each protocol is called in ALPN (RFC 7301 §6, RFC 9113 §3.1). */
const ALPN: Readonly<Record<ListenerProtocol, string>> = { h2: 'h2', h1: 'http/1.1', h2c: 'h2c' }

/** A fatal alert unrecognized_name (RFC 8446 §6, RFC 6066 §3), as it is sent before anything else was. */
export const UNRECOGNIZED_NAME: Buffer = Buffer.from([21, 3, 3, 0, 2, 2, 112])

/** What is shown under a name: several certificates if they have different kinds of keys; the client takes one that it knows. */
class Identity {
  readonly certificates: readonly CertificateMaterial[]
  readonly #create: (certificates: readonly CertificateMaterial[]) => SecureContext
  #context: SecureContext | undefined

  /** `before`: the same certificates under the same rules, which may have their context already. */
  constructor(
    certificates: readonly CertificateMaterial[],
    create: (certificates: readonly CertificateMaterial[]) => SecureContext,
    before: Identity | undefined,
  ) {
    this.certificates = certificates
    this.#create = create
    this.#context = before === undefined ? undefined : before.#context
  }

  /** Made when it is first needed: 0.3 ms and 30 KiB each, and a worker may have a thousand of which it shows ten. */
  get context(): SecureContext {
    this.#context ??= this.#create(this.certificates)
    return this.#context
  }
}

export class TlsServer {
  readonly plan: TlsPlan
  readonly #setup: TlsServerSetup
  /** Emits newSession(id, data, done) and resumeSession(id, done), as a tls.Server does, to those who listen. */
  readonly events: TlsEvents
  #exact: ReadonlyMap<string, Identity> = new Map()
  /** By what follows the `*`: `.example.com`. */
  #wildcards: ReadonlyMap<string, Identity> = new Map()
  /** Shown to who asks for no name, or an unknown one. */
  #default: Identity | undefined = undefined
  #asking: { readonly socket: TLSSocket; readonly identity: Identity } | undefined = undefined
  #options: TlsSocketOptions
  /** Those that have several certificates, but for the default. */
  #several: ReadonlySet<Identity> = new Set()
  #optionsOf = new Map<Identity, TlsSocketOptions>()
  /** By digestOf. */
  #identities: ReadonlyMap<string, Identity> = new Map()
  #clientCa: string | undefined = undefined

  /** Throws the error of OpenSSL for material that it does not take; the main thread has tried it before. */
  constructor(plan: TlsPlan, material: TlsMaterial, setup: TlsServerSetup) {
    this.plan = plan
    this.#setup = setup
    this.events = new TlsEvents()
    setup.sessions.listen(this.events)
    this.#options = this.update(material)
  }

  /** What a connection that is accepted now is made with; where `wantsHello`, ask `optionsFor`. */
  get options(): TlsSocketOptions {
    return this.#options
  }

  /** The same for a client that asks for this name; undefined: for none. */
  optionsFor(name: string | undefined): TlsSocketOptions {
    const identity = name === undefined || this.#several.size === 0 ? undefined : this.#find(name)
    if (identity === undefined || !this.#several.has(identity)) return this.#options
    const known = this.#optionsOf.get(identity)
    if (known !== undefined) return known
    const options = this.#socketOptions(identity)
    this.#optionsOf.set(identity, options)
    return options
  }

  /** The ClientHello must be read before TLS begins, `isServed` be asked, and the sessions be told if they want it. */
  get wantsHello(): boolean {
    return this.plan.refusesUnknownNames || this.#setup.sessions.wantsHello || this.#several.size > 0
  }

  /** False: the connection ends with UNRECOGNIZED_NAME. `name` as the ClientHello has it; undefined: it has none. */
  isServed(name: string | undefined): boolean {
    return !this.plan.refusesUnknownNames || (name !== undefined && this.#find(name) !== undefined)
  }

  /** What the client has said, before TLS hears it. */
  noteHello(hello: ClientHello): void {
    const { sessions } = this.#setup
    if (sessions.wantsHello) sessions.noteHello(hello, hello.offersTls13 && this.plan.maxVersion === '1.3')
  }

  onHandshake(isResumed: boolean): void {
    this.#setup.sessions.onHandshake(isResumed)
  }

  /**
   * Called for each socket that was made with `options`. `refuse` is told of a client that is not welcome before a session of it
   * is kept, and ends it: with the session it would be back, and nobody would see what it was refused for.
   */
  guard(socket: TLSSocket, refuse: () => void): void {
    if (this.plan.clientCertificate === undefined || this.events.listenerCount('newSession') === 0) return
    const internals = socket as unknown as { server: EventEmitter }
    internals.server = new GuardedEvents(this.events, () => {
      if (socket.destroyed) return false // it has several, and was refused with the first
      if (isClientWelcome(socket, this.plan)) return true
      refuse()
      return false
    })
  }

  /** New certificates for connections that begin from now on. Throws as the constructor, and then nothing has changed. */
  update(material: TlsMaterial): TlsSocketOptions {
    const { all, first, exact, wildcards } = this.#identify(material)
    const options = this.#socketOptions(first)
    this.#identities = all
    this.#clientCa = material.clientCa
    this.#default = first
    this.#exact = exact
    this.#wildcards = wildcards
    this.#several = new Set([...all.values()].filter((one) => one !== first && one.certificates.length > 1))
    this.#optionsOf = new Map()
    this.events._sharedCreds = first.context
    this.events.answerOcsp(material.certificates.some(({ ocsp }) => ocsp !== undefined) ? this.#staple : undefined)
    this.#options = options
    return options
  }

  #identify(material: TlsMaterial): Identities {
    const all = new Map<string, Identity>()
    const create = (certificates: readonly CertificateMaterial[]): SecureContext =>
      this.#createContext(certificates, material)
    const identityOf = (certificates: readonly CertificateMaterial[]): Identity => {
      const key = digestOf(certificates)
      const known = all.get(key)
      if (known !== undefined) return known
      const before = material.clientCa === this.#clientCa ? this.#identities.get(key) : undefined
      const identity = new Identity(certificates, create, before)
      all.set(key, identity)
      return identity
    }
    const shown = shownByName(material.certificates)
    const [first] = material.certificates
    assert(first !== undefined, 'a listener with TLS has a certificate')
    const exact = new Map<string, Identity>()
    const wildcards = new Map<string, Identity>()
    for (const [name, certificates] of shown) {
      if (name.startsWith('*.')) wildcards.set(name.slice(1), identityOf(certificates))
      else exact.set(name, identityOf(certificates))
    }
    return { all, first: identityOf(shown.get(first.names[0] ?? '') ?? [first]), exact, wildcards }
  }

  #createContext(certificates: readonly CertificateMaterial[], material: TlsMaterial): SecureContext {
    const { sessions, realm } = this.#setup
    const options: SecureContextOptions = {
      ...policyOptions(this.plan, sessions.hasTickets),
      cert: certificates.map(({ certificate }) => certificate),
      key: certificates.map(({ key }) => key),
      // Without any of its own Node would load all those that browsers trust.
      ca: material.clientCa === undefined ? [] : [material.clientCa],
      sessionIdContext: sessionIdContext(realm, this.plan, material),
      sessionTimeout: sessions.ttlSec,
    }
    const context = createSecureContext(options)
    sessions.adopt(context)
    return context
  }

  /** Of connections that begin with the context of `begun`. */
  #socketOptions(begun: Identity): TlsSocketOptions {
    const select = (socket: TLSSocket, name: string, done: SniDone): void => this.#select(begun, socket, name, done)
    return Object.freeze({
      isServer: true,
      secureContext: begun.context,
      // Node calls it as a method of the socket.
      SNICallback(this: unknown, name: string, done: SniDone): void {
        select(this as TLSSocket, name, done)
      },
      ALPNProtocols: alpnList(this.#setup.protocols),
      requestCert: this.plan.clientCertificate !== undefined,
      // OpenSSL then refuses who shows none, with an alert; whoever accepts looks at the rest (client-certificate.ts).
      rejectUnauthorized: this.plan.clientCertificate?.mode === 'required',
      server: this.events as unknown as NonNullable<TLSSocketOptions['server']>,
    })
  }

  #select(begun: Identity, socket: TLSSocket, name: string, done: SniDone): void {
    const identity = this.#find(name)
    if (identity === undefined && this.plan.refusesUnknownNames) {
      done(new Error('no certificate has the name the client asks for'))
      return
    }
    // Within `done` Node asks for the response to be stapled, and does not say for whom.
    this.#asking = { socket, identity: identity ?? begun }
    done(null, identity === begun ? undefined : identity?.context)
    this.#asking = undefined
  }

  #find(name: string): Identity | undefined {
    const lower = name.toLowerCase()
    const exact = this.#exact.get(lower)
    if (exact !== undefined || this.#wildcards.size === 0) return exact
    // A `*` stands for one label (RFC 9525 §6.3).
    const dot = lower.indexOf('.')
    return dot > 0 ? this.#wildcards.get(lower.slice(dot)) : undefined
  }

  /** Of a client that asks for no name, and of several certificates, it cannot be told which one it will be shown. */
  #staple = (done: OcspDone): void => {
    const { certificates } = this.#asking?.identity ?? this.#default!
    const ocsp = shownCertificate(certificates, this.#asking?.socket)?.ocsp
    done(null, ocsp !== undefined && ocsp.untilMs > Date.now() ? Buffer.from(ocsp.der) : null)
  }
}

/** As it lies in the hello (RFC 7301 §3.1): of a list of texts Node would make it for each connection. */
function alpnList(protocols: readonly ListenerProtocol[]): Uint8Array {
  return Buffer.concat(
    protocols.map((protocol) => Buffer.from(`${String.fromCharCode(ALPN[protocol].length)}${ALPN[protocol]}`)),
  )
}

interface Identities {
  /** By digestOf. */
  readonly all: ReadonlyMap<string, Identity>
  readonly first: Identity
  readonly exact: ReadonlyMap<string, Identity>
  readonly wildcards: ReadonlyMap<string, Identity>
}

/** What a TLSSocket takes for its server: it looks for who listens, and at the context that connections begin with. */
export class TlsEvents extends EventEmitter {
  /** Under this name Node looks for the certificate that the response is about. */
  _sharedCreds: SecureContext | undefined = undefined

  answerOcsp(answer: ((done: OcspDone) => void) | undefined): void {
    this.removeAllListeners('OCSPRequest')
    if (answer !== undefined)
      this.on('OCSPRequest', (_der: Buffer, _issuer: Buffer | null, done: OcspDone) => answer(done))
  }
}

/** The events of one connection, whose new sessions are told only if `mayKeep`; otherwise nobody answers, and nothing is sent. */
class GuardedEvents extends EventEmitter {
  readonly #events: TlsEvents
  readonly #mayKeep: () => boolean

  constructor(events: TlsEvents, mayKeep: () => boolean) {
    super()
    this.#events = events
    this.#mayKeep = mayKeep
  }

  /** As Node looks for it; see TlsEvents. */
  get _sharedCreds(): SecureContext | undefined {
    return this.#events._sharedCreds
  }

  override listenerCount(name: string): number {
    return this.#events.listenerCount(name)
  }

  override emit(name: string, ...values: unknown[]): boolean {
    return name === 'newSession' && !this.#mayKeep() ? true : this.#events.emit(name, ...values)
  }
}

/** The same for the same chains and keys: a chain may be mended, and the certificate stay. */
function digestOf(certificates: readonly CertificateMaterial[]): string {
  const hash = createHash('sha256')
  for (const { certificate, key } of certificates) hash.update(certificate).update(key)
  return hash.digest('latin1')
}

/** The certificates of each name: of every kind of key the first, as a second one of the same kind would replace it. */
export function shownByName(
  certificates: readonly CertificateMaterial[],
): ReadonlyMap<string, readonly CertificateMaterial[]> {
  const shown = new Map<string, CertificateMaterial[]>()
  for (const certificate of certificates) {
    for (const name of certificate.names) {
      const others = shown.get(name)
      if (others === undefined) shown.set(name, [certificate])
      else if (others.every(({ keyType }) => keyType !== certificate.keyType)) others.push(certificate)
    }
  }
  return shown
}

/**
 * Sessions of one are not resumed by another (RFC 8446 §4.2.11): it holds what a session vouches for, so who was let in under
 * another CA comes back with a full handshake. At most 32 letters.
 */
function sessionIdContext(realm: string, plan: TlsPlan, { clientCa }: TlsMaterial): string {
  const { mode, depth } = plan.clientCertificate ?? { mode: 'none', depth: 0 }
  return createHash('sha256')
    .update(JSON.stringify([realm, mode, depth, clientCa]))
    .digest('hex')
    .slice(0, 32)
}
