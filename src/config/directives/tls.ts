/**
 *     tls {
 *         certificate /etc/shellac/shop.crt key /etc/shellac/shop.key;
 *         certificate /etc/shellac/shop-rsa.pem key ${cred:shop.key} for shop.example.com ocsp /etc/shellac/shop.ocsp;
 *         sni strict; min-version 1.2; groups X25519MLKEM768 X25519 P-256;
 *         client-certificate required { ca /etc/shellac/staff-ca.pem; depth 2; }
 *         handshake-timeout 10s; handshakes 1000; sessions edge-tls;
 *     }
 */
import type { PemSource, TlsVersion } from '../../plan/tls-plan.ts'
import { didYouMean, suggest } from '../suggest.ts'
import { readHostPattern } from '../values/host.ts'
import { accept, refuseAs } from '../values/read.ts'
import { readOneOf } from '../values/words.ts'
import { many, nothing, one, type Value } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import { useSessions } from './tls-sessions.ts'
import { filePath, integer, oneOf, pemSource, waitingTime } from './values.ts'

/** What a client may ask for: no address, and no `*` for every name, as the first certificate is that already. */
const shownName: Value<string> = {
  syntax: 'HOST',
  read(argument) {
    if (argument.text === 'ocsp') return refuseAs(argument, 'bad-host', 'host', 'write the names behind "for" first')
    const host = readHostPattern(argument)
    if (!host.ok || /[a-z]/.test(host.value)) return host
    const help = 'clients ask for host names; the first certificate is shown to those who ask for anything else'
    return refuseAs(argument, 'bad-host', 'name of a host', help)
  },
}

export interface CertificateArguments {
  readonly certificate: PemSource
  readonly key: PemSource
  readonly names: readonly string[]
  readonly ocspPath: string | undefined
}

const certificateShape: Shape<CertificateArguments> = {
  syntax: `${pemSource.syntax} [key ${pemSource.syntax}] [for ${shownName.syntax} ...] [ocsp ${filePath.syntax}]`,
  read(reader) {
    const certificate = reader.next(pemSource)
    if (certificate === undefined) return undefined
    const key = reader.takeWord('key') ? reader.next(pemSource) : certificate
    const names: string[] = []
    if (key !== undefined && reader.takeWord('for')) {
      do {
        const name = reader.next(shownName)
        if (name !== undefined) names.push(name)
      } while (!reader.hasFailed && reader.peek() !== undefined && reader.peek()?.text !== 'ocsp')
    }
    const ocspPath = !reader.hasFailed && reader.takeWord('ocsp') ? reader.next(filePath) : undefined
    return key === undefined || reader.hasFailed ? undefined : { certificate, key, names, ocspPath }
  },
}

export const certificate = directive({
  name: 'certificate',
  shape: certificateShape,
  repeat: 'many',
  isRequired: true,
  phase: 'accept',
  doc:
    'What clients are shown: a file in PEM with the certificate and behind it those that lead to the root, and a file with ' +
    'the key, if it does not stand in the same one. Both may be secrets that hold the text itself. A client is shown the ' +
    'certificate that has the name it asks for, or those names that stand behind "for"; whoever asks for another name, or ' +
    'for none, is shown the first ("sni"). Of certificates for one name with different kinds of keys, such as ECDSA and RSA, ' +
    'each client is shown one that it can use. Behind "ocsp" stands a file with the answer of the certificate authority, ' +
    'in DER, which is stapled while it is valid. All these files are read again when they change, and with a reload; what ' +
    'cannot be used leaves the old certificate in its place, and the log says why.',
  example: 'certificate /etc/shellac/shop.crt key /etc/shellac/shop.key;',
  peers: [
    'ssl_certificate',
    'ssl_certificate_key',
    'ssl_password_file',
    'crt',
    'crt-list',
    'crt-base',
    'SSLCertificateFile',
    'SSLCertificateKeyFile',
    'SSLCertificateChainFile',
    'ssl_stapling',
    'ssl_stapling_file',
    'SSLUseStapling',
    'ocsp-update',
    'tls-cert',
    'cert',
    'pem-file',
  ],
})

export const sni = directive({
  name: 'sni',
  shape: one(oneOf('default', 'strict')),
  defaultText: 'default',
  phase: 'accept',
  doc:
    'What becomes of clients that ask for a name no certificate has, or for none. By default they are shown the first ' +
    'certificate; with "strict" they are refused with the alert unrecognized_name.',
  example: 'sni strict;',
  peers: ['strict-sni', 'SSLStrictSNIVHostCheck', 'ssl_reject_handshake', 'sni-nomatch-abort'],
})

/** With what to say of versions that are too old for anyone. */
const tlsVersion: Value<TlsVersion> = {
  syntax: '1.2|1.3',
  read(argument) {
    const read = readOneOf(argument, ['1.2', '1.3'] as const)
    if (read.ok) return read
    const version = /^(?:tls|ssl)v?(\d(?:\.\d)?)$/i.exec(argument.text)?.[1] ?? argument.text
    if (version === '1.2' || version === '1.3') {
      return refuseAs(argument, 'bad-choice', 'version of TLS', `did you mean "${version}"?`)
    }
    const isOld = ['1.0', '1.1', '1', '2', '3'].includes(version)
    const help = isOld ? 'write 1.2 or 1.3; older versions are broken and not spoken' : 'write 1.2 or 1.3'
    return refuseAs(argument, 'bad-choice', 'version of TLS', help)
  },
}

export const minVersion = directive({
  name: 'min-version',
  shape: one(tlsVersion),
  defaultText: '1.2',
  phase: 'accept',
  doc: 'The oldest version of TLS that is spoken. TLS 1.1 and what came before it never is (RFC 8996).',
  example: 'min-version 1.3;',
  peers: ['ssl_protocols', 'ssl-min-ver', 'SSLProtocol', 'no-tlsv12', 'ssl-default-bind-options', 'tls_min_version'],
})

export const maxVersion = directive({
  name: 'max-version',
  shape: one(tlsVersion),
  defaultText: '1.3',
  phase: 'accept',
  doc: 'The newest version of TLS that is spoken.',
  example: 'max-version 1.2;',
  peers: ['ssl-max-ver', 'no-tlsv13'],
})

/** Forward secret and authenticated; the first group is what browsers take. */
export const safeCiphers = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
] as const

/** Forward secret too, but in CBC mode, which has leaked by its timing (Lucky Thirteen). */
export const oldCiphers = [
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA384',
] as const

const suiteNames = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'] as const

const groupNames = [
  'X25519MLKEM768',
  'SecP256r1MLKEM768',
  'SecP384r1MLKEM1024',
  'X25519',
  'X448',
  'P-256',
  'P-384',
  'P-521',
] as const

/** `ECDHE-RSA-AES128-GCM-SHA256` of the names that the registry of IANA has: `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. */
function opensslName(text: string): string {
  const ianaName = /^TLS_(ECDHE_(?:ECDSA|RSA))_WITH_(\w+)$/.exec(text)
  if (ianaName === null) return text
  const [, exchange = '', rest = ''] = ianaName
  const cipher = rest
    .replace(/AES_(\d+)_CBC/, 'AES$1')
    .replace(/AES_(\d+)/, 'AES$1')
    .replace('CHACHA20_POLY1305_SHA256', 'CHACHA20_POLY1305')
  return `${exchange}_${cipher}`.replaceAll('_', '-')
}

const cipher: Value<string> = {
  syntax: 'CIPHER',
  read(argument) {
    const { text } = argument
    const known = [...safeCiphers, ...oldCiphers]
    const name = opensslName(text)
    if (name !== text && known.some((one) => one === name)) {
      return refuseAs(argument, 'bad-cipher', 'cipher', `did you mean "${name}"?`)
    }
    if (suiteNames.some((one) => one === text)) {
      return refuseAs(argument, 'bad-cipher', 'cipher of TLS 1.2', `those of TLS 1.3 have their own: suites ${text};`)
    }
    if (/[:!+@]/.test(text)) {
      const help = `write the names with blanks between them: ciphers ${safeCiphers[0]} ${safeCiphers[1]};`
      return refuseAs(argument, 'bad-cipher', 'cipher', help)
    }
    const near =
      didYouMean(suggest(text, known)) ?? '"shellac help ciphers" lists those that are safe enough to stand here'
    return known.some((one) => one === text) ? accept(text) : refuseAs(argument, 'bad-cipher', 'cipher for here', near)
  },
}

export const ciphers = directive({
  name: 'ciphers',
  shape: { ...many(cipher), forms: [[...safeCiphers, ...oldCiphers].join('|')] },
  defaultText: safeCiphers.join(' '),
  phase: 'accept',
  doc:
    'The ciphers of TLS 1.2, as OpenSSL names them. All that may stand here have forward secrecy; those whose names end in ' +
    'SHA256 or SHA384 without GCM are only for clients of before 2014. See "cipher-order" for which of them is taken.',
  example: 'ciphers ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256;',
  peers: ['ssl_ciphers', 'SSLCipherSuite', 'ssl-default-bind-ciphers', 'ssl_dhparam', 'tune.ssl.default-dh-param'],
})

export const suites = directive({
  name: 'suites',
  shape: { ...many(oneOf(...suiteNames)), syntax: 'SUITE ...', forms: [suiteNames.join('|')] },
  defaultText: suiteNames.join(' '),
  phase: 'accept',
  doc: 'The cipher suites of TLS 1.3.',
  example: 'suites TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256;',
  peers: ['ssl_conf_command', 'ssl-default-bind-ciphersuites', 'SSLOpenSSLConfCmd'],
})

const group: Value<string> = {
  syntax: 'GROUP',
  read(argument) {
    const other = groupAliases.get(argument.text.toLowerCase())
    if (other === undefined) return readOneOf(argument, groupNames)
    return other === argument.text
      ? accept(other)
      : refuseAs(argument, 'bad-group', 'group', `did you mean "${other}"?`)
  },
}

const groupAliases: ReadonlyMap<string, (typeof groupNames)[number]> = new Map([
  ['prime256v1', 'P-256'],
  ['secp256r1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
  ...groupNames.map((name) => [name.toLowerCase(), name] as const),
])

export const groups = directive({
  name: 'groups',
  shape: { ...many(group), forms: [groupNames.join('|')] },
  defaultText: 'X25519MLKEM768 X25519 P-256 P-384',
  phase: 'accept',
  doc:
    'The groups of the key exchange, first choice first. X25519MLKEM768 keeps what is recorded today closed to the quantum ' +
    'computers of tomorrow; a group that the OpenSSL of this Node does not know is left out.',
  example: 'groups X25519 P-256;',
  peers: ['ssl_ecdh_curve', 'curves', 'ecdhe', 'ssl-default-bind-curves'],
})

export const cipherOrder = directive({
  name: 'cipher-order',
  shape: one(oneOf('client', 'server')),
  defaultText: 'client',
  phase: 'accept',
  doc:
    'Who chooses among the ciphers that both sides know. All that are offered are safe, and a telephone without AES in ' +
    'hardware knows better what costs it least; so that is the client unless this says otherwise.',
  example: 'cipher-order server;',
  peers: ['ssl_prefer_server_ciphers', 'SSLHonorCipherOrder', 'prefer-client-ciphers', 'prefer-server-ciphers'],
})

export const clientCa = directive({
  name: 'ca',
  shape: one(pemSource),
  isRequired: true,
  phase: 'accept',
  doc:
    'The certificates, in PEM, of who may have signed those of clients. Read again when the file changes; sessions that ' +
    'began under others are then not resumed.',
  example: 'ca /etc/shellac/staff-ca.pem;',
  peers: ['ssl_client_certificate', 'ssl_trusted_certificate', 'ca-file', 'SSLCACertificateFile', 'ca-verify-file'],
})

export const clientDepth = directive({
  name: 'depth',
  shape: one(integer(0, 10)),
  defaultText: '3',
  phase: 'accept',
  doc:
    'How many certificates may stand between that of a client and one of "ca". Who shows one that stands farther away is not ' +
    'served, also where certificates are optional.',
  example: 'depth 1;',
  peers: ['ssl_verify_depth', 'SSLVerifyDepth'],
})

export const clientCertificateContext: Context = {
  name: 'client-certificate',
  doc: 'Who may have signed the certificates of clients.',
  directives: [clientCa, clientDepth],
}

export const clientCertificate = directive({
  name: 'client-certificate',
  shape: one(oneOf('optional', 'required')),
  block: 'client-certificate',
  phase: 'accept',
  doc:
    'Clients are asked for a certificate. With "required" nobody is served without a valid one; with "optional" everybody ' +
    'is, and matchers tell who has shown what ("client-certificate" in "match").',
  example: 'client-certificate required { ca /etc/shellac/staff-ca.pem; }',
  peers: ['ssl_verify_client', 'verify', 'SSLVerifyClient', 'client_auth', 'crt-ignore-err'],
})

export const handshakeTimeout = directive({
  name: 'handshake-timeout',
  shape: one(waitingTime),
  defaultText: '10s',
  phase: 'limits',
  doc: 'The longest time from the accept of a connection to the end of its handshake. After it the connection is closed.',
  example: 'handshake-timeout 5s;',
  peers: ['ssl_handshake_timeout', 'tune.ssl.maxlifetime', 'SSLHandshakeTimeout', 'handshake_timeout'],
})

export const handshakes = directive({
  name: 'handshakes',
  shape: one(integer(1, 1_000_000)),
  defaultText: '1000',
  phase: 'limits',
  doc:
    'How many handshakes may be under way in each worker. When one more client comes, the one that has taken longest so far ' +
    'is closed, so that slow ones cannot keep the others out.',
  example: 'handshakes 2000;',
  peers: ['maxsslconn', 'maxsslrate'],
})

export const tlsContext: Context = {
  name: 'tls',
  doc: 'How a listener speaks TLS. What is not mentioned is safe as it is.',
  directives: [
    certificate,
    sni,
    minVersion,
    maxVersion,
    ciphers,
    suites,
    groups,
    cipherOrder,
    clientCertificate,
    handshakeTimeout,
    handshakes,
    useSessions,
  ],
}

export const tls = directive({
  name: 'tls',
  shape: nothing,
  block: 'tls',
  phase: 'accept',
  doc:
    'Clients of this listener speak TLS 1.2 or 1.3. Clients may not renegotiate. Certificates are a matter of the machine, not ' +
    'of the configuration: the checker does not look at them. A start fails where a listener has none that can be used; ' +
    'later the old ones stay.',
  example: 'tls { certificate /etc/shellac/shop.crt key /etc/shellac/shop.key; }',
  peers: ['ssl', 'bind ssl', 'SSLEngine', 'https_port', 'tls_cert', 'listen ssl'],
})
