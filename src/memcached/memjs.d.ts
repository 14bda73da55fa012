/** The parts of memjs 1.3.2 that we use; it has no types of its own. */
declare module 'memjs' {
  import type { Socket } from 'node:net'

  interface Header {
    readonly opcode: number
    readonly status: number
    /** Eight bytes of the read buffer. */
    readonly cas: Buffer
  }

  export interface Response {
    readonly header: Header
    readonly val: Buffer
  }

  export interface ServerOptions {
    /** Seconds. */
    readonly timeout: number
    readonly conntimeout: number
    readonly keepAlive: boolean
    /** Seconds. */
    readonly keepAliveDelay: number
  }

  export class Server {
    /** A path in place of a port is a unix socket. */
    constructor(host: string, port: number | string, user: string, password: string, options: ServerOptions)
    /** Of the connection, once something was written. */
    readonly _socket: Socket | undefined
    /** Read and not yet understood. */
    readonly responseBuffer: Buffer
  }

  export interface ClientOptions {
    readonly retries: number
    readonly failover: boolean
    readonly logger: { log(message: string): void }
  }

  export class Client {
    constructor(servers: readonly Server[], options: ClientOptions)
    /** Sends `request`; the answer is found by the number it carries. `error` is an Error, or a text. */
    perform(
      key: string,
      request: Buffer,
      sequence: number,
      callback: (error: unknown, response: Response | null) => void,
    ): void
  }

  export const Utils: {
    makeRequestBuffer(opcode: number, key: string, extras: Buffer, value: Buffer, sequence: number): Buffer
  }
}
