/**
 * TLS to the servers of a backend, in one worker: one context of OpenSSL for all of them, and for each server the last
 * session it gave, which the next connection resumes.
 *
 * A session is kept only of a connection whose certificate was accepted: Node does not look at names again when a session
 * is resumed. For the same reason a session stays with the server and the Plan it came from.
 */
import { isIP } from 'node:net'
import { type ConnectionOptions, createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import type { OriginTlsPlan } from '../plan/origin-tls-plan.ts'
import type { ServerPlan } from '../plan/plan.ts'
import type { TlsVersion } from '../plan/tls-plan.ts'

/** What the files that an OriginTlsPlan names hold, in PEM; plain data that survives structured clone. */
export interface OriginTlsMaterial {
  readonly ca: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
}

/** Protocols by their names in ALPN (RFC 7301). */
export type AlpnName = 'h2' | 'http/1.1'

const versions: Readonly<Record<TlsVersion, 'TLSv1.2' | 'TLSv1.3'>> = { '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' }

export class OriginTls {
  readonly #plan: OriginTlsPlan
  #material: OriginTlsMaterial
  #context: SecureContext

  /** Throws what OpenSSL says of a key that does not fit, text that is no PEM, or a cipher it does not know. */
  constructor(plan: OriginTlsPlan, material: OriginTlsMaterial) {
    this.#plan = plan
    this.#material = material
    this.#context = createContext(plan, material)
  }

  /** Another one after each `update` that brought something. */
  get context(): SecureContext {
    return this.#context
  }

  /** The files hold something else: connections that are opened from now on go by it. Throws as the constructor does. */
  update(material: OriginTlsMaterial): void {
    if (isDeepStrictEqual(material, this.#material)) return
    this.#context = createContext(this.#plan, material)
    this.#material = material
  }

  forServer(server: ServerPlan): ServerTls {
    return new ServerTls(this, this.#plan, server)
  }
}

function createContext(plan: OriginTlsPlan, material: OriginTlsMaterial): SecureContext {
  return createSecureContext({
    ca: material.ca ?? (plan.verify ? usualCertificates() : []),
    minVersion: versions[plan.minVersion],
    ...(material.certificate !== undefined && { cert: material.certificate, key: material.key ?? '' }),
    ...(plan.ciphers.length > 0 && { ciphers: plan.ciphers.join(':') }),
  })
}

/** Towards one server. */
export class ServerTls {
  readonly #tls: OriginTls
  readonly #options: ConnectionOptions
  #session: Buffer | undefined = undefined
  /** What the session was made with. */
  #context: SecureContext

  constructor(tls: OriginTls, plan: OriginTlsPlan, { address }: ServerPlan) {
    this.#tls = tls
    this.#context = tls.context
    const name = plan.serverName ?? (address.kind === 'tcp' ? address.host : '')
    this.#options = {
      rejectUnauthorized: plan.verify,
      // RFC 6066 §3: no address is asked for. Then Node compares the certificate with the address connected to.
      ...(name !== '' && isIP(name) === 0 && { servername: name }),
    }
  }

  /** For `tls.connect`, beside where to connect to. */
  options(protocols: readonly AlpnName[]): ConnectionOptions {
    const { context } = this.#tls
    if (context !== this.#context) this.forget() // who was trusted then may not be now
    this.#context = context
    const session = this.#session
    return {
      ...this.#options,
      secureContext: context,
      ALPNProtocols: [...protocols],
      ...(session !== undefined && { session }),
    }
  }

  /** The next connection resumes this one, if who was trusted by `context`, with which it was made, still is. */
  keep(session: Buffer, context: SecureContext | undefined): void {
    if (context === this.#tls.context) this.#session = session
  }

  /** A handshake has failed; whatever was the reason, the next one is whole. */
  forget(): void {
    this.#session = undefined
  }
}

let usual: string[] | undefined

/** Who is trusted where no `ca` is given: about 300 certificates, read once. */
function usualCertificates(): string[] {
  usual ??= [
    ...new Set([...getCACertificates('bundled'), ...getCACertificates('system'), ...getCACertificates('extra')]),
  ]
  return usual
}
