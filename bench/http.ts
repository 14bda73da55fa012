/** Single requests of the harness itself, to look at what it is about to measure. */
import { get } from 'node:http'

export interface Looked {
  readonly status: number
  readonly bodyBytes: number
  readonly body: string
}

/** GET on a connection of its own. */
export function look(port: number, path: string): Promise<Looked> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false, timeout: 5000 }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        const body = Buffer.concat(chunks)
        resolve({ status: response.statusCode ?? 0, bodyBytes: body.length, body: body.toString('latin1') })
      })
    })
    request.once('timeout', () => request.destroy(new Error(`no answer from port ${port} for ${path}`)))
    request.once('error', reject)
  })
}
