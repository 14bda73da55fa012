/** What the heads of requests and responses have in common: fields, connection management, body framing. */
import { B } from './body-kind.ts'
import { FieldList } from './field-list.ts'

export class MessageHead extends FieldList {
  /** HTTP/1.x. */
  minor: 0 | 1 = 1
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

  protected copyMessage(other: MessageHead): void {
    this.copyFields(other)
    this.minor = other.minor
    this.bodyKind = other.bodyKind
    this.contentLength = other.contentLength
    this.keepAlive = other.keepAlive
    this.upgrade = other.upgrade
    this.connectionOptions = other.connectionOptions
  }
}
