/** Who has connected: the TLS of a socket as rules see it, and whether a listener that wants certificates may serve it. */
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { ClientCertificateFacts, TlsFacts } from '../plan/tls-facts.ts'
import type { TlsPlan } from '../plan/tls-plan.ts'
import { fingerprintOf } from './certificate.ts'
import { alternativeNames, commonNameOf, distinguishedName } from './subject-names.ts'

/** Names beyond this are left out: a certificate may hold thousands, and each rule would look at all of them. */
const MAX_NAMES = 100

/** Node keeps it to itself where no tls.Server is. undefined: nothing is wrong, or no certificate was shown. */
interface Verifier {
  verifyError(): (Error & { code?: string }) | undefined | null
}

const known = new WeakMap<TLSSocket, TlsFacts>()

/** Of a connection whose handshake is done; made once for all its requests. Of one that is closed only that it was TLS. */
export function tlsFactsOf(socket: TLSSocket, plan: TlsPlan): TlsFacts {
  const facts = known.get(socket)
  if (facts !== undefined) return facts
  const made = readFacts(socket, plan)
  known.set(socket, made)
  return made
}

function readFacts(socket: TLSSocket, plan: TlsPlan): TlsFacts {
  return {
    version: socket.getProtocol() === 'TLSv1.2' ? '1.2' : '1.3',
    cipher: (socket.getCipher() as ReturnType<TLSSocket['getCipher']> | null)?.name ?? '',
    protocol: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '',
    sni: sniOf(socket),
    client: plan.clientCertificate === undefined ? undefined : clientFactsOf(socket),
  }
}

/**
 * False: the listener serves nobody without a valid certificate, and this client has none; or its certificate would be valid
 * if it did not stand farther from the authority than `depth`. Asked before a client has its session: a session does not hold
 * the certificates between, so who resumes one is taken to be within the depth.
 */
export function isClientWelcome(socket: TLSSocket, { clientCertificate }: TlsPlan): boolean {
  if (clientCertificate === undefined) return true
  const certificate = validCertificate(socket)
  if (certificate === undefined) return clientCertificate.mode !== 'required'
  return intermediatesOf(certificate) <= clientCertificate.depth
}

function sniOf(socket: TLSSocket): string {
  const { servername } = socket as TLSSocket & { servername?: string | false | null }
  return typeof servername === 'string' ? servername.toLowerCase() : ''
}

function clientFactsOf(socket: TLSSocket): ClientCertificateFacts | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  return {
    isVerified: validCertificate(socket) !== undefined,
    subject: distinguishedName(certificate.subject),
    commonName: commonNameOf(certificate.subject),
    names: alternativeNames(certificate.subjectAltName)
      .filter(({ kind }) => kind !== 'DirName')
      .slice(0, MAX_NAMES)
      .map(({ value }) => value),
    issuer: distinguishedName(certificate.issuer),
    serial: certificate.serialNumber.toLowerCase(),
    fingerprint: fingerprintOf(certificate),
  }
}

/** A resumed session without its certificate (RFC 8446 §2.2) gives none, although OpenSSL finds nothing wrong with it. */
function validCertificate(socket: TLSSocket): X509Certificate | undefined {
  const certificate = socket.getPeerX509Certificate()
  const { ssl } = socket as unknown as { readonly ssl: Verifier | null }
  if (certificate === undefined || ssl === null || ssl.verifyError()) return undefined
  // A session outlives its handshake, and may outlive the certificate.
  return certificate.validToDate.getTime() < Date.now() ? undefined : certificate
}

/**
 * How many certificates that the client sent lead from its own to an authority; Node has no way to say a bound to OpenSSL.
 * They come in any order, perhaps with others among them, so each is looked for by what it has signed.
 */
function intermediatesOf(certificate: X509Certificate): number {
  const sent: X509Certificate[] = []
  // What Node calls the issuer is only the next that was sent.
  for (let one = certificate.issuerCertificate; one !== undefined; one = one.issuerCertificate) {
    if (sent.length === MAX_SENT) return Number.POSITIVE_INFINITY
    if (!one.checkIssued(one)) sent.push(one)
  }
  let count = 0
  for (let at = certificate; count < sent.length; count++) {
    const signer = sent.find((one) => one !== at && at.checkIssued(one))
    if (signer === undefined) break
    at = signer
  }
  return count
}

/** A client that sends more than this has something in mind. */
const MAX_SENT = 20
