/**
 * Chunk extensions (RFC 9112 §7.1.1): checked, bounded and dropped. They mean nothing to anyone, but parsers that disagree
 * about where they end see different chunks (CVE-2025-22871), and endless ones are work without payload (CVE-2024-22019).
 *
 *     chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] )
 *
 * The white space that the RFC lets stand around ";" and "=" for the sake of old senders is refused: none sends it today,
 * and servers differ in it.
 */
import { BACKSLASH, byteClass, CR, DQUOTE, SEMICOLON, TOKEN, VALUE } from './tokens.ts'

/** Bytes of extensions on one chunk; honest senders use none. */
const MAX_BYTES = 256
/** Bytes of extensions in one message (CVE-2023-39326). */
const MAX_BYTES_TOTAL = 4096

const EQUALS = 0x3d

const State = {
  nameStart: 0,
  name: 1,
  valueStart: 2,
  value: 3,
  quoted: 4,
  quotedPair: 5,
  quotedEnd: 6,
} as const

export class ChunkExtension {
  private state: number = State.nameStart
  private bytes = 0
  private bytesTotal = 0

  /** Begins the extensions of a chunk, behind the first ";". What earlier chunks had still counts. */
  begin(): void {
    this.state = State.nameStart
    this.bytes = 0
  }

  /** Takes the next byte. Returns '' when it fits, 'end' for the CR behind well-formed extensions, or an error code. */
  take(byte: number): '' | 'end' | 'bad-chunk-extension' | 'chunk-extension-too-large' {
    if (byte === CR && this.mayEnd()) return 'end'
    const next = this.nextState(byte)
    if (next === -1) return 'bad-chunk-extension'
    this.state = next
    this.bytesTotal++
    return ++this.bytes > MAX_BYTES || this.bytesTotal > MAX_BYTES_TOTAL ? 'chunk-extension-too-large' : ''
  }

  private mayEnd(): boolean {
    return this.state === State.name || this.state === State.value || this.state === State.quotedEnd
  }

  /** The state behind `byte`, -1 when it may not stand here. */
  private nextState(byte: number): number {
    const bits = byteClass[byte]!
    switch (this.state) {
      case State.nameStart:
        return bits & TOKEN ? State.name : -1
      case State.name:
        if (byte === EQUALS) return State.valueStart
        return bits & TOKEN ? State.name : afterParameter(byte)
      case State.valueStart:
        if (byte === DQUOTE) return State.quoted
        return bits & TOKEN ? State.value : -1
      case State.value:
        return bits & TOKEN ? State.value : afterParameter(byte)
      case State.quoted:
        if (byte === DQUOTE) return State.quotedEnd
        if (byte === BACKSLASH) return State.quotedPair
        return bits & VALUE ? State.quoted : -1
      case State.quotedPair:
        return bits & VALUE ? State.quoted : -1
      default:
        return afterParameter(byte)
    }
  }
}

function afterParameter(byte: number): number {
  return byte === SEMICOLON ? State.nameStart : -1
}
