/**
 * An origin that writes HTTP/2 frame by frame (RFC 9113 §4.1), also those that no library would send. It answers the
 * settings and pings of the proxy by itself; everything else is the script's.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onTestEnd } from './cleanup.ts'

/** Types of frames (§6). */
export const T = {
  data: 0,
  headers: 1,
  rst: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
/** Flags. */
export const END_STREAM = 1
export const ACK = 1
export const END_HEADERS = 4

const PREFACE_BYTES = 24
const HEAD_BYTES = 9

export interface RawScript {
  /** A head has come; its fields stay compressed. */
  onHeaders?(peer: RawH2Peer, streamId: number): void
  /** Instead of the usual empty SETTINGS. */
  onStart?(peer: RawH2Peer): void
  /** Settings and pings are not answered. */
  readonly isDeaf?: boolean
}

export class RawH2Peer {
  /** 0-based, in order of accept. */
  readonly index: number
  /** Type, stream and payload of all frames that came. */
  readonly frames: { readonly type: number; readonly flags: number; readonly id: number; readonly payload: Buffer }[] =
    []
  isClosed = false
  readonly #socket: Socket
  readonly #script: RawScript
  #input: Buffer = Buffer.alloc(0)
  #hasPreface = false

  constructor(socket: Socket, index: number, script: RawScript) {
    this.#socket = socket
    this.#script = script
    this.index = index
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
    })
    socket.on('data', (bytes: Buffer) => this.#read(bytes))
    if (script.onStart === undefined) this.send(T.settings, 0, 0)
    else script.onStart(this)
  }

  send(type: number, flags: number, id: number, payload: Buffer | string = ''): void {
    const body = Buffer.from(payload)
    const head = Buffer.alloc(HEAD_BYTES)
    head.writeUIntBE(body.length, 0, 3)
    head[3] = type
    head[4] = flags
    head.writeUInt32BE(id, 5)
    this.#socket.write(Buffer.concat([head, body]))
  }

  /** A whole head in one frame. */
  respond(id: number, status: number, fields: readonly (readonly [string, string])[] = [], flags = 0): void {
    const list = [[':status', String(status)] as const, ...fields]
    this.send(T.headers, END_HEADERS | flags, id, Buffer.concat(list.map(([name, value]) => literal(name, value))))
  }

  data(id: number, text: string, flags = 0): void {
    this.send(T.data, flags, id, text)
  }

  reset(id: number, code: number): void {
    this.send(T.rst, 0, id, number(code))
  }

  goaway(lastId: number, code: number): void {
    this.send(T.goaway, 0, 0, Buffer.concat([number(lastId), number(code)]))
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #acknowledge(type: number, payload: Buffer): void {
    if (type === T.settings) this.send(T.settings, ACK, 0)
    if (type === T.ping) this.send(T.ping, ACK, 0, payload)
  }

  #read(bytes: Buffer): void {
    this.#input = Buffer.concat([this.#input, bytes])
    if (!this.#hasPreface) {
      if (this.#input.length < PREFACE_BYTES) return
      this.#input = this.#input.subarray(PREFACE_BYTES)
      this.#hasPreface = true
    }
    for (;;) {
      if (this.#input.length < HEAD_BYTES) return
      const length = this.#input.readUIntBE(0, 3)
      if (this.#input.length < HEAD_BYTES + length) return
      const [type, flags, id] = [this.#input[3]!, this.#input[4]!, this.#input.readUInt32BE(5)]
      const payload = this.#input.subarray(HEAD_BYTES, HEAD_BYTES + length)
      this.#input = this.#input.subarray(HEAD_BYTES + length)
      this.frames.push({ type, flags, id, payload })
      if (flags !== ACK && this.#script.isDeaf !== true) this.#acknowledge(type, payload)
      if (type === T.headers) this.#script.onHeaders?.(this, id)
    }
  }
}

export interface RawH2Origin {
  readonly port: number
  readonly peers: readonly RawH2Peer[]
}

export async function startRawH2Origin(script: RawScript): Promise<RawH2Origin> {
  const peers: RawH2Peer[] = []
  const server = createServer((socket) => peers.push(new RawH2Peer(socket, peers.length, script)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => {
    for (const peer of peers) peer.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, peers }
}

/** A field that enters no table (RFC 7541 §6.2.2); names and values of up to 126 bytes, or longer ones by `length`. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0]),
    length(name),
    Buffer.from(name, 'latin1'),
    length(value),
    Buffer.from(value, 'latin1'),
  ])
}

/** RFC 7541 §5.1, with a prefix of 7 bits and no Huffman coding. */
function length(text: string): Buffer {
  if (text.length < 127) return Buffer.from([text.length])
  const bytes = [127]
  let rest = text.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** One setting (RFC 9113 §6.5.1). */
export function settingOf(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0, id]), number(value)])
}
