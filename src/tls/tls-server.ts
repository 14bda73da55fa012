/**
 * The TLS of one listener in one worker, without its sockets: the contexts of OpenSSL, which of them a name is shown, and the
 * options that a `TLSSocket` is made with. Whoever accepts a connection asks for `options` each time, as `update` and
 * `setTicketKeys` replace them; a connection keeps the context it began with, so no change of certificates disturbs it.
 *
 * The hard part: a connection has two contexts. With the first, that of `options`, it begins; the certificate comes from the
 * second, chosen by the name the client asks for, but tickets are sealed and opened, and session ids looked up, by the first,
 * always. So the keys of tickets belong to the first only, and to accept tickets under an older key means to begin with a context
 * that has that one (`optionsForTicket`).
 */
import { createHash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { createSecureContext, type SecureContext, type SecureContextOptions, type TLSSocketOptions } from 'node:tls'
import type { ListenerProtocol, TlsPlan } from '../plan/tls-plan.ts'
import { assert } from '../util/assert.ts'
import type { CertificateMaterial, TlsMaterial } from './material.ts'
import { policyOptions } from './policy.ts'

export interface TlsServerSetup {
  /** What the listener speaks, first choice first. */
  readonly protocols: readonly ListenerProtocol[]
  /**
   * Who may resume each other's sessions: the same text in every worker and node that shares them. A name of `tls-sessions`,
   * or of the listener where it has none.
   */
  readonly realm: string
  /** False: no tickets; sessions live by their ids. */
  readonly hasTickets: boolean
}

/** The options of a `TLSSocket`, all that this side of it needs. Frozen and shared by connections. */
export type TlsSocketOptions = Readonly<TLSSocketOptions>

type SniDone = (error: Error | null, context?: SecureContext) => void
type OcspDone = (error: Error | null, response: Buffer | null) => void

/** Bytes of a key of tickets: its name, then two secrets (Node's `ticketKeys`). */
export const TICKET_KEY_BYTES = 48
const TICKET_NAME_BYTES = 16

/** What each protocol is called in ALPN (RFC 7301 §6, RFC 9113 §3.1). */
const ALPN: Readonly<Record<ListenerProtocol, string>> = { h2: 'h2', h1: 'http/1.1' }

/** A fatal alert unrecognized_name (RFC 8446 §6, RFC 6066 §3), as it is sent before anything else was. */
export const UNRECOGNIZED_NAME: Buffer = Buffer.from([21, 3, 3, 0, 2, 2, 112])

/** What is shown under a name: several certificates if they have different kinds of keys; the client takes one that it knows. */
interface Identity {
  readonly certificates: readonly CertificateMaterial[]
  readonly context: SecureContext
}

export class TlsServer {
  readonly plan: TlsPlan
  readonly #setup: TlsServerSetup
  /** Emits newSession(id, data, done) and resumeSession(id, done), as a tls.Server does, to those who listen. */
  readonly events: TlsEvents
  #material: TlsMaterial
  #exact: ReadonlyMap<string, Identity> = new Map()
  /** By what follows the `*`: `.example.com`. */
  #wildcards: ReadonlyMap<string, Identity> = new Map()
  /** Shown to who asks for no name, or an unknown one. */
  #default: Identity | undefined = undefined
  #ticketKeys: readonly Buffer[] = []
  /** By the name of a key, latin1; the key that issues is not among them. */
  #forOlderTickets = new Map<string, TlsSocketOptions>()
  #options: TlsSocketOptions

  /** Throws the error of OpenSSL for material that it does not take; the main thread has tried it before. */
  constructor(plan: TlsPlan, material: TlsMaterial, setup: TlsServerSetup) {
    this.plan = plan
    this.#setup = setup
    this.#material = material
    this.events = new TlsEvents()
    this.#options = this.update(material)
  }

  /** What a connection that is accepted now is made with. */
  get options(): TlsSocketOptions {
    return this.#options
  }

  /** The ClientHello must be read before TLS begins, and `isServed` be asked. */
  get wantsHello(): boolean {
    return this.plan.refusesUnknownNames
  }

  /** False: the connection ends with UNRECOGNIZED_NAME. `name` as the ClientHello has it; undefined: it has none. */
  isServed(name: string | undefined): boolean {
    return !this.plan.refusesUnknownNames || (name !== undefined && this.#find(name) !== undefined)
  }

  /** As `options`, for a client whose ticket begins with `keyName`; where that key is the one that issues, or unknown: `options`. */
  optionsForTicket(keyName: Uint8Array): TlsSocketOptions {
    if (this.#forOlderTickets.size === 0) return this.#options
    return this.#forOlderTickets.get(latin1(keyName.subarray(0, TICKET_NAME_BYTES))) ?? this.#options
  }

  /** New certificates for connections that begin from now on. Throws as the constructor, and then nothing has changed. */
  update(material: TlsMaterial): TlsSocketOptions {
    const identities = this.#identify(material)
    this.#material = material
    this.#default = identities.first
    this.#exact = identities.exact
    this.#wildcards = identities.wildcards
    this.events.answerOcsp(material.certificates.some(({ ocsp }) => ocsp !== undefined) ? this.#staple : undefined)
    this.#options = this.#begin()
    return this.#options
  }

  /** The first key issues, all of them are accepted; without any, each context makes its own. 48 bytes each. */
  setTicketKeys(keys: readonly Buffer[]): void {
    this.#ticketKeys = keys.map((key) => Buffer.from(key))
    this.#options = this.#begin()
  }

  /** Options with the contexts that connections begin with. */
  #begin(): TlsSocketOptions {
    const [issuing, ...older] = this.#ticketKeys
    const first = this.#default!
    this.#forOlderTickets = new Map(
      older.map((key) => {
        const context = this.#createContext(first.certificates, this.#material, key)
        return [latin1(key.subarray(0, TICKET_NAME_BYTES)), this.#socketOptions(context)]
      }),
    )
    if (issuing !== undefined) setTicketKeys(first.context, issuing)
    this.events._sharedCreds = first.context
    return this.#socketOptions(first.context)
  }

  #identify(material: TlsMaterial): Identities {
    const made = new Map<string, Identity>()
    const identityOf = (certificates: readonly CertificateMaterial[]): Identity => {
      const key = certificates.map(({ fingerprint }) => fingerprint).join()
      const known = made.get(key)
      if (known !== undefined) return known
      const identity = { certificates, context: this.#createContext(certificates, material, undefined) }
      made.set(key, identity)
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
    return { first: identityOf(shown.get(first.names[0] ?? '') ?? [first]), exact, wildcards }
  }

  #createContext(
    certificates: readonly CertificateMaterial[],
    material: TlsMaterial,
    ticketKeys: Buffer | undefined,
  ): SecureContext {
    const options: SecureContextOptions = {
      ...policyOptions(this.plan, this.#setup.hasTickets),
      cert: certificates.map(({ certificate }) => certificate),
      key: certificates.map(({ key }) => key),
      // Without any of its own Node would load all those that browsers trust.
      ca: material.clientCa === undefined ? [] : [material.clientCa],
      sessionIdContext: sessionIdContext(this.#setup.realm, this.plan, material),
    }
    return createSecureContext(ticketKeys === undefined ? options : { ...options, ticketKeys })
  }

  #socketOptions(secureContext: SecureContext): TlsSocketOptions {
    return Object.freeze({
      isServer: true,
      secureContext,
      SNICallback: this.#select,
      ALPNProtocols: this.#setup.protocols.map((protocol) => ALPN[protocol]),
      requestCert: this.plan.clientCertificate !== undefined,
      // Node would close without a word; whoever accepts looks at the certificate itself (client-certificate.ts).
      rejectUnauthorized: false,
      server: this.events as unknown as NonNullable<TLSSocketOptions['server']>,
    })
  }

  #select = (name: string, done: SniDone): void => {
    const identity = this.#find(name)
    if (identity !== undefined) done(null, identity.context)
    else if (this.plan.refusesUnknownNames) done(new Error('no certificate has the name the client asks for'))
    else done(null)
  }

  #find(name: string): Identity | undefined {
    const lower = name.toLowerCase()
    const exact = this.#exact.get(lower)
    if (exact !== undefined || this.#wildcards.size === 0) return exact
    // A `*` stands for one label (RFC 9525 §6.3).
    const dot = lower.indexOf('.')
    return dot > 0 ? this.#wildcards.get(lower.slice(dot)) : undefined
  }

  #staple = (der: Buffer, done: OcspDone): void => {
    const fingerprint = createHash('sha256').update(der).digest('hex')
    const ocsp = this.#material.certificates.find((one) => one.fingerprint === fingerprint)?.ocsp
    done(null, ocsp !== undefined && ocsp.untilMs > Date.now() ? Buffer.from(ocsp.der) : null)
  }
}

interface Identities {
  readonly first: Identity
  readonly exact: ReadonlyMap<string, Identity>
  readonly wildcards: ReadonlyMap<string, Identity>
}

/** What a TLSSocket takes for its server: it looks for who listens, and at the context that connections begin with. */
export class TlsEvents extends EventEmitter {
  /** Under this name Node looks for the certificate that the response is about. */
  _sharedCreds: SecureContext | undefined = undefined

  answerOcsp(answer: ((der: Buffer, done: OcspDone) => void) | undefined): void {
    this.removeAllListeners('OCSPRequest')
    if (answer !== undefined)
      this.on('OCSPRequest', (der: Buffer, _issuer: Buffer | null, done: OcspDone) => answer(der, done))
  }
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

/** Node offers it for a whole tls.Server; a context has it too. */
function setTicketKeys(context: SecureContext, keys: Buffer): void {
  ;(context.context as { setTicketKeys(keys: Buffer): void }).setTicketKeys(keys)
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
