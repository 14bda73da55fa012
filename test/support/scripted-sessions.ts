/** A session server that answers what a test wants answered, when it wants it: on a unix socket, with every request kept. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { MessageDecoder } from '../../src/distcache/message-decoder.ts'
import { MessageOutput } from '../../src/distcache/message-output.ts'
import { onTestEnd } from './cleanup.ts'
import { tempDir } from './temp.ts'
import { waitFor } from './wait.ts'

/** One request as it came. */
export class Heard {
  readonly uid: number
  readonly operation: number
  readonly payload: Buffer
  readonly socket: Socket

  constructor(uid: number, operation: number, payload: Buffer, socket: Socket) {
    this.uid = uid
    this.operation = operation
    this.payload = payload
    this.socket = socket
  }

  /** Answers it, or, with `other`, says something wrong. */
  reply(payload: Buffer | number, other: { uid?: number; operation?: number } = {}): void {
    const bytes = typeof payload === 'number' ? Buffer.from([payload]) : payload
    const output = new MessageOutput()
    output.message(true, other.uid ?? this.uid, other.operation ?? this.operation, bytes, 0, bytes.length)
    this.socket.write(output.take())
  }
}

export class ScriptedSessions {
  /** `UNIX:/path`. */
  readonly address: string
  readonly path: string
  /** Every request, in order; also all bytes of each connection. */
  readonly heard: Heard[] = []
  readonly bytes: Buffer[] = []
  readonly sockets: Socket[] = []
  /** Called for each request; without it, nothing is answered by itself. */
  onRequest: ((heard: Heard) => void) | undefined
  #server: Server | undefined

  constructor(path: string) {
    this.path = path
    this.address = `UNIX:${path}`
  }

  async start(): Promise<void> {
    const server = createServer((socket) => this.#accept(socket))
    this.#server = server
    await once(server.listen(this.path), 'listening')
  }

  /** The request of that place, counted from 0, when it has come. */
  request(at: number): Promise<Heard> {
    return waitFor(`request ${at}`, () => this.heard[at])
  }

  /** Ends all connections; goes on listening. */
  drop(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  /** Ends everything; `start` begins anew. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    this.drop()
    if (server !== undefined) await new Promise((resolve) => server.close(resolve))
  }

  #accept(socket: Socket): void {
    this.sockets.push(socket)
    const onMessage = (uid: number, operation: number, bytes: Buffer, start: number, end: number) => {
      const heard = new Heard(uid, operation, Buffer.from(bytes.subarray(start, end)), socket)
      this.heard.push(heard)
      this.onRequest?.(heard)
      return true
    }
    const decoder = new MessageDecoder('server', { onMessage })
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      this.bytes.push(bytes)
      decoder.push(bytes, 0, bytes.length)
    })
  }
}

/** Running already, unless the test starts it itself. */
export async function scriptedSessions({ isStarted = true } = {}): Promise<ScriptedSessions> {
  const server = new ScriptedSessions(join(tempDir(), 'sessions'))
  if (isStarted) await server.start()
  onTestEnd(() => server.stop())
  return server
}
