/** A well-behaved client of HTTP/2: that of Node, over TLS or by prior knowledge. `h2-frames.ts` is the other kind. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2'
import { onTestEnd } from './cleanup.ts'
import { within } from './wait.ts'

export interface H2Answer {
  readonly status: number
  /** Names and values in turn, as they came. */
  readonly raw: readonly string[]
  readonly body: Buffer
  /** Status and raw fields of each interim response. */
  readonly interims: readonly (readonly string[])[]
  /** Raw; undefined: none came. */
  readonly trailers: readonly string[] | undefined
}

export class H2Client {
  readonly session: ClientHttp2Session
  /** The error codes of the GOAWAYs that came. */
  readonly goaways: number[] = []

  constructor(session: ClientHttp2Session) {
    this.session = session
    session.on('error', () => {})
    session.on('goaway', (code) => this.goaways.push(code))
  }

  /** Begins a request whose stream the test drives itself. */
  open(headers: OutgoingHttpHeaders, endStream = false): ClientHttp2Stream {
    const stream = this.session.request(headers, { endStream })
    stream.on('error', () => {})
    return stream
  }

  get(path: string, headers: OutgoingHttpHeaders = {}): Promise<H2Answer> {
    return answerOf(this.open({ ':path': path, ...headers }, true))
  }

  /** A request with a body, and with trailers if they are given. */
  post(path: string, body: string | Buffer, headers: OutgoingHttpHeaders = {}): Promise<H2Answer> {
    const stream = this.open({ ':path': path, ':method': 'POST', ...headers })
    stream.end(body)
    return answerOf(stream)
  }
}

/** Closed when the test ends. `url`: http for prior knowledge, https with any certificate. */
export async function connectH2(url: string): Promise<H2Client> {
  const session = connect(url, { rejectUnauthorized: false })
  onTestEnd(() => session.destroy())
  const client = new H2Client(session)
  await within('the connection', new Promise((resolve) => session.once('connect', resolve)))
  return client
}

/** The whole answer; rejects when the stream is reset before its end. */
export function answerOf(stream: ClientHttp2Stream): Promise<H2Answer> {
  const chunks: Buffer[] = []
  const interims: (readonly string[])[] = []
  let raw: readonly string[] = []
  let trailers: readonly string[] | undefined
  stream.on('headers', (_headers, _flags, list: unknown) => interims.push(list as string[]))
  stream.on('response', (_headers, _flags, list: unknown) => {
    raw = list as string[]
  })
  stream.on('trailers', (_headers, _flags, list: unknown) => {
    trailers = list as string[]
  })
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const answer = new Promise<H2Answer>((resolve, reject) => {
    let hasEnded = false
    stream.on('end', () => {
      hasEnded = true
    })
    stream.on('close', () => {
      const isWhole = hasEnded && stream.rstCode === 0 && raw.length > 0
      if (isWhole) resolve({ status: statusOf(raw), raw, body: Buffer.concat(chunks), interims, trailers })
      else reject(new Error(`the stream was reset with ${stream.rstCode} after ${Buffer.concat(chunks).length} bytes`))
    })
  })
  return within('the answer', answer)
}

/** The value of a field of a raw list; all of them joined, if there are several; undefined: none. */
export function fieldOf(raw: readonly string[], name: string): string | undefined {
  const values = raw.filter((_, i) => i % 2 === 1 && raw[i - 1] === name)
  return values.length === 0 ? undefined : values.join(', ')
}

function statusOf(raw: readonly string[]): number {
  return Number(fieldOf(raw, ':status'))
}
