/** Messages of the distcache protocol as bytes, for peers that a test plays by hand. */
import { connect } from 'node:net'
import { onTestEnd } from './cleanup.ts'
import { responseBytes as payloadResponse } from './distcache.ts'
import { Wire } from './wire.ts'

/** A whole response; a number is a payload of one byte. */
export function responseBytes(uid: number, operation: number, payload: Buffer | number): Buffer {
  return payloadResponse(uid, operation, typeof payload === 'number' ? Buffer.from([payload]) : payload)
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
