/**
 * What a request has of a connection to an origin while it lasts: all of an HTTP/1.1 connection, or one stream of an HTTP/2
 * connection. Whoever sends a request need not know which.
 */
import type { HeadLimits } from '../http/request-head.ts'
import type { ResponseHead } from '../http/response-head.ts'
import type { OriginErrorCode } from './origin-error.ts'
import type { Output } from './output.ts'

/** What one request wants to know of its response. `bytes` is the link's own buffer: see `retain`. */
export interface ResponseSink {
  /** A 1xx other than 101; `head` is valid during the call only, as in onHead. */
  onInterim(head: ResponseHead): void
  onHead(head: ResponseHead): void
  onData(bytes: Buffer, start: number, end: number): void
  /** Everything that came with one read has been told: what was held back to be sent together goes out now. */
  onPause(): void
  /** The response is complete; the link is over. `trailers` is raw field lines. */
  onEnd(trailers: string | undefined): void
  /** The response will not be completed; the link is over. */
  onFail(code: OriginErrorCode): void
  /** After 101: the connection is a pipe; `bytes` came behind the head. */
  onUpgrade(head: ResponseHead, bytes: Buffer): void
  /** Bytes of the pipe. */
  onTunnelData(bytes: Buffer, length: number): void
  /** The origin shut its sending side of the pipe, or the pipe broke. */
  onTunnelEnd(): void
}

export interface OriginLimits extends HeadLimits {
  readonly connectTimeoutMs: number
  readonly firstByteTimeoutMs: number
  readonly betweenBytesTimeoutMs: number
}

/** RFC 9110 §15.2 sets no bound; a peer that sends more interim responses than this is not serving anybody. */
export const MAX_INTERIM = 32

/** The head of a request in either form. */
export interface OutgoingHead {
  readonly method: string
  /** The protocol to switch to, lower case; undefined: none. */
  readonly upgrade: string | undefined
  /** A body follows. */
  readonly hasBody: boolean
  /** It has no Content-Length, and may have trailers. */
  readonly isUnsized: boolean
  /** HTTP/1.1, with the blank line; latin1. */
  text(): string
  /** HTTP/2: names and values in turn, names in lower case, the pseudo-fields first (RFC 9113 §8.3.1); latin1. */
  fieldList(scheme: 'http' | 'https'): string[]
}

export interface OriginLink {
  /** Requests served on the connection before: what closes it at once may have been meant for it, not for the request. */
  readonly uses: number
  /** Nothing of the request is taken any more. */
  readonly isOver: boolean
  /** The origin has switched protocols: bytes go both ways as they are. */
  readonly isTunnel: boolean
  /** What was written and has not left the process, in bytes. */
  readonly unsentBytes: number
  /**
   * Sends the head of a request; once for each link that a pool gave. `sink` may be told of a failure before this returns.
   * Returns how many bytes the head has.
   */
  send(head: OutgoingHead, sink: ResponseSink): number
  /** A piece of the request body, bytes[start, end), which the caller overwrites as soon as this returns. */
  writeBody(output: Output, bytes: Buffer, start: number, end: number): void
  /** The request body is complete; `trailers` is raw field lines. */
  endRequest(trailers: string | undefined): void
  /** The first `length` bytes for the pipe, which the caller overwrites as soon as this returns. */
  writeTunnel(output: Output, bytes: Buffer, length: number): void
  /** The client shut its sending side of the pipe. */
  endTunnel(): void
  /** Calls `done` once when everything written so far has left the process, or never will. */
  whenSent(output: Output, done: () => void): void
  /** Stops reading until what was given to onData is out: the sink's client is slower than the origin. The timer rests. */
  pause(): void
  resume(): void
  /** The bytes given to onData are still being written somewhere: the buffer is left to them. */
  retain(): void
  /** Gives the request up in the middle of whatever it does; the sink hears nothing more. */
  destroy(): void
}
