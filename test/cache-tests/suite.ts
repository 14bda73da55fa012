/**
 * The tests of the package as typed values, its origin server on a port of ours, and its runner.
 *
 * Its own `server.mjs` and `cli.mjs` are not used: the one listens on every address and the other wants an old `fetch`.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { plainFetch } from './plain-fetch.ts'

/** `check`: a question without a right answer. */
export type Kind = 'required' | 'optimal' | 'check'

export interface SuiteTest {
  readonly id: string
  readonly name: string
  readonly kind?: Kind
  /** A test says nothing where one of these does not pass. */
  readonly depends_on?: readonly string[]
  readonly browser_only?: boolean
}

/** true, or the kind of failure and its words. */
type Result = true | readonly [kind: string, message: string]

/** Tests the runner has under way at a time: most of their time is spent in pauses. */
const AT_ONCE = 120

export class Suite {
  readonly tests: readonly SuiteTest[]
  readonly #folder: string

  private constructor(folder: string, tests: readonly SuiteTest[]) {
    this.#folder = folder
    this.tests = tests
  }

  static async load(folder: string): Promise<Suite> {
    const { default: groups } = await importFrom(folder, 'tests/index.mjs')
    const tests = (groups as { tests: SuiteTest[] }[]).flatMap((group) => group.tests)
    return new Suite(
      folder,
      tests.filter((test) => test.browser_only !== true),
    )
  }

  /** Starts the package's origin server on 127.0.0.1; returns its port. It ends with the process. */
  async startOrigin(): Promise<number> {
    const [config, test, state] = await Promise.all(
      ['config', 'test', 'state'].map(
        async (name) => (await importFrom(this.#folder, `server/handle-${name}.mjs`)).default as Handler,
      ),
    )
    const handlers: Readonly<Record<string, Handler | undefined>> = { config, test, state }
    const server = createServer((request, response) => {
      const [, name = '', ...segments] = new URL(request.url ?? '/', 'http://127.0.0.1').pathname.split('/')
      const handler = handlers[name]
      if (handler !== undefined) handler(segments, request, response)
      else response.writeHead(404).end()
    })
    server.listen(0, '127.0.0.1').unref()
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  /** Runs tests against the cache at `baseUrl`; by id, what each came to. */
  async run(tests: readonly SuiteTest[], baseUrl: string): Promise<ReadonlyMap<string, Result>> {
    const { testResults, makeCacheTest } = await importFrom(this.#folder, 'client/test.mjs')
    const config = await importFrom(this.#folder, 'client/config.mjs')
    config.setFetch(plainFetch)
    config.setBaseUrl(baseUrl)
    config.setUseBrowserCache(false)
    const results = new Map<string, Result>()
    const { log } = console
    console.log = () => {} // its origin warns of what some tests are about
    for (let i = 0; i < tests.length; i += AT_ONCE) {
      const batch = tests.slice(i, i + AT_ONCE)
      for (const { id } of batch) delete testResults[id] // of an earlier try
      await Promise.all(batch.map((test) => makeCacheTest(test)))
      for (const { id } of batch) results.set(id, testResults[id])
    }
    console.log = log
    return results
  }
}

type Handler = (segments: readonly string[], request: IncomingMessage, response: ServerResponse) => void

// biome-ignore lint/suspicious/noExplicitAny: modules of a package without types
function importFrom(folder: string, path: string): Promise<any> {
  return import(pathToFileURL(join(folder, path)).href)
}
