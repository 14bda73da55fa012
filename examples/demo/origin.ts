/** The demonstration's origin: three pages, each telling when it was made, so that a cached one gives itself away. */
import { createServer, type Server } from 'node:http'

interface Page {
  readonly cacheControl: string
  readonly text: string
}

const pages: Readonly<Record<string, Page>> = {
  '/': { cacheControl: 'public, max-age=600', text: 'The front page, fresh for ten minutes.' },
  '/news': { cacheControl: 'public, max-age=5, stale-while-revalidate=30', text: 'The news, fresh for five seconds.' },
  '/clock': { cacheControl: 'no-store', text: 'The clock, never stored.' },
}

/** Listens on 127.0.0.1 when it comes back; rejects when the port is taken. */
export function startOrigin(port: number): Promise<Server> {
  const server = createServer((request, response) => {
    const page = Object.hasOwn(pages, request.url ?? '') ? pages[request.url ?? ''] : undefined
    if (!page) {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('There is /, /news and /clock.\n')
      return
    }
    const body = `${page.text}\nMade by the origin at ${new Date().toISOString()}\n`
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': page.cacheControl }).end(body)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
