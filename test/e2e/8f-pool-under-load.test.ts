/**
 * Objects of all kinds, asked for by many clients of two nodes while the servers of their pool are killed, stopped and
 * emptied: every answer is the right one, and nothing is left behind.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusOf } from '../support/admin.ts'
import { ok } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { type Node, startFleet } from './pool-site.ts'

const OBJECTS = 60
const CLIENTS = 16
const REQUESTS_PER_CLIENT = 120
const KINDS = ['a', 'b', 'c', 'd']
const BYTES = [10, 3000, 70_000, 1_500_000]

/** Says at every place whose it is. */
function bodyOf(object: number, kind: string): string {
  const mark = `${object}${isVaried(object) ? kind : ''}:`
  return mark.repeat(Math.ceil(BYTES[object % BYTES.length]! / mark.length))
}

const isVaried = (object: number): boolean => object % 5 === 0
const isPrivate = (object: number): boolean => object % 7 === 3

/** Of a second's life, so that all is fetched, validated, shared and let go again and again. */
function answerOf(object: number, kind: string): string {
  const body = bodyOf(object, kind)
  if (isPrivate(object)) return ok(body, 'Cache-Control: private')
  const life = 'Cache-Control: max-age=1, stale-while-revalidate=1'
  return isVaried(object) ? ok(body, life, 'Vary: X-Kind') : ok(body, life, `ETag: "${object}"`)
}

/** The same in every run. */
function randomOf(seed: number): (below: number) => number {
  let state = seed * 7919 + 1
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
}

async function ask(node: Node, seed: number): Promise<void> {
  const random = randomOf(seed)
  let client = await node.connect()
  for (let request = 1; request <= REQUESTS_PER_CLIENT; request++) {
    const object = random(OBJECTS)
    const kind = KINDS[random(KINDS.length)]!
    const range = random(10) === 0 ? ['Range: bytes=0-3'] : []
    const response = await client.get(`/o/${object}`, [`X-Kind: ${kind}`, ...range])
    const body = response.status === 206 ? bodyOf(object, kind).slice(0, 4) : bodyOf(object, kind)
    assert.ok(response.status === 200 || (response.status === 206 && range.length > 0), `status ${response.status}`)
    assert.ok(response.body.toString() === body, `object ${object} for ${kind}: ${response.fields.get('cache-status')}`)
    if (random(40) !== 0) continue
    client.send(`GET /o/${random(OBJECTS)} HTTP/1.1\r\nHost: test.example\r\n\r\n`)
    client.socket.destroy()
    client = await node.connect()
  }
  client.socket.destroy()
}

for (const tiers of ['tier memory 8MiB; tier memcached edge;', 'tier memcached edge;']) {
  test(`answers stay right while the pool does not (${tiers})`, { timeout: 300_000 }, async () => {
    const fleet = await startFleet({
      workers: 2,
      servers: 2,
      tiers,
      pool: 'timeout 50ms; eject after 3 for 500ms;',
      cache: 'max-object 3MiB; collapse { scope cluster; wait 2s; }',
    })
    for (let object = 0; object < OBJECTS; object++) {
      fleet.answer(`/o/${object}`, ({ fields }) => answerOf(object, fields.get('x-kind') ?? ''))
    }
    let isOver = false
    const harming = (async () => {
      for (let time = 0; !isOver; time++) {
        const server = fleet.servers[time % 2]!
        if (time % 3 === 0) await server.restart()
        else if (time % 3 === 1) await server.flush()
        else {
          await server.pause()
          await fleet.nodes[0]!.get('/elsewhere')
          server.resume()
        }
        await fleet.nodes[1]!.get('/elsewhere')
      }
    })()
    const clients = Array.from({ length: CLIENTS }, (_, seed) => ask(fleet.nodes[seed % 2]!, seed))
    await Promise.all(clients).finally(() => {
      isOver = true
    })
    await harming
    for (const { shellac } of fleet.nodes) {
      await waitFor('the end of all fetches', async () => (await statusOf(shellac)).caches[0]!.tier.fills === 0)
      assert.deepEqual(
        shellac.logs().filter(({ msg }) => msg === 'request failed'),
        [],
      )
    }
  })
}
