/**
 * Real memcached servers: started on a port of 127.0.0.1 or on a unix socket that stays theirs, so that one which was
 * stopped or killed comes back at the same address, empty.
 *
 * memcached gives up its privileges unless told otherwise and will not run as root without a word, hence `-u`.
 */
import { readFileSync } from 'node:fs'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { join } from 'node:path'
import type { ListenAddress } from '../../src/plan/plan.ts'
import { onTestEnd, stopChild } from './cleanup.ts'
import { freePort } from './ports.ts'
import { Background } from './process.ts'
import { tempDir } from './temp.ts'
import { waitFor } from './wait.ts'
import { connectSocket, Wire } from './wire.ts'

export interface MemcachedOptions {
  /** Further arguments, such as `-m`, `-I`, `-o` or `-S`. */
  readonly args?: readonly string[]
  /** Listen on a unix socket instead of a port. */
  readonly unix?: boolean
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
  /** A port chosen by the test, for instance one that was free before. */
  readonly port?: number
}

export class TestMemcached {
  /** 0 for a server on a unix socket. */
  readonly port: number
  /** Of the unix socket; empty for a server on a port. */
  readonly path: string
  readonly address: ListenAddress
  readonly #args: readonly string[]
  readonly #env: Readonly<Record<string, string>>
  #process: Background | undefined = undefined

  constructor(port: number, path: string, options: MemcachedOptions) {
    this.port = port
    this.path = path
    this.address = path === '' ? { kind: 'tcp', host: '127.0.0.1', port } : { kind: 'unix', path, mode: 0o700 }
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
    const place = path === '' ? ['-l', '127.0.0.1', '-p', `${port}`, '-U', '0'] : ['-s', path]
    this.#args = [...place, ...user, ...(options.args ?? [])]
    this.#env = options.env ?? {}
  }

  /** As a `server` line of shellac.conf names it. */
  get text(): string {
    return this.path === '' ? `127.0.0.1:${this.port}` : `unix:${this.path}`
  }

  /** For `net.connect`. */
  get target(): NetConnectOpts {
    return this.path === '' ? { port: this.port, host: '127.0.0.1' } : { path: this.path }
  }

  get pid(): number {
    return this.#running.pid
  }

  get process(): Background {
    return this.#running
  }

  /** Starts it, or starts it again, and waits until it takes connections. */
  async start(): Promise<void> {
    // Before Background's own end, as the orderly one takes memcached a second, and nobody needs it.
    let started: Background | undefined
    onTestEnd(() => (started === undefined ? undefined : stopChild(started.child, 'SIGKILL')))
    started = new Background('memcached', this.#args, { env: this.#env })
    this.#process = started
    await this.#process.waitFor(`memcached on ${this.text}`, () => this.#answers())
  }

  /** SIGTERM, and waits for the end; a paused one is let go first, or it would not hear. */
  stop(): Promise<void> {
    this.resume()
    return stopChild(this.#running.child)
  }

  /** SIGKILL, and waits for the end: connections are reset or closed, what was being answered is lost. */
  kill(): Promise<void> {
    return stopChild(this.#running.child, 'SIGKILL')
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** SIGSTOP, and waits until every thread has stopped: the kernel still takes connections, nobody answers. */
  async pause(): Promise<void> {
    this.#running.kill('SIGSTOP')
    await waitFor('a stopped memcached', () => /^State:\s+T/m.test(readFileSync(`/proc/${this.pid}/status`, 'latin1')))
  }

  /** SIGCONT. */
  resume(): void {
    this.#running.kill('SIGCONT')
  }

  async flush(): Promise<void> {
    const answer = await this.ask('flush_all\r\n')
    if (answer !== 'OK\r\n') throw new Error(`flush_all was answered with ${JSON.stringify(answer)}`)
  }

  /** One number or word of `stats`. */
  async stat(name: string): Promise<string> {
    const answer = await this.ask('stats\r\n', /END\r\n$/)
    const found = new RegExp(`^STAT ${name} (.*)\r$`, 'm').exec(answer)
    if (found === null) throw new Error(`memcached has no statistic ${name}`)
    return found[1]!
  }

  /** On a connection of its own: sends `request` and gives what comes back up to where `end` matches (latin1). */
  async ask(request: string | Buffer, end: RegExp = /\r\n$/): Promise<string> {
    const conversation = await this.connect()
    try {
      conversation.send(request)
      return await conversation.readUntil(end)
    } finally {
      await hangUp(conversation.socket)
    }
  }

  /** A raw connection, closed when the test ends. */
  connect(): Promise<Conversation> {
    return connectMemcached(this.target)
  }

  get #running(): Background {
    if (this.#process === undefined) throw new Error('memcached was not started')
    return this.#process
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.target)
      const end = (answers: boolean) => {
        socket.destroy()
        resolve(answers)
      }
      socket.once('connect', () => hangUp(socket).then(() => end(true)))
      socket.once('error', () => end(false))
    })
  }
}

/** A raw conversation with a server or with the proxy, as latin1 text. */
export class Conversation extends Wire {
  /** Takes everything received once `end` matches it. */
  async readUntil(end: RegExp): Promise<string> {
    await this.until(`${end}`, () => end.test(this.buffer.toString('latin1')))
    return this.take(this.buffer.length).toString('latin1')
  }

  /** Takes the next line, without its end. */
  async line(): Promise<string> {
    return (await this.readThrough('\r\n')).slice(0, -2)
  }
}

/** A raw connection to `target`, closed when the test ends. */
export async function connectMemcached(target: NetConnectOpts): Promise<Conversation> {
  const socket = await connectSocket(target)
  onTestEnd(() => {
    socket.destroy()
  })
  return new Conversation(socket)
}

/** A server that is up, ended with the test. */
export async function startMemcached(options: MemcachedOptions = {}): Promise<TestMemcached> {
  const server = await prepareMemcached(options)
  await server.start()
  return server
}

/** A server that is still to be started: until then its address refuses connections. */
export async function prepareMemcached(options: MemcachedOptions = {}): Promise<TestMemcached> {
  const path = options.unix === true ? join(tempDir('memcached-'), 'mc.sock') : ''
  const port = path === '' ? (options.port ?? (await freePort())) : 0
  return new TestMemcached(port, path, options)
}

/** Closes in order, and comes back when the server has closed too: it counts the connection no longer. */
async function hangUp(socket: Socket): Promise<void> {
  socket.end()
  socket.resume()
  await waitFor('the server to close', () => socket.readableEnded || socket.destroyed)
  socket.destroy()
}
