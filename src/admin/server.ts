/**
 * The admin socket: a unix socket whose file mode says who may command the daemon. Whoever can open it is trusted with
 * what the commands do, not with the daemon's memory: lines, connections and silence are bounded.
 */
import { chmodSync, mkdirSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { describeError } from '../log/errno.ts'
import type { CommandTable } from './commands.ts'
import { LineReader } from './line-reader.ts'
import { AdminFailure, encodeAnswer, MAX_REQUEST_BYTES, parseRequest } from './protocol.ts'
import { removeStaleSocket } from './stale-socket.ts'

const MAX_CONNECTIONS = 16
/** Requests of one connection that wait for their turn. */
const MAX_WAITING = 16
const SILENT_MS = 60_000
/** A client that does not read its answer must not hold up the end of the daemon. */
const LAST_ANSWER_MS = 1000
/** For a folder the daemon has to make: entered by everybody, as the socket's own mode decides. */
const FOLDER_MODE = 0o755

export class AdminServer {
  readonly path: string
  readonly #server: Server
  readonly #sockets: ReadonlySet<Socket>

  private constructor(path: string, server: Server, sockets: ReadonlySet<Socket>) {
    this.path = path
    this.#server = server
    this.#sockets = sockets
  }

  /** Rejects with an Error that names the path when another daemon answers there or the socket cannot be made. */
  static async open(path: string, mode: number, commands: CommandTable): Promise<AdminServer> {
    const sockets: Set<Socket> = new Set()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      serve(socket, commands)
    })
    server.maxConnections = MAX_CONNECTIONS
    try {
      await removeStaleSocket(path)
      mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE })
      await listen(server, path, mode)
    } catch (error) {
      throw new Error(`cannot open the admin socket "${path}": ${describeError(error)}`)
    }
    return new AdminServer(path, server, sockets)
  }

  /** Changes who may open it; a path that stays across a reload needs no new socket. */
  setMode(mode: number): void {
    chmodSync(this.path, mode)
  }

  /** Removes the socket; answers that are on their way still go out. */
  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.end()
    setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, LAST_ANSWER_MS).unref()
  }
}

/** The bind happens inside `listen`, so nobody can connect between it and the mode: the umask is set around it. */
function listen(server: Server, path: string, mode: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const before = process.umask(0o777 & ~mode)
    try {
      server.listen(path, () => {
        server.off('error', reject)
        server.on('error', () => {}) // EMFILE on accept: the client sees its connection refused
        resolve()
      })
    } finally {
      process.umask(before)
    }
  })
}

function serve(socket: Socket, commands: CommandTable): void {
  const reader = new LineReader(MAX_REQUEST_BYTES)
  let last: Promise<void> = Promise.resolve()
  let waiting = 0
  const refuse = (message: string): void => {
    socket.end(encodeAnswer(null, { ok: false, error: { code: 'bad-request', message } }))
  }
  socket.setTimeout(SILENT_MS, () => {
    if (waiting === 0) socket.destroy()
  })
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    const lines = reader.push(chunk)
    if (lines === undefined) {
      refuse(`a request is at most ${MAX_REQUEST_BYTES} bytes long`)
      return
    }
    waiting += lines.length
    if (waiting > MAX_WAITING) {
      refuse(`at most ${MAX_WAITING} requests may wait on one connection`)
      return
    }
    for (const line of lines) {
      last = last.then(async () => {
        const answer = await answerLine(line, commands)
        waiting--
        if (socket.writable) socket.write(answer)
      })
    }
  })
}

/** Never rejects: whatever goes wrong is an answer. */
async function answerLine(line: string, commands: CommandTable): Promise<string> {
  const parsed = parseRequest(line)
  if ('error' in parsed) return encodeAnswer(parsed.id, { ok: false, error: parsed.error })
  const { id } = parsed.request
  try {
    return encodeAnswer(id, { ok: true, result: (await commands.run(parsed.request)) ?? null })
  } catch (error) {
    const code = error instanceof AdminFailure ? error.code : 'failed'
    return encodeAnswer(id, { ok: false, error: { code, message: describeError(error) } })
  }
}
