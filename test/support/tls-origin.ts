/** An origin that speaks HTTP/1.1 over TLS: every connection is a script's, byte by byte, as in scripted-origin.ts. */
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import type { Issued } from './certificates.ts'
import { onTestEnd } from './cleanup.ts'

export interface TlsOrigin {
  readonly port: number
  /** Handshakes that succeeded, in order. */
  readonly sockets: readonly TLSSocket[]
}

/** `script` is called for each connection, when the handshake is over. */
export async function startTlsOrigin(
  { certificate, key }: Issued,
  script: (socket: TLSSocket) => void,
  options: TlsOptions = {},
): Promise<TlsOrigin> {
  const sockets: TLSSocket[] = []
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key), ...options }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {}) // clients that give up in the middle are part of some cases
    script(socket)
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

/** Answers each request head with 200 and `body`. */
export function answerWith(body: string): (socket: TLSSocket) => void {
  return (socket) => {
    let text = ''
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        text = text.slice(end + 4)
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      }
    })
  }
}
