/**
 * The first message of a TLS connection, read before TLS itself sees it: Node tells a server the legacy session id of a
 * hello and nothing of its PSK identities, which are what a TLS 1.3 client names its session by (RFC 8446 §4.2.11).
 *
 *     record   type 22 | version 3.x | length u16 | fragment ...                       RFC 8446 §5.1
 *     message  type 1 | length u24 | version u16 | random 32 | session id <0..32>      RFC 8446 §4.1.2
 *              | cipher suites <2..2^16-2> | compression methods <1..255> | extensions <..2^16-1>
 *
 * The hard part is that a message may lie in several records, and a record in several segments: what is not whole is
 * 'more', and the bytes so far are read again with the next, which costs one look per record until the message is
 * whole. All lengths are a stranger's. What is not as the RFCs want it is 'not-a-hello', which is no verdict: whoever
 * asked hands the bytes to TLS all the same, which refuses them better.
 */

/** What of a hello is needed to find its session. The Buffers may be views of the bytes read: copy what is kept. */
export interface ClientHello {
  /** legacy_session_id, 0 to 32 bytes: names a session in TLS 1.2 and is only an echo in TLS 1.3. */
  readonly sessionId: Buffer
  /** The first identity of pre_shared_key: the ticket of a TLS 1.3 session, which is its id where none are sealed. */
  readonly firstIdentity: Buffer | undefined
  /** host_name of server_name (RFC 6066 §3), letters as the client sent them; visible ASCII only. */
  readonly serverName: string | undefined
  /** supported_versions names TLS 1.3: a server that speaks it goes by `firstIdentity` alone (RFC 8446 §4.2.1). */
  readonly offersTls13: boolean
  /** session_ticket is there: the client keeps tickets, whether or not it has one (RFC 5077 §3.2). */
  readonly keepsTickets: boolean
}

/** Of the handshake message. Hellos with post-quantum key shares have 2 KiB, with a large ticket besides some 6. */
const MAX_MESSAGE_BYTES = 16 * 1024
/** A hello of usual size lies in one or two; a stranger's records of one byte each would make us look often. */
const MAX_RECORDS = 32
const RECORD_HEAD_BYTES = 5
const MESSAGE_HEAD_BYTES = 4

/** No hello has its end behind so many bytes; a reader that has them gets an answer other than 'more'. */
export const MAX_CLIENT_HELLO_BYTES = MAX_MESSAGE_BYTES + MAX_RECORDS * RECORD_HEAD_BYTES

const HANDSHAKE_RECORD = 22
/** RFC 8446 §5.1: a fragment is never longer, and one of a handshake never empty. */
const MAX_FRAGMENT_BYTES = 16 * 1024
const CLIENT_HELLO = 1
const RANDOM_BYTES = 32
const MAX_SESSION_ID_BYTES = 32
const SERVER_NAME = 0
const HOST_NAME = 0
/** Of a DNS name (RFC 1035 §2.3.4). */
const MAX_NAME_BYTES = 255
const SESSION_TICKET = 35
const PRE_SHARED_KEY = 41
const SUPPORTED_VERSIONS = 43
const TLS_13 = 0x0304
/** obfuscated_ticket_age, behind each identity. */
const TICKET_AGE_BYTES = 4
/** RFC 8446 §4.2.11: a binder is a hash, and there are none of fewer bytes. */
const MIN_BINDER_BYTES = 32

/** The bytes from `start` to `end` (exclusive) are the first of a connection. Never throws. */
export function readClientHello(bytes: Buffer, start: number, end: number): ClientHello | 'more' | 'not-a-hello' {
  const message = findMessage(bytes, start, end)
  if (typeof message === 'string') return message
  return readMessage(new Fields(message, MESSAGE_HEAD_BYTES, message.length)) ?? 'not-a-hello'
}

/** The whole handshake message, head included: a view where it lies in one record, otherwise a copy. */
function findMessage(bytes: Buffer, start: number, end: number): Buffer | 'more' | 'not-a-hello' {
  const fragments: Buffer[] = []
  let gathered = 0
  let messageBytes = -1
  for (let at = start; fragments.length < MAX_RECORDS; ) {
    const length = fragmentLength(bytes, at, end)
    if (typeof length === 'string') return length
    at += RECORD_HEAD_BYTES
    const fragment = bytes.subarray(at, Math.min(at + length, end))
    fragments.push(fragment)
    gathered += fragment.length
    at += length
    if (messageBytes === -1) {
      const known = messageLength(fragments, gathered)
      if (known === 'not-a-hello') return known
      if (known !== 'more') messageBytes = known
    }
    // A hello ends with its record: whatever else came in it, OpenSSL would refuse (RFC 8446 §5.1).
    if (messageBytes !== -1 && gathered - fragment.length + length > messageBytes) return 'not-a-hello'
    if (gathered === messageBytes) return fragments.length === 1 ? fragment : Buffer.concat(fragments, gathered)
    if (at > end) return 'more'
  }
  return 'not-a-hello'
}

/** How many bytes the record at `at` holds. */
function fragmentLength(bytes: Buffer, at: number, end: number): number | 'more' | 'not-a-hello' {
  if (at < end && bytes[at] !== HANDSHAKE_RECORD) return 'not-a-hello'
  if (at + 1 < end && bytes[at + 1] !== 3) return 'not-a-hello'
  if (at + RECORD_HEAD_BYTES > end) return 'more'
  const length = bytes.readUInt16BE(at + 3)
  return length === 0 || length > MAX_FRAGMENT_BYTES ? 'not-a-hello' : length
}

/** Bytes of the message with its head, once that is there. */
function messageLength(fragments: readonly Buffer[], gathered: number): number | 'more' | 'not-a-hello' {
  const first = fragments[0]!
  if (first.length > 0 && first[0] !== CLIENT_HELLO) return 'not-a-hello'
  if (gathered < MESSAGE_HEAD_BYTES) return 'more'
  const head = first.length >= MESSAGE_HEAD_BYTES ? first : Buffer.concat(fragments)
  const length = MESSAGE_HEAD_BYTES + head.readUIntBE(1, 3)
  return length > MAX_MESSAGE_BYTES ? 'not-a-hello' : length
}

function readMessage(hello: Fields): ClientHello | undefined {
  hello.skip(2 + RANDOM_BYTES)
  const sessionId = hello.view(hello.u8())
  const suiteBytes = hello.u16()
  hello.skip(suiteBytes)
  const methodBytes = hello.u8()
  hello.skip(methodBytes)
  if (hello.broken || sessionId.length > MAX_SESSION_ID_BYTES) return undefined
  if (suiteBytes < 2 || suiteBytes % 2 === 1 || methodBytes === 0) return undefined
  if (hello.isAtEnd()) return { sessionId, ...NO_EXTENSIONS }
  const extensions = hello.inner(hello.u16())
  const found = readExtensions(extensions)
  return found === undefined || hello.broken || !hello.isAtEnd() ? undefined : { sessionId, ...found }
}

function readExtensions(extensions: Fields): Omit<ClientHello, 'sessionId'> | undefined {
  let firstIdentity: Buffer | undefined
  let serverName: string | undefined
  let names = 0
  let offersTls13 = false
  let keepsTickets = false
  while (!extensions.isAtEnd()) {
    // RFC 8446 §4.2.11: pre_shared_key is the last of all, so what follows it is no extension of a hello.
    if (firstIdentity !== undefined) return undefined
    const type = extensions.u16()
    const content = extensions.inner(extensions.u16())
    if (extensions.broken) return undefined
    if (type === PRE_SHARED_KEY) {
      firstIdentity = readFirstIdentity(content)
      if (firstIdentity === undefined) return undefined
    } else if (type === SERVER_NAME) {
      const name = readServerName(content)
      // RFC 8446 §4.2: no extension twice.
      if (name === undefined || ++names > 1) return undefined
      serverName = name === '' ? undefined : name
    } else if (type === SUPPORTED_VERSIONS) offersTls13 = readVersions(content)
    else if (type === SESSION_TICKET) keepsTickets = true
  }
  return { firstIdentity, serverName, offersTls13, keepsTickets }
}

/** The first of the identities; undefined when identities and binders are not as RFC 8446 §4.2.11 draws them. */
function readFirstIdentity(content: Fields): Buffer | undefined {
  const identities = content.inner(content.u16())
  const binders = content.inner(content.u16())
  if (content.broken || !content.isAtEnd()) return undefined
  let first: Buffer | undefined
  let count = 0
  while (!identities.isAtEnd()) {
    const identity = identities.view(identities.u16())
    identities.skip(TICKET_AGE_BYTES)
    if (identities.broken || identity.length === 0) return undefined
    first ??= identity
    count++
  }
  for (; !binders.isAtEnd(); count--) {
    const length = binders.u8()
    binders.skip(length)
    if (binders.broken || length < MIN_BINDER_BYTES) return undefined
  }
  return count === 0 ? first : undefined
}

/** Whether TLS 1.3 is among the versions (RFC 8446 §4.2.1); a list that is none has nothing in it. */
function readVersions(content: Fields): boolean {
  const versions = content.inner(content.u8())
  let isThere = false
  while (!versions.isAtEnd()) isThere = versions.u16() === TLS_13 || isThere
  return isThere && !versions.broken && content.isAtEnd()
}

/** '' for a name that no certificate of ours can bear; undefined when the list is not as RFC 6066 §3 draws it. */
function readServerName(content: Fields): string | undefined {
  const list = content.inner(content.u16())
  const type = list.u8()
  const name = list.view(list.u16())
  // RFC 6066 §3: one name of each type, and there is only one type.
  if (content.broken || list.broken || !content.isAtEnd() || !list.isAtEnd()) return undefined
  if (type !== HOST_NAME || name.length === 0 || name.length > MAX_NAME_BYTES) return undefined
  return name.every((letter) => letter > 0x20 && letter < 0x7f) ? name.toString('latin1') : ''
}

const NOTHING = Buffer.alloc(0)
const NO_EXTENSIONS = {
  firstIdentity: undefined,
  serverName: undefined,
  offersTls13: false,
  keepsTickets: false,
} as const

/** Reads big-endian fields in turn. A read past the end gives 0 or nothing and leaves the reader broken and at its end. */
class Fields {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number
  broken = false

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  isAtEnd(): boolean {
    return this.#at === this.#end
  }

  u8(): number {
    const at = this.#take(1)
    return at === -1 ? 0 : this.#bytes[at]!
  }

  u16(): number {
    const at = this.#take(2)
    return at === -1 ? 0 : this.#bytes.readUInt16BE(at)
  }

  view(length: number): Buffer {
    const at = this.#take(length)
    return at === -1 ? NOTHING : this.#bytes.subarray(at, at + length)
  }

  /** A reader for the next `length` bytes alone. */
  inner(length: number): Fields {
    const at = this.#take(length)
    return at === -1 ? new Fields(NOTHING, 0, 0) : new Fields(this.#bytes, at, at + length)
  }

  skip(length: number): void {
    this.#take(length)
  }

  /** Where the next `length` bytes begin, or -1. */
  #take(length: number): number {
    const at = this.#at
    if (length > this.#end - at) {
      this.broken = true
      this.#at = this.#end
      return -1
    }
    this.#at = at + length
    return at
  }
}
