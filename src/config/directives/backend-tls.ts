/**
 *     backend app {
 *         server a app.internal:8443; protocol auto;
 *         tls {
 *             verify on; ca /etc/shellac/internal-ca.pem; server-name app.internal;
 *             certificate /etc/shellac/client.crt key /etc/shellac/client.key; min-version 1.3;
 *         }
 *     }
 */
import type { OriginProtocol } from '../../plan/origin-tls-plan.ts'
import type { PemSource, TlsVersion } from '../../plan/tls-plan.ts'
import { many, nothing, one } from './arguments.ts'
import { type Context, directive, type Shape } from './directive.ts'
import { cipherName, oneOf, onOff, originName, pemSource } from './values.ts'

export const verify = directive({
  name: 'verify',
  shape: one(onOff),
  defaultText: 'on',
  phase: 'fetch',
  doc:
    'Whether the certificate of a server must be valid, signed by someone trusted, and made out to the name of the ' +
    'server. Without it whoever is on the way can answer in its place; then the requests may as well go without TLS.',
  example: 'verify off;',
  peers: ['proxy_ssl_verify', 'SSLProxyVerify', '.ssl_verify_peer', 'tls_insecure_skip_verify', 'sslflags'],
})

export const originCa = directive({
  name: 'ca',
  shape: one(pemSource),
  phase: 'fetch',
  doc:
    'The certificates, in PEM, of who may sign those of the servers, and nobody else may. Without it the usual ones are ' +
    'trusted: those of the system and those that come with Node.',
  example: 'ca /etc/shellac/internal-ca.pem;',
  peers: ['proxy_ssl_trusted_certificate', 'ca-file', 'SSLProxyCACertificateFile', 'tls_trust_pool', 'sslcafile'],
})

export const serverName = directive({
  name: 'server-name',
  shape: one(originName),
  phase: 'fetch',
  doc:
    'The name that is asked for in the handshake (SNI), and that the certificate of a server must have. Without it that is ' +
    'the host of the server as its address gives it; of a host that is an IP address nothing is asked for, and the ' +
    'certificate must have the address.',
  example: 'server-name app.internal;',
  peers: ['proxy_ssl_name', 'proxy_ssl_server_name', 'sni', 'verifyhost', '.ssl_sni_hostname', 'tls_server_name'],
})

export interface OriginCertificateArguments {
  readonly certificate: PemSource
  readonly key: PemSource
}

const certificateShape: Shape<OriginCertificateArguments> = {
  syntax: `${pemSource.syntax} key ${pemSource.syntax}`,
  read(reader) {
    const certificate = reader.next(pemSource)
    if (certificate === undefined || !reader.expectWord('key')) return undefined
    const key = reader.next(pemSource)
    return key === undefined ? undefined : { certificate, key }
  },
}

export const originCertificate = directive({
  name: 'certificate',
  shape: certificateShape,
  phase: 'fetch',
  doc:
    'What Shellac shows to servers that ask who it is: a certificate in PEM, with the chain behind it, and its key. The ' +
    'key may be a secret instead of a file.',
  example: 'certificate /etc/shellac/client.crt key /etc/shellac/client.key;',
  peers: [
    'proxy_ssl_certificate',
    'proxy_ssl_certificate_key',
    'crt',
    'SSLProxyMachineCertificateFile',
    'tls_client_auth',
  ],
})

const tlsVersion = oneOf<TlsVersion>('1.2', '1.3')

export const originMinVersion = directive({
  name: 'min-version',
  shape: one(tlsVersion),
  defaultText: '1.2',
  phase: 'fetch',
  doc: 'The oldest version of TLS that a server may speak.',
  example: 'min-version 1.3;',
  peers: ['proxy_ssl_protocols', 'ssl-min-ver', 'SSLProxyProtocol'],
})

export const originCiphers = directive({
  name: 'ciphers',
  shape: many(cipherName),
  phase: 'fetch',
  doc: 'The ciphers offered to the servers, as OpenSSL names them, the best first. Without it Node decides.',
  example: 'ciphers TLS_AES_128_GCM_SHA256 ECDHE-RSA-AES128-GCM-SHA256;',
  peers: ['proxy_ssl_ciphers', 'SSLProxyCipherSuite', 'ciphersuites'],
})

export const backendTlsContext: Context = {
  name: 'backend tls',
  doc: 'How the servers of a backend are spoken to over TLS.',
  directives: [verify, originCa, serverName, originCertificate, originMinVersion, originCiphers],
}

export const backendTls = directive({
  name: 'tls',
  shape: nothing,
  block: 'backend tls',
  isBlockOptional: true,
  phase: 'fetch',
  doc:
    'The servers are spoken to over TLS. The handshake counts against "connect-timeout"; sessions are used again. A server ' +
    'whose certificate is not accepted gets no request, the client gets 502, and the log says what is wrong with it.',
  example: 'tls { ca /etc/shellac/internal-ca.pem; }',
  peers: ['proxy_ssl', 'proxy_pass https', 'SSLProxyEngine', '.ssl', 'ssl verify', 'proxy_ssl_session_reuse'],
})

export const protocol = directive({
  name: 'protocol',
  shape: one(oneOf<OriginProtocol>('h1', 'h2', 'h2c', 'auto')),
  defaultText: 'h1',
  phase: 'fetch',
  doc:
    'What the servers speak: "h1" is HTTP/1.1, "h2" is HTTP/2 over TLS, "h2c" is HTTP/2 without TLS, and "auto" is whichever ' +
    'of the two a server chooses in the TLS handshake. Over HTTP/2 many requests share a connection, and the trailers of gRPC ' +
    'come through; a change of protocol, such as to websocket, is asked for only over HTTP/1.1, for which "auto" opens a ' +
    'connection of its own.',
  example: 'protocol h2c;',
  peers: ['grpc_pass', 'proxy_http_version', 'proto h2', 'alpn', '.proto', 'http_version', 'ProxyPass h2c'],
})
