/**
 * Bodies larger than memory should hold: one block of random bytes, said again and again, and a reader that compares
 * every byte it gets. The block's length is odd, so that a piece lost, doubled or moved never matches by accident.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Writable } from 'node:stream'

const BLOCK_BYTES = 1024 * 1024 - 3
const PIECE_BYTES = 256 * 1024
const block = randomBytes(BLOCK_BYTES)

/** Writes the first `bytes` bytes of the endless body to `to`, no faster than it takes them, and ends it. */
export async function sendLargeBody(to: Writable, bytes: number, pieceBytes = PIECE_BYTES): Promise<void> {
  for (let at = 0; at < bytes; ) {
    const piece = pieceAt(at, Math.min(pieceBytes, bytes - at))
    at += piece.length
    if (!to.write(piece)) await drained(to)
    if (to.destroyed) return
  }
  to.end()
}

/** Resolves when `to` wants more, or has closed. */
function drained(to: Writable): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      to.off('drain', settle)
      to.off('close', settle)
      resolve()
    }
    to.on('drain', settle)
    to.on('close', settle)
  })
}

/** What has come of a body so far. */
export class LargeBodyCheck {
  /** Bytes received and right. */
  bytes = 0

  /** Throws at the first byte that is not the body's. */
  add(received: Buffer): void {
    for (let from = 0; from < received.length; ) {
      const wanted = pieceAt(this.bytes, received.length - from)
      if (received.compare(wanted, 0, wanted.length, from, from + wanted.length) !== 0) {
        throw new Error(`a wrong byte between ${this.bytes} and ${this.bytes + wanted.length}`)
      }
      from += wanted.length
      this.bytes += wanted.length
    }
  }
}

/** Reads a message to its end; gives the number of bytes, all of them right. Rejects when it breaks off. */
export async function checkLargeBody(message: IncomingMessage): Promise<number> {
  const check = new LargeBodyCheck()
  for await (const chunk of message) check.add(chunk as Buffer)
  return check.bytes
}

function pieceAt(offset: number, most: number): Buffer {
  const start = offset % BLOCK_BYTES
  return block.subarray(start, Math.min(start + most, BLOCK_BYTES))
}
