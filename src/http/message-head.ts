/** What the heads of requests and responses have in common: fields, connection management, body framing. */
import { B } from './body-kind.ts'
import { FieldList } from './field-list.ts'

export class MessageHead extends FieldList {
  /** HTTP/1.x. */
  minor: 0 | 1 = 1
  /** It came as HTTP/2, and was put into the form of HTTP/1.1. */
  isHttp2 = false
  /** One of `B`. */
  bodyKind: number = B.none
  /** Content-Length as given, -1 without one. In a response it may stand beside B.none: HEAD, 304. */
  contentLength = -1
  /** True when the sender lets the connection live on behind this message. */
  keepAlive = true
  /** True when Connection names "upgrade" and Upgrade is present, in HTTP/1.1 (RFC 9110 §7.8). */
  upgrade = false
  /** Lower-case Connection options other than close, keep-alive and upgrade; undefined when there are none. */
  connectionOptions: string[] | undefined = undefined

  /** As Via names it (RFC 9110 §7.6.3). */
  get receivedProtocol(): '1.0' | '1.1' | '2.0' {
    if (this.isHttp2) return '2.0'
    return this.minor === 1 ? '1.1' : '1.0'
  }

  protected copyMessage(other: MessageHead): void {
    this.copyFields(other)
    this.minor = other.minor
    this.isHttp2 = other.isHttp2
    this.bodyKind = other.bodyKind
    this.contentLength = other.contentLength
    this.keepAlive = other.keepAlive
    this.upgrade = other.upgrade
    this.connectionOptions = other.connectionOptions
  }
}
