/**
 * What listeners and backends need to speak TLS and no Plan holds: certificates, private keys, stapled responses. The main thread loads it,
 * and posts it to the workers; it is written nowhere else, not to logs, dumps or errors.
 */
import type { OriginTlsMaterial } from '../net/origin-tls.ts'

export interface TlsMaterials {
  /** By the name of the listener. */
  readonly listeners: ReadonlyMap<string, TlsMaterial>
  /** By the name of the backend. */
  readonly origins: ReadonlyMap<string, OriginTlsMaterial>
}

export const noMaterials: TlsMaterials = { listeners: new Map(), origins: new Map() }

/** Of one listener. Plain data: it survives structured clone. */
export interface TlsMaterial {
  /** In the order of the Plan, without those that could not be loaded; at least one. */
  readonly certificates: readonly CertificateMaterial[]
  /** Who may sign the certificates of clients, in PEM; undefined: clients are not asked. */
  readonly clientCa: string | undefined
}

export interface CertificateMaterial {
  /** Lower case, exact or `*.` and a name. */
  readonly names: readonly string[]
  /** `rsa`, `ec`, `ed25519` ...: two certificates for one name are shown side by side if these differ. */
  readonly keyType: string
  /** Of an `ec` key, as OpenSSL names it: `prime256v1`; undefined: the key has none. */
  readonly curve: string | undefined
  /** PEM: the certificate first, then its chain. */
  readonly certificate: string
  /** PEM. */
  readonly key: string
  /** SHA-256 of the certificate in DER, hexadecimal. */
  readonly fingerprint: string
  /** Wall clock. */
  readonly notAfterMs: number
  /** To be stapled until `untilMs`; undefined: none. */
  readonly ocsp: StapledResponse | undefined
}

export interface StapledResponse {
  readonly der: Uint8Array
  /** Wall clock of its nextUpdate; Infinity where the response names none. */
  readonly untilMs: number
}
