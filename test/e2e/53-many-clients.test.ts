/** Thousands of keep-alive clients at a time; `npm run bench:idle` does the same with pinned cores and other servers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IdleClient } from '../../bench/idle-client.ts'
import { statusOf } from '../support/admin.ts'
import { startShellac } from '../support/daemon.ts'
import { ok, startOrigin } from '../support/scripted-origin.ts'
import { sized } from '../support/soak.ts'
import { waitFor } from '../support/wait.ts'

const CLIENTS = sized(2000, 9000)
/** More would try the listen queue of the kernel. */
const AT_A_TIME = 200
const MOST_BYTES_PER_CLIENT = 10 * 1024
const BODY = 'x'.repeat(1024)

test(`${CLIENTS} clients stay connected, are served, and take little memory`, async (t) => {
  const origin = await startOrigin(() => ok(BODY, 'Cache-Control: max-age=600'))
  const shellac = await startShellac({
    config: `shellac 1;
      process { workers 2; drain 100ms; }
      admin { listen unix:%dir%/admin.sock; }
      listener web { address %listen%; }
      backend app { server a 127.0.0.1:${origin.port}; }
      cache main { tier memory 8MiB; }
      site * { proxy app; use-cache main; }`,
  })
  const clients = Array.from({ length: CLIENTS }, () => new IdleClient('/a', BODY.length))
  const [warmUp, others] = [clients.slice(0, AT_A_TIME), clients.slice(AT_A_TIME)]
  await inTurn(warmUp, (client) => client.open(shellac.port))
  for (let round = 0; round < 20; round++) await inTurn(warmUp, (client) => client.ask())
  const before = shellac.rssBytes()

  await inTurn(others, (client) => client.open(shellac.port))
  await inTurn(others, (client) => client.ask())
  assert.equal((await statusOf(shellac)).connections, CLIENTS)
  const each = (shellac.rssBytes() - before) / others.length
  await inTurn(clients, (client) => client.ask())

  t.diagnostic(`${(each / 1024).toFixed(2)} KiB for each connection`)
  assert.equal(clients.filter((client) => client.failed).length, 0)
  assert.ok(each < MOST_BYTES_PER_CLIENT, `${each} bytes for each connection`)
  for (const client of clients) client.close()
  await waitFor('no connection', async () => (await statusOf(shellac)).connections === 0)
  assert.equal(origin.requests.length, 1)
})

async function inTurn(clients: readonly IdleClient[], act: (client: IdleClient) => Promise<void>): Promise<void> {
  for (let from = 0; from < clients.length; from += AT_A_TIME) {
    await Promise.all(clients.slice(from, from + AT_A_TIME).map(act))
  }
}
