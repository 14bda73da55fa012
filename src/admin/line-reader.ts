/** Lines out of chunks, with a bound on the length of one. */

const LINE_FEED = 0x0a

export class LineReader {
  readonly #maxBytes: number
  #chunks: Buffer[] = []
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The lines that are complete with this chunk, without their line feed; undefined when one is longer than allowed. */
  push(chunk: Buffer): string[] | undefined {
    const lines: string[] = []
    let at = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, at)) {
      if (this.#bytes + end - at > this.#maxBytes) return undefined
      lines.push(Buffer.concat([...this.#chunks, chunk.subarray(at, end)]).toString('utf8'))
      this.#chunks = []
      this.#bytes = 0
      at = end + 1
    }
    if (at < chunk.length) {
      this.#chunks.push(chunk.subarray(at))
      this.#bytes += chunk.length - at
    }
    return this.#bytes > this.#maxBytes ? undefined : lines
  }
}
