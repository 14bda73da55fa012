/**
 * One TCP connection under the control of a test: bytes out as given, bytes in on demand, every wait with a deadline.
 *
 * Received bytes stay in `buffer` until a read takes them, so what a peer sent too much is found by the next read.
 */
import { type NetConnectOpts, Socket } from 'node:net'
import { DEADLINE_MS, DeadlineError } from './wait.ts'

export class Wire {
  readonly socket: Socket
  /** Longest wait of one read, milliseconds. */
  deadlineMs = DEADLINE_MS
  /** Received and not yet taken. */
  buffer: Buffer = Buffer.alloc(0)
  /** `end`: the peer closed in order; an errno such as `ECONNRESET`: it did not; undefined: still open. */
  closed: string | undefined
  readonly #wakeups = new Set<() => void>()

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.buffer = this.buffer.length === 0 ? chunk : Buffer.concat([this.buffer, chunk])
      this.#wake()
    })
    socket.on('end', () => this.#close('end'))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#close(error.code ?? 'error'))
    socket.on('close', () => this.#close('end'))
  }

  /** Send bytes exactly as given; a string is latin1. */
  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Send, and come back when the kernel has taken all of it: for uploads larger than memory should hold. */
  sendAll(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }

  /** Take exactly `count` bytes. */
  async read(count: number): Promise<Buffer> {
    await this.until(`${count} bytes`, () => this.buffer.length >= count)
    return this.take(count)
  }

  /** Take everything up to and including `mark`. */
  async readThrough(mark: string): Promise<string> {
    await this.until(JSON.stringify(mark), () => this.buffer.indexOf(mark, 0, 'latin1') >= 0)
    return this.take(this.buffer.indexOf(mark, 0, 'latin1') + mark.length).toString('latin1')
  }

  /** Take everything until the peer closes in order; a reset is an error. */
  async readToEnd(): Promise<Buffer> {
    await this.until('the end', () => this.closed === 'end')
    return this.take(this.buffer.length)
  }

  /** Take and forget `count` bytes, however many: what `read` would collect in memory. */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; left -= this.take(left).length)
      await this.until(`${left} of ${count} bytes`, () => this.buffer.length > 0)
  }

  /** The next bytes are exactly these. */
  async expect(bytes: string): Promise<void> {
    const got = (await this.read(Buffer.byteLength(bytes, 'latin1'))).toString('latin1')
    if (got !== bytes) throw new Error(`expected ${JSON.stringify(bytes)}, got ${JSON.stringify(got)}`)
  }

  /** The peer closes and has sent nothing more. Gives `end`, or the errno it closed with. */
  async expectClose(): Promise<string> {
    await this.#until('the close', () => this.closed !== undefined)
    this.#refuseRest()
    return this.closed as string
  }

  /** For `quietMs` the peer neither sends nor closes. */
  async expectQuiet(quietMs: number): Promise<void> {
    const woken = await this.#wait(quietMs, () => this.buffer.length > 0 || this.closed !== undefined)
    this.#refuseRest()
    if (woken) throw new Error(`expected silence, but the peer closed (${this.closed})`)
  }

  /** Close in order: no more bytes from us, theirs are still read. */
  end(): void {
    this.socket.end()
  }

  /** Close with a TCP reset. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** Stop taking bytes from the kernel, so that the peer feels back-pressure; `resume()` goes on. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Wait for `isMet`; an error when the peer closes before, or nothing more comes in time. */
  async until(what: string, isMet: () => boolean): Promise<void> {
    await this.#until(what, () => isMet() || this.closed !== undefined)
    if (!isMet()) throw new Error(`peer closed (${this.closed}) before ${what}; received ${this.#seen()}`)
  }

  /** Take `count` received bytes out of the buffer. */
  take(count: number): Buffer {
    const taken = this.buffer.subarray(0, count)
    this.buffer = this.buffer.subarray(count)
    return taken
  }

  async #until(what: string, isMet: () => boolean): Promise<void> {
    if (await this.#wait(this.deadlineMs, isMet)) return
    throw new DeadlineError(`${what}; received ${this.#seen()}`, this.deadlineMs)
  }

  #wait(deadlineMs: number, isMet: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (met: boolean) => {
        clearTimeout(timer)
        this.#wakeups.delete(look)
        resolve(met)
      }
      const look = () => {
        if (isMet()) settle(true)
      }
      const timer = setTimeout(() => settle(false), deadlineMs)
      this.#wakeups.add(look)
      look()
    })
  }

  #refuseRest(): void {
    if (this.buffer.length > 0) throw new Error(`expected nothing more, got ${this.#seen()}`)
  }

  #seen(): string {
    return JSON.stringify(this.buffer.subarray(0, 2000).toString('latin1'))
  }

  #close(how: string): void {
    this.closed ??= how
    this.#wake()
  }

  #wake(): void {
    for (const look of [...this.#wakeups]) look()
  }
}

/** A connected socket that reports the peer's half-close instead of closing by itself. */
export function connectSocket(target: NetConnectOpts): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = new Socket({ allowHalfOpen: true })
    socket.setNoDelay(true)
    socket.once('error', reject)
    socket.connect(target, () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}
