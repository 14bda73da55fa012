/** What rules may ask about the TLS of a request, and about who shows a certificate. */

export interface TlsFacts {
  readonly version: '1.2' | '1.3'
  /** The suite as OpenSSL names it: `TLS_AES_128_GCM_SHA256`, `ECDHE-RSA-AES128-GCM-SHA256`. */
  readonly cipher: string
  /** What ALPN chose: `h2`, `http/1.1`; empty: nothing. */
  readonly protocol: string
  /** The name the client asked for, lower case; empty: none. */
  readonly sni: string
  /** undefined: none was shown. */
  readonly client: ClientCertificateFacts | undefined
}

/** All text is printable ASCII: what a certificate holds beside it is written as `\` and two hexadecimal digits per byte. */
export interface ClientCertificateFacts {
  /** False: it is signed by nobody who is trusted, or it has expired; then nothing it says is known to be true. */
  readonly isVerified: boolean
  /** As RFC 4514 writes it: `CN=Ada,OU=Staff,O=Example`. */
  readonly subject: string
  /** The first CN of the subject; empty: none. */
  readonly commonName: string
  /** Host names, mail addresses and URIs it is made out to, without their kinds. */
  readonly names: readonly string[]
  /** As the subject. */
  readonly issuer: string
  /** Hexadecimal, lower case. */
  readonly serial: string
  /** SHA-256 of the certificate in DER, hexadecimal, lower case. */
  readonly fingerprint: string
}
