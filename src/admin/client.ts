/** One question to a running daemon over its admin socket. */
import { connect } from 'node:net'
import { describeError, errorCode } from '../log/errno.ts'
import { LineReader } from './line-reader.ts'
import { type AdminAnswer, type AdminRequest, encodeRequest, MAX_ANSWER_BYTES, parseAnswer } from './protocol.ts'

/** No daemon could be asked; the message names the socket and what to do. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError'
}

const REQUEST_ID = 1

/** Resolves with the daemon's answer, good or bad; rejects with an UnreachableError. */
export function askDaemon(
  path: string,
  command: string,
  given: AdminRequest['arguments'],
  timeoutMs: number,
): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const reader = new LineReader(MAX_ANSWER_BYTES)
    const socket = connect(path)
    const fail = (message: string): void => {
      socket.destroy()
      reject(new UnreachableError(message))
    }
    socket.setTimeout(timeoutMs, () => fail(`the daemon on "${path}" did not answer within ${timeoutMs / 1000} s`))
    socket.on('error', (error) => fail(describeConnectError(path, error)))
    socket.on('close', () => fail(`the daemon on "${path}" closed the connection without an answer`))
    socket.on('connect', () => socket.write(encodeRequest({ id: REQUEST_ID, command, arguments: given })))
    socket.on('data', (chunk: Buffer) => {
      const lines = reader.push(chunk)
      if (lines === undefined) return fail(`the daemon on "${path}" answered with a line that has no end`)
      const line = lines[0]
      if (line === undefined) return
      const answer = parseAnswer(line, REQUEST_ID)
      if (answer === undefined) return fail(`what listens on "${path}" does not speak the admin protocol of Shellac`)
      socket.destroy()
      resolve(answer)
    })
  })
}

function describeConnectError(path: string, error: Error): string {
  switch (errorCode(error)) {
    case 'ENOENT':
      return `no daemon to talk to: there is no admin socket "${path}"; is the daemon running with this configuration?`
    case 'ECONNREFUSED':
      return `no daemon to talk to: nobody answers on the admin socket "${path}"; it was left behind by one that is gone`
    case 'EACCES':
      return `cannot open the admin socket "${path}": ${describeError(error)}; become its owner or a member of its group`
    default:
      return `cannot talk to the daemon on "${path}": ${describeError(error)}`
  }
}
