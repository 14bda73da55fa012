/**
 * What the caching cases share: a daemon with a cache in front of an origin whose answers are set path by path. Starting
 * a daemon takes longer than most cases, so the cases of a file share one and keep to paths of their own.
 */
import { createHash } from 'node:crypto'
import { type Daemon, type DaemonOptions, startShellac } from '../support/daemon.ts'
import type { ReceivedRequest, ReceivedResponse } from '../support/http-message.ts'
import { connectClient, type ScriptedClient } from '../support/scripted-client.ts'
import { type RequestScript, reply, type ScriptedOrigin, startOrigin } from '../support/scripted-origin.ts'

export interface SiteOptions {
  /** Default 1. */
  readonly workers?: number
  /** Statements inside `cache main { }` behind its size. */
  readonly cache?: string
  /** Default 16MiB. */
  readonly size?: string
  /** Statements inside `site * { }`. */
  readonly site?: string
  /** Further objects: rules, matchers. */
  readonly more?: string
  /** Statements inside `backend app { }`. */
  readonly backend?: string
  readonly daemon?: Pick<DaemonOptions, 'env' | 'nodeArgs'>
}

export class CachingSite {
  readonly shellac: Daemon
  readonly origin: ScriptedOrigin
  readonly #answers: Map<string, RequestScript>

  constructor(shellac: Daemon, origin: ScriptedOrigin, answers: Map<string, RequestScript>) {
    this.shellac = shellac
    this.origin = origin
    this.#answers = answers
  }

  /** From now on requests for this path, whatever the query, are answered so; one that was never set gets 418. */
  answer(path: string, answer: string | RequestScript): void {
    this.#answers.set(path, typeof answer === 'string' ? () => answer : answer)
  }

  /** What the origin has been asked for this path, in order. */
  asked(path: string): ReceivedRequest[] {
    return this.origin.requests.filter((request) => pathOf(request) === path)
  }

  connect(): Promise<ScriptedClient> {
    return connectClient(this.shellac.port)
  }

  /** One request on a connection of its own. */
  async get(target: string, fields: readonly string[] = [], method = 'GET'): Promise<ReceivedResponse> {
    const client = await this.connect()
    const response = await client.get(target, fields, method)
    client.socket.destroy()
    return response
  }

  /** A connection to each worker: the kernel chooses, so as many are tried as it takes. Needs `WORKER_FIELD`. */
  async connectToEach(workers: number): Promise<ScriptedClient[]> {
    const clients = new Map<string, ScriptedClient>()
    this.answer('/which-worker', reply(200, ''))
    for (let tries = 0; clients.size < workers && tries < 200; tries++) {
      const client = await this.connect()
      const worker = workerOf(await client.get('/which-worker'))
      if (clients.has(worker)) client.socket.destroy()
      else clients.set(worker, client)
    }
    return [...clients.values()]
  }
}

/** A statement for `site`: every answer says which worker gave it. */
export const WORKER_FIELD = 'headers { response set X-Request $request.id; }'

/** The worker that gave an answer with `WORKER_FIELD`. */
export function workerOf(response: ReceivedResponse): string {
  return response.fields.get('x-request')?.split('-')[1] ?? ''
}

export async function startSite(options: SiteOptions = {}): Promise<CachingSite> {
  const answers = new Map<string, RequestScript>()
  const origin = await startOrigin(
    (request, peer) => answers.get(pathOf(request))?.(request, peer) ?? reply(418, '', 'Cache-Control: no-store'),
  )
  const { workers = 1, size = '16MiB', cache = '', site = '', more = '', backend = '' } = options
  const shellac = await startShellac({
    ...options.daemon,
    config: `shellac 1;
process { workers ${workers}; drain 1s; }
reload { watch off; }
admin { listen unix:%dir%/admin.sock; }
log daemon { to stderr; level info; }
listener web { address %listen%; }
backend app { server a 127.0.0.1:${origin.port}; eject after 1000 for 1s; ${backend} }
cache main { tier memory ${size}; ${cache} }
site * { proxy app; use-cache main; ${site} route all { path /**; } }
${more}`,
  })
  return new CachingSite(shellac, origin, answers)
}

function pathOf({ target }: ReceivedRequest): string {
  return target.split('?')[0]!
}

/** A date as HTTP writes it, so many seconds from now. */
export function dateIn(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toUTCString()
}

export function cacheStatus(response: ReceivedResponse): string {
  return response.fields.get('cache-status') ?? ''
}

/** `Shellac; hit; ttl=59` becomes `hit`; the number is not for comparing. */
export function isHit(response: ReceivedResponse): boolean {
  return /^Shellac; hit; ttl=-?[0-9]+$/.test(cacheStatus(response))
}

/** Bytes that tell which URL they belong to, and that none is missing or foreign. */
export function bodyFor(target: string, length: number): Buffer {
  const hash = createHash('sha256').update(target).digest('hex')
  return Buffer.alloc(length, `${hash}.`)
}

/** Something to wait for, settled by hand. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
