/** A keep-alive client that mostly does nothing. A failure is remembered, not thrown: thousands of them are counted. */
import { connect, type Socket } from 'node:net'

/** Longest wait for a connection or an answer. */
const TIMEOUT_MS = 20_000

/** One connection. After a failure everything it is asked to do is skipped. */
export class IdleClient {
  failed = false
  readonly #request: string
  readonly #bodyBytes: number
  #socket: Socket | undefined
  #received = ''
  #settle: (() => void) | undefined

  constructor(path: string, bodyBytes: number) {
    this.#request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`
    this.#bodyBytes = bodyBytes
  }

  /** Resolves when connected, or failed. */
  open(port: number): Promise<void> {
    return this.#until((done) => {
      const socket = connect(port, '127.0.0.1', done)
      this.#socket = socket
      socket.setEncoding('latin1')
      socket.on('data', (text: string) => this.#receive(text))
      socket.on('error', () => this.#fail())
      socket.on('close', () => this.#fail())
    })
  }

  /** Resolves when the answer is there, or has not come right and in time. */
  ask(): Promise<void> {
    if (this.failed) return Promise.resolve()
    return this.#until(() => this.#socket?.write(this.#request))
  }

  close(): void {
    this.#socket?.removeAllListeners('close')
    this.#socket?.destroy()
  }

  #receive(text: string): void {
    this.#received += text
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd < 0 || this.#received.length < headEnd + 4 + this.#bodyBytes) return
    const isRight =
      this.#received.startsWith('HTTP/1.1 200 ') && this.#received.length === headEnd + 4 + this.#bodyBytes
    this.#received = ''
    if (isRight) this.#settle?.()
    else this.#fail()
  }

  #until(begin: (done: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#fail(), TIMEOUT_MS)
      this.#settle = () => {
        clearTimeout(timer)
        resolve()
      }
      begin(this.#settle)
    })
  }

  #fail(): void {
    this.failed = true
    this.#settle?.()
  }
}
