/**
 * What the cases of the shared tier have in common: some daemons, each with a cache of its own, over the same memcached
 * servers and before the same origin.
 */

import type { CounterName } from '../../src/log/counters.ts'
import { statsOf, statusOf } from '../support/admin.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import type { ReceivedRequest, ReceivedResponse } from '../support/http-message.ts'
import { startMemcached, type TestMemcached } from '../support/memcached.ts'
import { connectClient, type ScriptedClient } from '../support/scripted-client.ts'
import { type RequestScript, reply, type ScriptedOrigin, startOrigin } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'

export interface FleetOptions {
  /** Default 2. */
  readonly nodes?: number
  /** Default 1; or those that are there. */
  readonly servers?: number | readonly { readonly text: string }[]
  readonly workers?: number
  /** Statements of `cache main { }` about its tiers; default memory and pool. */
  readonly tiers?: string
  readonly cache?: string
  readonly site?: string
  /** Statements inside `memcached edge { }` behind its servers. Default: more time than a loaded machine takes. */
  readonly pool?: string
  readonly more?: string
  /** Arguments of the memcached servers. */
  readonly serverArgs?: readonly string[]
}

/** Behind a value: its line end, and the answer to `mn`. */
const END = '\r\nMN\r\n'

export const BOTH_TIERS = 'tier memory 16MiB; tier memcached edge;'

export class Node {
  readonly shellac: Daemon

  constructor(shellac: Daemon) {
    this.shellac = shellac
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

  async count(name: CounterName): Promise<number> {
    return (await statsOf(this.shellac)).counters[name]
  }

  /** Before a node has read what was purged it takes nothing from the pool and puts nothing there. */
  async sharing(): Promise<void> {
    await waitFor('the purges of the fleet', async () => {
      const { fleet } = (await statusOf(this.shellac)).caches[0]!
      return (fleet?.sequence ?? 0) > 0
    })
  }

  /** Waits until so many entries more than `before` have been written to the pool, or given up. */
  async written(entries: number, before = 0): Promise<void> {
    await waitFor(`${entries} entries in the pool`, async () => {
      const { poolWrites, poolDropped } = (await statsOf(this.shellac)).counters
      return poolWrites + poolDropped - before >= entries
    })
  }
}

export class Fleet {
  readonly nodes: readonly Node[]
  readonly servers: readonly TestMemcached[]
  readonly origin: ScriptedOrigin
  readonly #options: FleetOptions
  readonly #answers: Map<string, RequestScript>
  readonly #serverTexts: readonly string[]

  constructor(made: {
    origin: ScriptedOrigin
    answers: Map<string, RequestScript>
    servers: readonly TestMemcached[]
    serverTexts: readonly string[]
    options: FleetOptions
    nodes: Node[]
  }) {
    this.origin = made.origin
    this.servers = made.servers
    this.nodes = made.nodes
    this.#answers = made.answers
    this.#serverTexts = made.serverTexts
    this.#options = made.options
  }

  /** From now on requests for this path, whatever the query, are answered so; one that was never set gets 418. */
  answer(path: string, answer: string | RequestScript): void {
    this.#answers.set(path, typeof answer === 'string' ? () => answer : answer)
  }

  /** What the origin has been asked for this path, in order. */
  asked(path: string): ReceivedRequest[] {
    return this.origin.requests.filter((request) => pathOf(request) === path)
  }

  /** One more node. */
  async start(changes: Partial<FleetOptions> = {}): Promise<Node> {
    const node = new Node(await startShellac({ config: this.config(changes) }))
    await node.sharing()
    return node
  }

  /** A number of memcached's statistics, of all servers together. */
  async sum(statistic: string): Promise<number> {
    const each = await Promise.all(this.servers.map((server) => server.stat(statistic)))
    return each.reduce((sum, text) => sum + Number(text), 0)
  }

  /** The server that holds an item, and what it is; undefined: none does. */
  async find(key: string): Promise<{ readonly server: TestMemcached; readonly value: Buffer } | undefined> {
    for (const server of this.servers) {
      const answer = await server.ask(`mg ${key} v\r\nmn\r\n`, /MN\r\n$/)
      const start = answer.indexOf('\r\n') + 2
      if (answer.startsWith('VA')) return { server, value: Buffer.from(answer.slice(start, -END.length), 'latin1') }
    }
    return undefined
  }

  /** The configuration of its nodes with changes. */
  config(changes: Partial<FleetOptions>): string {
    const { servers } = changes
    const texts = typeof servers === 'object' ? servers.map(({ text }) => text) : this.#serverTexts
    return configOf({ ...this.#options, ...changes }, texts, this.origin.port)
  }
}

/** Nodes one after the other, since each takes all of the machine to start. */
export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const answers = new Map<string, RequestScript>()
  const origin = await startOrigin(
    (request, peer) => answers.get(pathOf(request))?.(request, peer) ?? reply(418, '', 'Cache-Control: no-store'),
  )
  const { servers: wanted = 1, nodes: count = 2, serverArgs: args = [] } = options
  const servers: TestMemcached[] = []
  if (typeof wanted === 'number') {
    for (let server = 0; server < wanted; server++) servers.push(await startMemcached({ args }))
  }
  const serverTexts = (typeof wanted === 'number' ? servers : wanted).map(({ text }) => text)
  const nodes: Node[] = []
  const fleet = new Fleet({ origin, answers, servers, serverTexts, options, nodes })
  for (let node = 0; node < count; node++) nodes.push(await fleet.start())
  return fleet
}

function configOf(options: FleetOptions, servers: readonly string[], originPort: number): string {
  const { workers = 1, tiers = BOTH_TIERS, cache = '', site = '', pool = 'timeout 5s;', more = '' } = options
  return `shellac 1;
process { workers ${workers}; drain 1s; }
reload { watch off; }
admin { listen unix:%dir%/admin.sock; }
log daemon { to stderr; level info; }
listener web { address %listen%; }
backend app { server a 127.0.0.1:${originPort}; eject after 1000 for 1s; connections 1000; }
memcached edge { ${servers.map((text) => `server ${text};`).join(' ')} ${pool} }
cache main { ${tiers} ${cache} }
site * { proxy app; use-cache main; ${site} route all { path /**; } }
${more}`
}

function pathOf({ target }: ReceivedRequest): string {
  return target.split('?')[0]!
}

/** `Shellac; hit; ttl=59; detail=memcached`. */
export function isPoolHit(response: ReceivedResponse): boolean {
  return /^Shellac; hit; ttl=[0-9]+; detail=memcached$/.test(response.fields.get('cache-status') ?? '')
}
