/** A memcached that says exactly what a test wants said, on connections that the test takes one by one. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { ListenAddress } from '../../src/plan/plan.ts'
import { onTestEnd } from './cleanup.ts'
import { freePort } from './ports.ts'
import { waitFor } from './wait.ts'
import { Wire } from './wire.ts'

/** What a pool sends first on every connection. */
export const GREETING = 'version\r\nget shellac:returned\r\n'

export class ScriptedMemcached {
  readonly address: ListenAddress
  /** Connections accepted so far. */
  accepted = 0
  readonly #server: Server
  readonly #waiting: Wire[] = []

  constructor(server: Server, address: ListenAddress) {
    this.#server = server
    this.address = address
    server.on('connection', (socket: Socket) => {
      this.accepted++
      onTestEnd(() => {
        socket.destroy()
      })
      this.#waiting.push(new Wire(socket))
    })
  }

  /** The next connection, as it comes. */
  async connection(): Promise<Wire> {
    await waitFor('a connection', () => this.#waiting.length > 0)
    return this.#waiting.shift()!
  }

  /** The next connection, greeted as a server of that version with that note of its return (a time, or none). */
  async greeted(version = '1.6.18', note?: number): Promise<Wire> {
    const wire = await this.connection()
    await wire.expect(GREETING)
    const item = note === undefined ? '' : `VALUE shellac:returned 0 ${`${note}`.length}\r\n${note}\r\n`
    wire.send(`VERSION ${version}\r\n${item}END\r\n`)
    return wire
  }

  /** Accepts nothing more; connections stay. */
  async stop(): Promise<void> {
    this.#server.close()
    await waitFor('the end of listening', () => !this.#server.listening)
  }
}

export async function scriptedMemcached(): Promise<ScriptedMemcached> {
  const port = await freePort()
  const server = createServer({ allowHalfOpen: true })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  onTestEnd(() => {
    server.close()
  })
  return new ScriptedMemcached(server, { kind: 'tcp', host: '127.0.0.1', port })
}
