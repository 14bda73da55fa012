/**
 * `npm run bench:idle`: thousands of keep-alive clients at a time. Each asks once, stays silent, asks again.
 *
 *     npm run bench:idle -- --clients 10000 --servers shellac,nginx --quiet 5
 *
 * Memory per connection is the growth of the server's resident memory, between its state after a second of load and the
 * silence of all clients, divided by their number. What the kernel keeps for a socket is the same for all and not in it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { pathOf } from './cases.ts'
import { look } from './http.ts'
import { IdleClient } from './idle-client.ts'
import { choose, count, readArguments } from './options.ts'
import { rssBytes } from './process.ts'
import { LOAD_CORE, type RunningServer, type ServerName, servers, startOrigin, startServer } from './servers.ts'
import { runWrk } from './wrk.ts'

/** Connections being opened, or requests under way, at a time: more would measure the listen queue. */
const AT_A_TIME = 200
const BODY_BYTES = 1024
const path = pathOf({ kind: 'hit', bodyBytes: BODY_BYTES })

const given = readArguments(process.argv.slice(2), ['clients', 'servers', 'quiet'])
const clients = count('--clients', given.clients, 10_000)
const quietSec = count('--quiet', given.quiet, 5)
const names = choose('--servers', given.servers ?? 'shellac', Object.keys(servers) as ServerName[])

const origin = await startOrigin()
let failed = false
try {
  for (const name of names) {
    const server = await startServer(name, { origin: origin.port })
    const result = await holdClients(server)
    await server.stop()
    failed ||= result.errors > 0
    const mb = (bytes: number) => (bytes / 1e6).toFixed(1)
    const perClient = (result.rssAfter - result.rssBefore) / clients / 1024
    console.log(
      `${name}: ${clients} idle clients, ${result.errors} errors, RSS ${mb(result.rssBefore)} to ${mb(result.rssAfter)} MB, ${perClient.toFixed(2)} KiB per connection`,
    )
  }
} finally {
  await origin.stop()
}
process.exit(failed ? 1 : 0)

interface Held {
  /** Connections that could not be opened, were closed or answered wrongly, in either round. */
  readonly errors: number
  readonly rssBefore: number
  readonly rssAfter: number
}

async function holdClients(server: RunningServer): Promise<Held> {
  await look(server.port, path)
  await runWrk(`http://127.0.0.1:${server.port}${path}`, LOAD_CORE, 64, 1)
  await sleep(1000)
  const rssBefore = rssBytes(server.pid)
  const held = Array.from({ length: clients }, () => new IdleClient(path, BODY_BYTES))
  await eachBounded(held, (client) => client.open(server.port))
  await eachBounded(held, (client) => client.ask())
  await sleep(quietSec * 1000)
  const rssAfter = rssBytes(server.pid)
  await eachBounded(held, (client) => client.ask())
  for (const client of held) client.close()
  return { errors: held.filter((client) => client.failed).length, rssBefore, rssAfter }
}

async function eachBounded(held: readonly IdleClient[], act: (client: IdleClient) => Promise<void>): Promise<void> {
  for (let from = 0; from < held.length; from += AT_A_TIME)
    await Promise.all(held.slice(from, from + AT_A_TIME).map(act))
}
