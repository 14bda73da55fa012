/**
 * A TLS socket of the server's side on an accepted connection, reading into the buffer that all connections of a worker
 * share, as `openSocket` does for TCP.
 *
 * The hard part is that Node lets nobody choose both: given a socket to stand on, TLSSocket reads into fresh buffers; given
 * none, it makes a handle of its own, to connect with. So the accepted handle is slipped in where it makes one.
 */
import { TLSSocket, type TLSSocketOptions } from 'node:tls'
import { assert } from '../util/assert.ts'
import type { AcceptedHandle, Reader } from './listener.ts'

/** What TLSSocket has and its types do not tell. */
interface Internals {
  connecting: boolean
  /** Sessions of HTTP/2 begin when it is false. */
  secureConnecting: boolean
  _handle: { receive(bytes: Buffer): void } | null
  _wrapHandle(wrap: null, handle: AcceptedHandle | undefined, hasActiveWrite: boolean): object
  /** From now on errors are errors of the socket, not of its handshake. */
  _releaseControl(): boolean
}

interface SlippedHandle {
  setNoDelay?(isOn: boolean): void
}

/** What the constructor below is to stand on; it is read within the call. */
let accepted: AcceptedHandle | undefined
const { _wrapHandle: wrapHandle } = TLSSocket.prototype as unknown as Internals

class AcceptedTlsSocket extends TLSSocket {
  // Called by the constructor of TLSSocket.
  _wrapHandle(wrap: null, _handle: AcceptedHandle | undefined, hasActiveWrite: boolean): object {
    return wrapHandle.call(this as unknown as Internals, wrap, accepted, hasActiveWrite)
  }
}

/** One more option, of net.Socket's constructor. */
type Options = TLSSocketOptions & {
  allowHalfOpen: boolean
  onread: { buffer: Buffer; callback: (length: number, bytes: Buffer) => boolean }
}

/**
 * Begins a handshake on `handle`. Decrypted bytes lie in `buffer` and go to `reader`; some may come before the event
 * `secure`, which says that the handshake is done: then `endHandshake` has to be called. `received`: what was read of the
 * connection before.
 */
export function openTlsSocket(
  handle: AcceptedHandle,
  options: Readonly<TLSSocketOptions>,
  buffer: Buffer,
  reader: Reader,
  received: Buffer | undefined,
): TLSSocket {
  assert(typeof wrapHandle === 'function', 'TLSSocket wraps its handle in a method')
  const onread = { buffer, callback: (length: number, bytes: Buffer) => reader.onBytes(bytes, length) }
  const given: Options = { ...options, allowHalfOpen: true, onread }
  ;(handle as SlippedHandle).setNoDelay?.(true)
  accepted = handle
  const socket = new AcceptedTlsSocket(undefined as never, given)
  accepted = undefined
  const internals = socket as unknown as Internals
  internals.connecting = false // it stands on a connection that is made
  if (received !== undefined) internals._handle?.receive(received)
  return socket
}

/** The handshake of `socket` is done. */
export function endHandshake(socket: TLSSocket): void {
  const internals = socket as unknown as Internals
  internals._releaseControl()
  internals.secureConnecting = false
}

/** Takes the handle from a socket that has read the beginning of its connection; the socket is of no use any more. */
export function takeHandle(socket: { _handle?: AcceptedHandle | null }): AcceptedHandle | undefined {
  const handle = socket._handle ?? undefined
  socket._handle = null
  return handle
}
