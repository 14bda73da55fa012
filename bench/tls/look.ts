/** Single requests of the harness over TLS, to look at what it is about to measure. */
import { connect as connectHttp2 } from 'node:http2'
import { get } from 'node:https'

export interface SecureLook {
  readonly status: number
  readonly bodyBytes: number
  /** Whether the body is that of the origin's file, as far as it goes. */
  readonly isIntact: boolean
}

/** Of what the origin's files consist, over and over. */
const FILLING = 'shellac '
const TIMEOUT_MS = 5000

/** GET over a connection of its own, HTTP/1.1 or HTTP/2. `ca`: the certificate of the server, PEM. */
export async function lookSecurely(port: number, path: string, protocol: 'h1' | 'h2', ca: string): Promise<SecureLook> {
  const { status, body } = await (protocol === 'h1' ? lookByHttp1(port, path, ca) : lookByHttp2(port, path, ca))
  return { status, bodyBytes: body.length, isIntact: body.equals(Buffer.alloc(body.length, FILLING)) }
}

interface Answer {
  readonly status: number
  readonly body: Buffer
}

function lookByHttp1(port: number, path: string, ca: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, ca, agent: false, timeout: TIMEOUT_MS } as const
    const request = get(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }))
    })
    request.once('timeout', () => request.destroy(new Error(`no answer from port ${port} for ${path}`)))
    request.once('error', reject)
  })
}

function lookByHttp2(port: number, path: string, ca: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca })
    session.setTimeout(TIMEOUT_MS, () => session.destroy(new Error(`no answer from port ${port} for ${path}`)))
    session.once('error', reject)
    const stream = session.request({ ':path': path })
    let status = 0
    const chunks: Buffer[] = []
    stream.once('response', (headers) => {
      status = headers[':status'] ?? 0
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.once('error', reject)
    stream.once('end', () => {
      session.close()
      resolve({ status, body: Buffer.concat(chunks) })
    })
  })
}
