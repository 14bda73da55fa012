/** A Pool in the test's own thread, in front of whatever servers the test has, and requests that keep what they are told. */
import type { FailureCode } from '../../src/memcached/failure.ts'
import { Pool, type PoolContext } from '../../src/memcached/pool.ts'
import { createPoolState, MAIN_THREAD } from '../../src/memcached/pool-state.ts'
import type { Reply } from '../../src/memcached/reply.ts'
import { Expect, ServerRequest } from '../../src/memcached/server-request.ts'
import type { Resolver } from '../../src/net/resolver.ts'
import type { MemcachedPlan } from '../../src/plan/memcached-plan.ts'
import type { ListenAddress } from '../../src/plan/plan.ts'
import { onTestEnd } from './cleanup.ts'
import { within } from './wait.ts'

/** A plan with servers `s0`, `s1` ... at the given addresses, and generous limits. */
export function poolPlan(addresses: readonly ListenAddress[], overrides: Partial<MemcachedPlan> = {}): MemcachedPlan {
  const place = { file: 'test.conf', line: 1, column: 1 } as unknown as MemcachedPlan['place']
  return {
    name: 'edge',
    hash: 'fnv1a_64',
    hashTag: undefined,
    distribution: 'ketama',
    servers: addresses.map((address, i) => ({ label: `s${i}`, weight: 1, address, place })),
    timeoutMs: 5000,
    connections: 1,
    preconnect: false,
    keepAlive: false,
    eject: undefined,
    maxItemBytes: 1024 * 1024,
    maxBacklogBytes: 16 * 1024 * 1024,
    auth: undefined,
    place,
    ...overrides,
  }
}

export interface TestPool {
  readonly pool: Pool
  readonly state: SharedArrayBuffer
  /** What onReply and onFailure threw. */
  readonly faults: unknown[]
  /** Messages of the log. */
  readonly messages: string[]
}

/** A pool that ends with the test. `shared`: the state of another pool that this one is to share. */
export function testPool(
  plan: MemcachedPlan,
  shared?: SharedArrayBuffer,
  worker: number = MAIN_THREAD,
  resolver?: Resolver,
): TestPool {
  const state = shared ?? createPoolState(plan, 2)
  const faults: unknown[] = []
  const messages: string[] = []
  const context: PoolContext = {
    worker,
    log: (_, message) => messages.push(message),
    onFault: (error) => faults.push(error),
    ...(resolver === undefined ? {} : { resolver }),
  }
  const pool = new Pool(plan, state, context)
  onTestEnd(() => pool.destroy())
  return { pool, state, faults, messages }
}

/** What became of a request. */
export type Outcome =
  | { readonly code: number; readonly text: string; readonly data: string; readonly isOwned: boolean }
  | { readonly failure: FailureCode }

/** Keeps the one thing it is told, and throws if it is told more. */
export class TestRequest extends ServerRequest {
  readonly done: Promise<Outcome>
  outcome: Outcome | undefined = undefined
  #settle: (outcome: Outcome) => void = () => {}

  constructor(expect: number = Expect.line, mayRepeat = false) {
    super(expect)
    this.mayRepeat = mayRepeat
    this.done = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  override onReply(reply: Reply): void {
    this.#end({
      code: reply.code,
      text: reply.bytes.toString('latin1', reply.start, reply.end),
      data: reply.bytes.toString('latin1', reply.dataStart, reply.dataEnd),
      isOwned: reply.isOwned,
    })
  }

  override onFailure(failure: FailureCode): void {
    this.#end({ failure })
  }

  #end(outcome: Outcome): void {
    if (this.outcome !== undefined) throw new Error(`told twice: ${JSON.stringify([this.outcome, outcome])}`)
    this.outcome = outcome
    this.#settle(outcome)
  }
}

/** Queues `text` for a server and gives what becomes of it; a refusal is its failure. */
export function ask(
  pool: Pool,
  server: number,
  text: string | Buffer,
  expect: number = Expect.line,
  options: { mayRepeat?: boolean; affinity?: number } = {},
): Promise<Outcome> {
  const request = new TestRequest(expect, options.mayRepeat)
  const out = pool.begin(server, request, options.affinity)
  if (out === undefined) return Promise.resolve({ failure: pool.refusal })
  if (typeof text === 'string') out.text(text)
  else out.attach(text)
  return within('a reply or a failure', request.done)
}

/** The text of the reply; an Error when it failed. */
export async function askText(...args: Parameters<typeof ask>): Promise<string> {
  const outcome = await ask(...args)
  if ('failure' in outcome) throw new Error(`failed with ${outcome.failure}`)
  return outcome.text
}
