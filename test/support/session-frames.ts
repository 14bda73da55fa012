/** Messages of the distcache protocol as bytes, for peers that a test plays by hand. */
import { connect } from 'node:net'
import { MessageOutput } from '../../src/distcache/message-output.ts'
import { onTestEnd } from './cleanup.ts'
import { Wire } from './wire.ts'

export function requestBytes(uid: number, operation: number, payload: Buffer): Buffer {
  return messageBytes(false, uid, operation, payload)
}

export function responseBytes(uid: number, operation: number, payload: Buffer | number): Buffer {
  return messageBytes(true, uid, operation, typeof payload === 'number' ? Buffer.from([payload]) : payload)
}

/** The bytes of a text of hexadecimal digits and blanks. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
}

/** A connection to a unix socket, played by the test. */
export async function unixWire(path: string): Promise<Wire> {
  const socket = connect({ path })
  onTestEnd(() => {
    socket.destroy()
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return new Wire(socket)
}

/** The next bytes are exactly these; says both in hexadecimal when they are not. */
export async function expectBytes(wire: Wire, bytes: Buffer): Promise<void> {
  const got = await wire.read(bytes.length)
  if (!got.equals(bytes)) throw new Error(`expected ${bytes.toString('hex')}, got ${got.toString('hex')}`)
}

function messageBytes(isResponse: boolean, uid: number, operation: number, payload: Buffer): Buffer {
  const output = new MessageOutput()
  output.message(isResponse, uid, operation, payload, 0, payload.length)
  return output.take()
}
