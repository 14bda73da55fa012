/** A well-behaved origin on node:http that serves a table of pages, for tests whose subject is not the origin. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestEnd } from './cleanup.ts'

export interface Page {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

export interface FileOrigin {
  readonly port: number
  /** In order of arrival. */
  readonly requests: readonly SeenRequest[]
  /** Pages by path; may be changed while it runs. Anything else is a 404. */
  readonly pages: Map<string, Page>
}

export async function startFileOrigin(pages: Readonly<Record<string, Page>>): Promise<FileOrigin> {
  const table = new Map(Object.entries(pages))
  const requests: SeenRequest[] = []
  const server = createServer((request, response) => {
    const url = request.url ?? ''
    requests.push({ method: request.method ?? '', url, headers: request.headers })
    const page = table.get(url.split('?', 1)[0] ?? '') ?? { status: 404, body: 'not found\n' }
    const body = page.body ?? ''
    request.resume()
    response.writeHead(page.status ?? 200, { 'Content-Length': Buffer.byteLength(body), ...page.headers })
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestEnd(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return { port: (server.address() as AddressInfo).port, requests, pages: table }
}
