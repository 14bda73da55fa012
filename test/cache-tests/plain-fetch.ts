/**
 * As much of `fetch` as the runner of the tests uses, and no more: a browser's fetch adds cache directives of its own to
 * conditional requests, and the tests are about what the cache makes of requests without them.
 */
import { request as sendRequest } from 'node:http'

export interface PlainInit {
  readonly method?: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly body?: string
}

export interface PlainResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  text(): Promise<string>
}

/** Rejects when the connection breaks before the body is complete. Follows no redirect. */
export function plainFetch(url: string, init: PlainInit = {}): Promise<PlainResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<PlainResponse>()
  const { method = 'GET', headers = [], body = '' } = init
  const { host } = new URL(url)
  const lines = [
    'Host',
    host,
    ...(body === '' ? [] : ['Content-Length', `${Buffer.byteLength(body)}`]),
    ...headers.flat(),
  ]
  const request = sendRequest(url, { method, headers: lines }, async (response) => {
    try {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      const received = new Headers()
      const { rawHeaders } = response
      for (let i = 0; i < rawHeaders.length; i += 2) received.append(rawHeaders[i]!, rawHeaders[i + 1]!)
      resolve({
        status: response.statusCode ?? 0,
        statusText: response.statusMessage ?? '',
        headers: received,
        text: async () => Buffer.concat(chunks).toString(),
      })
    } catch (error) {
      reject(error)
    }
  })
  request.once('error', reject)
  request.end(body)
  return promise
}
