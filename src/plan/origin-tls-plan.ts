/** TLS and HTTP versions of a backend in the Plan. Where keys and certificates lie, never what a file holds. */
import type { PemSource, TlsVersion } from './tls-plan.ts'

/**
 * What the servers of a backend speak: `h2` over TLS, `h2c` without it and without asking first (RFC 9113 §3.3), `auto`
 * what the server chooses by ALPN (RFC 7301).
 */
export type OriginProtocol = 'h1' | 'h2' | 'h2c' | 'auto'

export interface OriginTlsPlan {
  /** A server whose certificate is not trusted, or is another's, gets no request. */
  readonly verify: boolean
  /** Who may have signed it; undefined: who the system and Node trust. */
  readonly ca: PemSource | undefined
  /** What is asked for (SNI, RFC 6066 §3) and what the certificate must name; undefined: the host name of the server. */
  readonly serverName: string | undefined
  /** What this proxy shows when it is asked who it is. */
  readonly certificate: { readonly certificate: PemSource; readonly key: PemSource } | undefined
  readonly minVersion: TlsVersion
  /** Of TLS 1.2 and 1.3, as OpenSSL names them; empty: what Node takes. */
  readonly ciphers: readonly string[]
}
