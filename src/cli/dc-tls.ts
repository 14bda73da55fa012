/** TLS between agents and servers, each side with a certificate that the other's CA has signed. The original has none. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions, SecureVersion } from 'node:tls'
import type { Address } from '../distcache/address.ts'
import { describeError } from '../log/errno.ts'
import type { DcOption, DcValues } from './dc-options.ts'
import { UsageError } from './options.ts'

export const dcTlsOptions: readonly DcOption[] = [
  { name: 'tls-cert', value: 'FILE', doc: 'speak TLS, with this certificate (PEM, with its chain)' },
  { name: 'tls-key', value: 'FILE', doc: 'the private key of the certificate (PEM)' },
  { name: 'tls-ca', value: 'FILE', doc: 'the other side must have a certificate of one of these authorities (PEM)' },
]

/** What both sides need of it, for tls.connect and tls.createServer. */
export interface DcTls {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca: Buffer
  readonly requestCert: true
  readonly rejectUnauthorized: true
  readonly minVersion: SecureVersion
}

/** undefined: no TLS. Throws a UsageError when only a part is given, an Error for the operator when a file cannot be read. */
export function readDcTls(values: DcValues): DcTls | undefined {
  const names = dcTlsOptions.map(({ name }) => name)
  const missing = names.filter((name) => !values.has(name))
  if (missing.length === names.length) return undefined
  if (missing.length > 0) {
    throw new UsageError(`-${missing.join(' and -')} missing: each side proves who it is, or there is no TLS`)
  }
  const [cert, key, ca] = names.map((name) => readPem(values.get(name)!))
  return { cert: cert!, key: key!, ca: ca!, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' }
}

/** As `readDcTls`, for who connects to `server`: its certificate is to have the name that was given, before it is looked up. */
export function readDcClientTls(values: DcValues, server: Address): ConnectionOptions | undefined {
  const tls = readDcTls(values)
  if (tls === undefined || server.kind === 'unix' || server.host === undefined) return tls
  // RFC 6066 §3: an IP address is no server name; it is compared with the certificate all the same.
  return isIP(server.host) === 0 ? { ...tls, servername: server.host } : tls
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Error(`cannot read "${path}": ${describeError(error)}`)
  }
}
