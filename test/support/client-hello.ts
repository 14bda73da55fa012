/** TLS ClientHellos for tests: built field by field, or as Node's own client sends them. */
import { duplexPair } from 'node:stream'
import { type ConnectionOptions, connect } from 'node:tls'

export interface HelloParts {
  /** The version in the hello itself; 3.3 is TLS 1.2, and with no extension the newest there is. */
  readonly version?: readonly [major: number, minor: number]
  /** Numbers of cipher suites; two of TLS 1.3 without it. */
  readonly suites?: readonly number[]
  readonly sessionId?: Buffer
  /** Of pre_shared_key; none: no such extension. */
  readonly identities?: readonly Buffer[]
  readonly binders?: readonly Buffer[]
  readonly serverName?: string
  /** Before and behind the extensions that the parts above make. */
  readonly before?: readonly Buffer[]
  readonly behind?: readonly Buffer[]
  readonly withoutExtensions?: boolean
}

/** The handshake message of a hello, without a record around it. */
export function helloMessage(parts: HelloParts): Buffer {
  const { sessionId = Buffer.alloc(0), identities, serverName, before = [], behind = [] } = parts
  const extensions = [...before]
  if (serverName !== undefined) extensions.push(serverNameExtension(Buffer.from(serverName, 'latin1')))
  if (identities !== undefined) {
    const binders = parts.binders ?? identities.map(() => Buffer.alloc(32, 0xb1))
    extensions.push(pskExtension(identities, binders))
  }
  extensions.push(...behind)
  const { version = [3, 3] } = parts
  const suites = withLength(2, Buffer.concat((parts.suites ?? [0x1301, 0x1302]).map((suite) => uint(2, suite))))
  const fields = [Buffer.from(version), Buffer.alloc(32, 0x5a), withLength(1, sessionId), suites, Buffer.from([1, 0])]
  if (parts.withoutExtensions !== true) fields.push(withLength(2, Buffer.concat(extensions)))
  return Buffer.concat([Buffer.from([1]), withLength(3, Buffer.concat(fields))])
}

export function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([uint(2, type), withLength(2, content)])
}

export function serverNameExtension(name: Buffer): Buffer {
  return extension(0, withLength(2, Buffer.concat([Buffer.from([0]), withLength(2, name)])))
}

export function pskExtension(identities: readonly Buffer[], binders: readonly Buffer[]): Buffer {
  const ages = identities.map((identity) => Buffer.concat([withLength(2, identity), uint(4, 77)]))
  const proofs = binders.map((binder) => withLength(1, binder))
  return extension(41, Buffer.concat([withLength(2, Buffer.concat(ages)), withLength(2, Buffer.concat(proofs))]))
}

/** `message` in records of at most `fragmentBytes`. */
export function inRecords(message: Buffer, fragmentBytes = 16384): Buffer {
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += fragmentBytes) {
    const fragment = message.subarray(at, at + fragmentBytes)
    records.push(Buffer.from([22, 3, 1]), withLength(2, fragment))
  }
  return Buffer.concat(records)
}

/** The first bytes that Node's client sends. */
export function nodeHello(options: ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const [near, far] = duplexPair()
    const client = connect({ ...options, socket: near })
    client.on('error', () => {})
    far.once('data', (bytes: Buffer) => {
      client.destroy()
      resolve(bytes)
    })
  })
}

/** Big-endian. */
export function uint(bytes: number, value: number): Buffer {
  const number = Buffer.alloc(bytes)
  number.writeUIntBE(value, 0, bytes)
  return number
}

function withLength(lengthBytes: number, content: Buffer): Buffer {
  return Buffer.concat([uint(lengthBytes, content.length), content])
}
