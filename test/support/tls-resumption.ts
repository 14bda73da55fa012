/** TLS clients that come back: openssl's and Node's, and whether their sessions were resumed. */
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { runProgram } from './process.ts'
import { tempDir } from './temp.ts'

export type Version = 'TLSv1.2' | 'TLSv1.3'

export interface Visit<Answer> {
  /** As the client saw it. */
  readonly isReused: boolean
  readonly protocol: string
  /** The body, as JSON; undefined when there was none. */
  readonly answer: Answer | undefined
}

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

/** A client that keeps its session in a file, as `openssl s_client -sess_out -sess_in`. */
export class OpensslClient<Answer> {
  readonly #dir = tempDir('s_client-')
  readonly #version: Version
  #hasSession = false

  constructor(version: Version) {
    this.#version = version
  }

  /** Rejects when the handshake fails. `keep`: whether the session it is given replaces the one it came with. */
  async visit(port: number, { keep = true, args = [] as readonly string[] } = {}): Promise<Visit<Answer>> {
    const file = join(this.#dir, 'session')
    const version = this.#version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3'
    const all = ['s_client', '-connect', `127.0.0.1:${port}`, version, '-ign_eof', ...args]
    if (this.#hasSession) all.push('-sess_in', file)
    if (keep) all.push('-sess_out', file)
    const { code, stdout, stderr } = await runProgram('openssl', all, { input: REQUEST })
    const [, state, protocol] = /^(New|Reused), (TLSv1\.[0-9]), Cipher/m.exec(stdout) ?? []
    if (state === undefined || protocol === undefined) throw new Error(`openssl ended with ${code}: ${stderr}`)
    if (keep) this.#hasSession = true
    return { isReused: state === 'Reused', protocol, answer: bodyOf(stdout) }
  }
}

/** A client of Node that keeps the last session it was given. */
export class NodeClient<Answer> {
  readonly #version: Version
  #session: Buffer | undefined = undefined

  constructor(version: Version) {
    this.#version = version
  }

  /** Rejects when the handshake fails. */
  visit(port: number, options: ConnectionOptions = {}): Promise<Visit<Answer>> {
    return new Promise((resolve, reject) => {
      const version = { minVersion: this.#version, maxVersion: this.#version }
      const session = this.#session === undefined ? {} : { session: this.#session }
      const where = { host: '127.0.0.1', port, rejectUnauthorized: false }
      const socket: TLSSocket = connect({ ...where, ...version, ...session, ...options })
      let text = ''
      let seen = { isReused: false, protocol: '' }
      socket.once('secureConnect', () => {
        seen = { isReused: socket.isSessionReused(), protocol: socket.getProtocol() ?? '' }
        socket.write(REQUEST)
      })
      socket.on('session', (given: Buffer) => {
        this.#session = given
      })
      socket.setEncoding('latin1').on('data', (part: string) => {
        text += part
      })
      socket.once('error', reject)
      socket.once('end', () => {
        socket.destroy()
        resolve({ ...seen, answer: bodyOf(text) })
      })
    })
  }
}

/** The line of JSON in a response. */
function bodyOf<Answer>(text: string): Answer | undefined {
  const line = /^\{.*\}$/m.exec(text)?.[0]
  return line === undefined ? undefined : JSON.parse(line)
}
