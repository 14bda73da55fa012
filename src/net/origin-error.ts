/** What can go wrong between the proxy and an origin: the one list, with what the client is told and whether to try again. */

export interface OriginErrorRecord {
  readonly code: string
  /** Answered when nothing of a response has reached the client. */
  readonly status: 500 | 502 | 503 | 504
  /**
   * `any`: not a byte of the request was sent, so every method may be tried again; `idempotent`: the origin may have
   * acted on it, so only idempotent methods (RFC 9110 §9.2.2); `never`: it answered, badly.
   */
  readonly retry: 'any' | 'idempotent' | 'never'
  readonly message: string
  /** Whether it counts against the server when it is decided to avoid it. */
  readonly blames: boolean
}

export const originErrors = {
  'no-server': {
    code: 'no-server',
    status: 503,
    retry: 'never',
    blames: false,
    message: 'no server of the backend can be used',
  },
  'queue-full': {
    code: 'queue-full',
    status: 503,
    retry: 'any',
    blames: false,
    message: 'every connection is in use and the queue is full',
  },
  'queue-timeout': {
    code: 'queue-timeout',
    status: 503,
    retry: 'never',
    blames: false,
    message: 'no connection became free in time',
  },
  'dns-failure': {
    code: 'dns-failure',
    status: 502,
    retry: 'any',
    blames: true,
    message: 'the name of the server does not resolve',
  },
  'connect-refused': {
    code: 'connect-refused',
    status: 502,
    retry: 'any',
    blames: true,
    message: 'the server refused the connection',
  },
  'connect-failed': {
    code: 'connect-failed',
    status: 502,
    retry: 'any',
    blames: true,
    message: 'the server could not be reached',
  },
  // Not the server's fault: avoiding it for what this machine lacks would turn a shortage into an outage.
  'no-resources': {
    code: 'no-resources',
    status: 503,
    retry: 'any',
    blames: false,
    message: 'the proxy has no file descriptor, port or memory left for a connection',
  },
  'connect-timeout': {
    code: 'connect-timeout',
    status: 504,
    retry: 'any',
    blames: true,
    message: 'the server did not accept the connection in time',
  },
  'tls-handshake': {
    code: 'tls-handshake',
    status: 502,
    retry: 'any',
    blames: true,
    message: 'no TLS connection to the server came about',
  },
  'certificate-untrusted': {
    code: 'certificate-untrusted',
    status: 502,
    retry: 'any',
    blames: true,
    message: 'the certificate of the server is not trusted',
  },
  'certificate-name': {
    code: 'certificate-name',
    status: 502,
    retry: 'any',
    blames: true,
    message: 'the certificate of the server is made out to another name',
  },
  'certificate-expired': {
    code: 'certificate-expired',
    status: 502,
    retry: 'any',
    blames: true,
    message: 'the certificate of the server is not valid at this time',
  },
  'no-protocol': {
    code: 'no-protocol',
    status: 502,
    retry: 'any',
    blames: true,
    message: 'the server does not speak HTTP/2',
  },
  // What comes before it was asked for was not said to this request, whoever said it.
  'unasked-data': {
    code: 'unasked-data',
    status: 502,
    retry: 'any',
    blames: true,
    message: 'the server sent data before it was asked',
  },
  'stream-reset': {
    code: 'stream-reset',
    status: 502,
    retry: 'idempotent',
    blames: true,
    message: 'the server gave the request up on its HTTP/2 connection',
  },
  // RFC 9113 §8.7: the server says that it has done nothing, as a queue would.
  'refused-stream': {
    code: 'refused-stream',
    status: 502,
    retry: 'any',
    blames: false,
    message: 'the server did not take the request on its HTTP/2 connection',
  },
  'closed-early': {
    code: 'closed-early',
    status: 502,
    retry: 'idempotent',
    blames: true,
    message: 'the server closed the connection before it answered',
  },
  'first-byte-timeout': {
    code: 'first-byte-timeout',
    status: 504,
    retry: 'never',
    blames: true,
    message: 'the server did not answer in time',
  },
  'between-bytes-timeout': {
    code: 'between-bytes-timeout',
    status: 504,
    retry: 'never',
    blames: true,
    message: 'the server stopped in the middle of its answer',
  },
  'bad-head': {
    code: 'bad-head',
    status: 502,
    retry: 'never',
    blames: true,
    message: 'the server sent a response head that is not HTTP',
  },
  'bad-body': {
    code: 'bad-body',
    status: 502,
    retry: 'never',
    blames: true,
    message: 'the server broke the framing of its response body',
  },
  incomplete: {
    code: 'incomplete',
    status: 502,
    retry: 'never',
    blames: true,
    message: 'the server closed before its response was complete',
  },
  'unasked-upgrade': {
    code: 'unasked-upgrade',
    status: 502,
    retry: 'never',
    blames: true,
    message: 'the server switched protocols without being asked',
  },
  'proxy-fault': {
    code: 'proxy-fault',
    status: 500,
    retry: 'never',
    blames: false,
    message: 'the proxy failed at this response',
  },
  'endless-interim': {
    code: 'endless-interim',
    status: 502,
    retry: 'never',
    blames: true,
    message: 'the server sent too many interim responses',
  },
} as const satisfies Record<string, OriginErrorRecord>

export type OriginErrorCode = keyof typeof originErrors

/** The code for an error of `connect`: `code` as Node names it. */
export function connectErrorCode(error: NodeJS.ErrnoException): OriginErrorCode {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'connect-refused'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'ENODATA':
      return 'dns-failure'
    case 'ETIMEDOUT':
      return 'connect-timeout'
    case 'EMFILE':
    case 'ENFILE':
    case 'EADDRNOTAVAIL':
    case 'ENOBUFS':
    case 'ENOMEM':
      return 'no-resources'
    default:
      return 'connect-failed'
  }
}
