/**
 * Clients that ask a memcached (or a proxy) many things at once and look at every reply: is it of the kind that the request in
 * this place gets, for the keys asked for, with a value that was written under that very key?
 *
 * Each client writes under keys of its own, so it knows what it must read back. Every value begins with its key, so that a
 * reply which went to the wrong client or place is seen whatever happened to the servers.
 */
import type { NetConnectOpts, Socket } from 'node:net'
import { onTestEnd } from './cleanup.ts'
import { connectSocket } from './wire.ts'

/** Keys of each client. */
const KEYS = 100
const MOST_BYTES = 3000

export interface LoadOptions {
  readonly clients: number
  /** Requests sent in one write, before the first reply is read. */
  readonly depth: number
  /** A miss, or an earlier value, is no mistake: a server has forgotten it, or came back with it. */
  readonly mayForget?: boolean
}

/** What came instead of a reply. */
export interface LoadError {
  readonly key: string
  readonly text: string
}

/** Reads replies out of what a socket brings. */
class ReplyReader {
  #buffer: Buffer = Buffer.alloc(0)
  #at = 0
  #wake: (() => void) | undefined = undefined
  #closed = false

  constructor(socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = this.#at === this.#buffer.length ? chunk : Buffer.concat([this.#buffer.subarray(this.#at), chunk])
      this.#at = 0
      this.#wake?.()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#closed = true
      this.#wake?.()
    })
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n', this.#at)
      if (end !== -1) {
        const line = this.#buffer.toString('latin1', this.#at, end)
        this.#at = end + 2
        return line
      }
      await this.#more()
    }
  }

  async data(bytes: number): Promise<string> {
    while (this.#buffer.length - this.#at < bytes + 2) await this.#more()
    const data = this.#buffer.toString('latin1', this.#at, this.#at + bytes)
    this.#at += bytes + 2
    return data
  }

  #more(): Promise<void> {
    if (this.#closed) throw new Error('the connection was closed')
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

/** One request of a batch: its text, and what checks the reply in its place. */
interface Asked {
  readonly text: string
  readonly check: (reader: ReplyReader) => Promise<void>
}

class LoadClient {
  readonly #socket: Socket
  readonly #reader: ReplyReader
  readonly #load: MemcachedLoad
  readonly #name: string
  /** What is stored, as far as this client was told. */
  readonly #values = new Map<string, string>()
  #number = 0
  #seed: number

  constructor(socket: Socket, load: MemcachedLoad, index: number) {
    this.#socket = socket
    this.#reader = new ReplyReader(socket)
    this.#load = load
    this.#name = `client${index}`
    this.#seed = index + 1
  }

  async batch(depth: number): Promise<void> {
    const asked = Array.from({ length: depth }, () => this.#next())
    this.#socket.write(Buffer.from(asked.map(({ text }) => text).join(''), 'latin1'))
    for (const { check } of asked) await check(this.#reader)
    this.#load.operations += depth
  }

  #random(below: number): number {
    this.#seed = (Math.imul(this.#seed, 1103515245) + 12345) >>> 0
    return Math.floor((this.#seed / 2 ** 32) * below)
  }

  #key(): string {
    return `${this.#name}/${this.#random(KEYS)}`
  }

  #next(): Asked {
    const kind = this.#random(10)
    if (kind < 2) return this.#set(this.#key(), kind === 0)
    if (kind < 3) return this.#delete(this.#key())
    if (kind < 6) return this.#get([this.#key()])
    if (kind < 8) return this.#get(Array.from({ length: 2 + this.#random(8) }, () => this.#key()))
    if (kind < 9) return this.#metaGet(this.#key())
    return { text: 'mn\r\n', check: async (reader) => this.#expect('mn', await reader.line(), ['MN']) }
  }

  #set(key: string, isQuiet: boolean): Asked {
    const value = `${key}=${++this.#number};${'x'.repeat(this.#random(MOST_BYTES))}`
    this.#values.set(key, value)
    const text = `set ${key} 0 0 ${value.length}${isQuiet ? ' noreply' : ''}\r\n${value}\r\n`
    return {
      text,
      check: async (reader) => {
        if (!isQuiet) this.#expect(key, await reader.line(), ['STORED'])
      },
    }
  }

  #delete(key: string): Asked {
    this.#values.delete(key)
    return {
      text: `delete ${key}\r\n`,
      check: async (reader) => this.#expect(key, await reader.line(), ['DELETED', 'NOT_FOUND']),
    }
  }

  #get(keys: readonly string[]): Asked {
    const expected = keys.map((key) => this.#values.get(key))
    return {
      text: `get ${keys.join(' ')}\r\n`,
      check: async (reader) => {
        let line = await reader.line()
        for (const [index, key] of keys.entries()) {
          const words = line.split(' ')
          if (words[0] !== 'VALUE' || words[1] !== key) {
            if (this.#isError(keys, line)) return
            this.#compare(key, undefined, expected[index])
            continue
          }
          this.#compare(key, await reader.data(Number(words[3])), expected[index])
          line = await reader.line()
        }
        this.#expect(keys[0]!, line, ['END'])
      },
    }
  }

  #metaGet(key: string): Asked {
    const expected = this.#values.get(key)
    const opaque = `${++this.#number}`
    return {
      text: `mg ${key} v k O${opaque}\r\n`,
      check: async (reader) => {
        const line = await reader.line()
        if (this.#isError([key], line)) return
        const words = line.split(' ')
        if (!words.includes(`k${key}`) || !words.includes(`O${opaque}`)) this.#fail(key, line)
        this.#compare(key, words[0] === 'VA' ? await reader.data(Number(words[1])) : undefined, expected)
      },
    }
  }

  #compare(key: string, value: string | undefined, expected: string | undefined): void {
    if (value === expected) return
    const isOld = value === undefined || value.startsWith(`${key}=`)
    if (!isOld || !this.#load.options.mayForget)
      this.#fail(key, `${value?.slice(0, 100)} instead of ${expected?.slice(0, 100)}`)
  }

  #expect(key: string, line: string, wanted: readonly string[]): void {
    if (!wanted.includes(line) && !this.#isError([key], line)) this.#fail(key, line)
  }

  #isError(keys: readonly string[], line: string): boolean {
    if (!line.startsWith('SERVER_ERROR ')) return false
    this.#load.errors.push({ key: keys.join(' '), text: line.slice('SERVER_ERROR '.length) })
    return true
  }

  #fail(key: string, got: string): never {
    throw new Error(`${this.#name} asked for ${key} and got: ${got}`)
  }
}

export class MemcachedLoad {
  readonly options: LoadOptions
  /** Requests whose reply was looked at. */
  operations = 0
  /** Requests that were answered with SERVER_ERROR. */
  readonly errors: LoadError[] = []
  readonly #clients: LoadClient[] = []
  #isStopped = false
  #running: Promise<void> | undefined = undefined

  private constructor(options: LoadOptions) {
    this.options = options
  }

  static async connect(target: NetConnectOpts, options: LoadOptions): Promise<MemcachedLoad> {
    const load = new MemcachedLoad(options)
    for (let index = 0; index < options.clients; index++) {
      const socket = await connectSocket(target)
      onTestEnd(() => {
        socket.destroy()
      })
      load.#clients.push(new LoadClient(socket, load, index))
    }
    return load
  }

  /** Asks until `operations` are done in all. */
  async run(operations: number): Promise<void> {
    const until = this.operations + operations
    await Promise.all(
      this.#clients.map(async (client) => {
        while (this.operations < until) await client.batch(this.options.depth)
      }),
    )
  }

  /** Asks in the background until `stop`. */
  start(): void {
    this.#running = Promise.all(
      this.#clients.map(async (client) => {
        while (!this.#isStopped) await client.batch(this.options.depth)
      }),
    ).then(() => {})
    this.#running.catch(() => {}) // `stop` rejects with it
  }

  /** Resolves when every reply has been looked at; rejects with the first that was wrong. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }
}
