/** TLS in the Plan: what a listener shows and asks for. Where keys and certificates lie, never what they hold. */
import type { Place } from './plan.ts'

/**
 * What a listener speaks above TLS or TCP, in the order in which it would rather. `h2c`: HTTP/2 without TLS, with clients that
 * know of it before (RFC 9113 §3.3).
 */
export type ListenerProtocol = 'h2' | 'h1' | 'h2c'

export type TlsVersion = '1.2' | '1.3'

/** Text in PEM (RFC 7468): a file, which is read at the start, at a reload and when it changes; or a value of the configuration. */
export type PemSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'text'; readonly text: string; readonly secret: boolean }

export interface TlsPlan {
  /** At least one. The first answers who asks for no name, or for one that no certificate has. */
  readonly certificates: readonly CertificatePlan[]
  /** `sni strict;`: who asks for no name, or an unknown one, is refused (unrecognized_name, RFC 6066 §3). */
  readonly refusesUnknownNames: boolean
  readonly minVersion: TlsVersion
  readonly maxVersion: TlsVersion
  /** Of TLS 1.2, as OpenSSL names them. */
  readonly ciphers: readonly string[]
  /** Of TLS 1.3. */
  readonly suites: readonly string[]
  /** For the key exchange, as OpenSSL names them; those that the OpenSSL of this Node does not have are left out. */
  readonly groups: readonly string[]
  /** Who decides among the ciphers both know. */
  readonly cipherOrder: 'client' | 'server'
  /** undefined: clients are not asked for a certificate. */
  readonly clientCertificate: ClientCertificatePlan | undefined
  /** From the accept to the end of the handshake. */
  readonly handshakeTimeoutMs: number
  /** Handshakes under way at one time in each worker; when one more begins, the one that began first is closed. */
  readonly handshakes: number
  /** A `tls-sessions` block; undefined: sessions of this daemon alone. */
  readonly sessions: string | undefined
}

export interface CertificatePlan {
  /** The certificate, then those that lead to the root. */
  readonly certificate: PemSource
  readonly key: PemSource
  /** Lower case, exact or `*.` and a name; empty: those the certificate is made out to. */
  readonly names: readonly string[]
  /** A file with the OCSP response in DER (RFC 6960), to be stapled; undefined: none. */
  readonly ocspPath: string | undefined
  readonly place: Place
}

export interface ClientCertificatePlan {
  /** `optional`: who shows none, or one that is not trusted, is served, and matchers can tell. */
  readonly mode: 'optional' | 'required'
  /** Who may have signed it. */
  readonly ca: PemSource
  /** Certificates between the client's own and the root. */
  readonly depth: number
  readonly place: Place
}
