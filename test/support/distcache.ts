/** Messages of the distcache protocol for tests: collected from bytes, and said to a real server. */
import assert from 'node:assert/strict'
import type { NetConnectOpts } from 'node:net'
import { type Address, socketOptions } from '../../src/distcache/address.ts'
import { CORRUPT, MessageDecoder } from '../../src/distcache/message-decoder.ts'
import { MessageOutput } from '../../src/distcache/message-output.ts'
import { DistcacheServer, type ServerOptions } from '../../src/distcache/server.ts'
import { SessionStore } from '../../src/distcache/session-store.ts'
import { onTestEnd } from './cleanup.ts'
import { connectSocket, Wire } from './wire.ts'

export interface Message {
  readonly uid: number
  readonly operation: number
  readonly payload: Buffer
}

export interface Collected {
  readonly messages: readonly Message[]
  readonly isCorrupt: boolean
  /** A message has begun and is not complete. */
  readonly isInside: boolean
}

/** What a decoder makes of bytes that come in these pieces. */
export function collectMessages(side: 'server' | 'client', pieces: readonly Buffer[]): Collected {
  const messages: Message[] = []
  const decoder = new MessageDecoder(side, {
    onMessage: (uid, operation, bytes, start, end) => {
      messages.push({ uid, operation, payload: Buffer.from(bytes.subarray(start, end)) })
      return true
    },
  })
  for (const piece of pieces) {
    if (decoder.push(piece, 0, piece.length) === CORRUPT) return { messages, isCorrupt: true, isInside: false }
  }
  return { messages, isCorrupt: false, isInside: decoder.isInside }
}

export function requestBytes(uid: number, operation: number, payload: Buffer): Buffer {
  const output = new MessageOutput()
  output.message(false, uid, operation, payload, 0, payload.length)
  return output.take()
}

export function responseBytes(uid: number, operation: number, payload: Buffer): Buffer {
  const output = new MessageOutput()
  output.message(true, uid, operation, payload, 0, payload.length)
  return output.take()
}

export function addBytes(uid: number, timeoutMs: number, id: Buffer, data: Buffer): Buffer {
  const output = new MessageOutput()
  output.add(uid, timeoutMs, id, data)
  return output.take()
}

/** A server in the test's own process, on a free port of 127.0.0.1 unless told otherwise, that ends with the test. */
export async function startDistcacheServer(
  options: Partial<ServerOptions> = {},
  address: Address = { kind: 'tcp', host: '127.0.0.1', port: 0, family: 4 },
): Promise<{ server: DistcacheServer; target: NetConnectOpts }> {
  const server = await DistcacheServer.open(address, { sessions: new SessionStore(512), ...options })
  onTestEnd(() => server.close())
  const target = socketOptions(address)
  return { server, target: 'path' in target ? target : { ...target, port: server.port } }
}

/** A raw connection that ends with the test. */
export async function connectWire(target: NetConnectOpts): Promise<Wire> {
  const socket = await connectSocket(target)
  onTestEnd(() => {
    socket.destroy()
  })
  return new Wire(socket)
}

/**
 * As deepEqual, for bytes of any number: that one makes a text of all differences, which of some ten thousand bytes are more than a
 * machine has memory for.
 */
export function assertSameBytes(found: Buffer, expected: Buffer, what = ''): void {
  if (found.equals(expected)) return
  let at = 0
  while (at < Math.min(found.length, expected.length) && found[at] === expected[at]) at++
  const show = (bytes: Buffer) => `${bytes.length} bytes, there ${bytes.toString('hex', at, at + 32)}`
  assert.fail(`${what} differs at ${at}: found ${show(found)}, expected ${show(expected)}`)
}

export function assertSameMessages(found: readonly Message[], expected: readonly Message[]): void {
  const heads = (messages: readonly Message[]) => messages.map(({ uid, operation }) => `${uid} ${operation}`)
  assert.deepEqual(heads(found), heads(expected))
  for (const [i, { payload }] of found.entries()) assertSameBytes(payload, expected[i]!.payload, `message ${i}`)
}

export function assertSameCollected(found: Collected, expected: Collected): void {
  assert.deepEqual([found.isCorrupt, found.isInside], [expected.isCorrupt, expected.isInside])
  assertSameMessages(found.messages, expected.messages)
}
