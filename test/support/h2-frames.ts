/**
 * A client of HTTP/2 that sends whatever frames a test wants, in whatever order, and reads what comes back frame by frame.
 *
 *     const peer = await connectFrames(shellac.port)         // preface and SETTINGS are sent
 *     peer.send(headers(1, request('/a'), { endStream: true }))
 *     const frame = await peer.frame((one) => one.type === Type.HEADERS)
 *
 * Heads are HPACK without compression: literal fields, never indexed, no Huffman code (RFC 7541 §6.2.3).
 */
import type { NetConnectOpts } from 'node:net'
import { onTestEnd } from './cleanup.ts'
import { connectSocket, Wire } from './wire.ts'

/** RFC 9113 §6. */
export const Type = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const

/** RFC 9113 §7. */
export const Code = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  ENHANCE_YOUR_CALM: 11,
} as const

const END_STREAM = 0x1
const END_HEADERS = 0x4
const ACK = 0x1

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export class FramePeer extends Wire {
  /** The next frame that is wanted; those before it are dropped. */
  async frame(isWanted: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const head = await this.read(9)
      const payload = await this.read(head.readUIntBE(0, 3))
      const frame = { type: head[3]!, flags: head[4]!, stream: head.readUInt32BE(5) & 0x7fffffff, payload }
      if (isWanted(frame)) return frame
    }
  }

  /** The error code of the GOAWAY that ends the connection; the close follows it. */
  async goaway(): Promise<number> {
    const frame = await this.frame(({ type }) => type === Type.GOAWAY)
    return frame.payload.readUInt32BE(4)
  }

  /** Waits until the server has answered a PING, and so has read all that was sent before. */
  async roundTrip(): Promise<void> {
    this.send(ping(7))
    await this.frame(({ type, flags }) => type === Type.PING && flags === ACK)
  }

  /** The error code of the RST_STREAM for a stream. */
  async resetCode(id: number): Promise<number> {
    const frame = await this.frame(({ type, stream }) => type === Type.RST_STREAM && stream === id)
    return frame.payload.readUInt32BE(0)
  }

  /** The status of the answer on a stream. */
  async status(id: number): Promise<number> {
    const { payload } = await this.frame(({ type, stream }) => type === Type.HEADERS && stream === id)
    return statusIn(payload)
  }
}

/** Connects and sends the preface with SETTINGS. `isSilent`: sends nothing yet. */
export async function connectFrames(target: number | NetConnectOpts, isSilent = false): Promise<FramePeer> {
  const options = typeof target === 'number' ? { port: target, host: '127.0.0.1' } : target
  const peer = new FramePeer(await connectSocket(options))
  onTestEnd(() => {
    peer.socket.destroy()
  })
  if (!isSilent) peer.send(Buffer.concat([Buffer.from(PREFACE), settings([[1, 0]])])) // no table, so that `status` can read
  return peer
}

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A list of names and values as HEADERS. `endHeaders` false: CONTINUATION follows. */
export function headers(
  stream: number,
  list: readonly string[],
  { endStream = false, endHeaders = true }: { endStream?: boolean; endHeaders?: boolean } = {},
): Buffer {
  return frame(Type.HEADERS, (endStream ? END_STREAM : 0) | (endHeaders ? END_HEADERS : 0), stream, block(list))
}

export function continuation(stream: number, list: readonly string[], endHeaders = false): Buffer {
  return frame(Type.CONTINUATION, endHeaders ? END_HEADERS : 0, stream, block(list))
}

export function data(stream: number, payload: string | Buffer, endStream = false): Buffer {
  return frame(Type.DATA, endStream ? END_STREAM : 0, stream, Buffer.from(payload as string, 'latin1'))
}

export function rst(stream: number, code: number): Buffer {
  return frame(Type.RST_STREAM, 0, stream, uint32(code))
}

export function ping(number: number): Buffer {
  return frame(Type.PING, 0, 0, Buffer.concat([uint32(0), uint32(number)]))
}

export function windowUpdate(stream: number, bytes: number): Buffer {
  return frame(Type.WINDOW_UPDATE, 0, stream, uint32(bytes))
}

/** Pairs of id and value (RFC 9113 §6.5.2). */
export function settings(pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6)
  for (const [i, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, i * 6)
    payload.writeUInt32BE(value, i * 6 + 2)
  }
  return frame(Type.SETTINGS, 0, 0, payload)
}

/** The head of a GET, and what is to stand behind it. */
export function request(path: string, ...more: readonly string[]): string[] {
  return [':method', 'GET', ':scheme', 'http', ':authority', 'test.example', ':path', path, ...more]
}

/** Literal fields, never indexed, with new names; bytes are latin1. */
export function block(list: readonly string[]): Buffer {
  const parts: Buffer[] = []
  for (let i = 0; i < list.length; i += 2) {
    parts.push(Buffer.from([0x10]), literal(list[i]!), literal(list[i + 1]!))
  }
  return Buffer.concat(parts)
}

/** RFC 7541 §5.1, §5.2: a length with a prefix of 7 bits, and the bytes. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
  length.push(rest)
  return Buffer.concat([Buffer.from(length), bytes])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** RFC 7541 appendix A: the statuses that have an index of their own; a new one is spelt out behind the index of its name. */
function statusIn(payload: Buffer): number {
  let at = 0
  while ((payload[at]! & 0xe0) === 0x20) at++ // dynamic table size updates
  const first = payload[at]!
  const indexed = [200, 204, 206, 304, 400, 404, 500][first - 0x88]
  if (indexed !== undefined) return indexed
  // Literal with the name at index 8 to 14; three digits, Huffman coded or not.
  const length = payload[at + 1]! & 0x7f
  const text = payload.subarray(at + 2, at + 2 + length)
  if ((payload[at + 1]! & 0x80) === 0) return Number(text.toString('latin1'))
  return huffmanDigits(text)
}

/** RFC 7541 appendix B: 0, 1 and 2 have codes of 5 bits, the other digits of 6 that begin with 011001. */
function huffmanDigits(bytes: Buffer): number {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  let digits = ''
  for (let at = 0; digits.length < 3; ) {
    const short = Number.parseInt(bits.slice(at, at + 5), 2)
    if (short < 3) {
      digits += short
      at += 5
    } else {
      digits += Number.parseInt(bits.slice(at, at + 6), 2) - 0x19 + 3
      at += 6
    }
  }
  return Number(digits)
}
