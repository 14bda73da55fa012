/** What each route and each cache was asked for: `shellac stats --routes`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statsOf } from '../support/admin.ts'
import { startShellac } from '../support/daemon.ts'
import { connectClient } from '../support/scripted-client.ts'
import { reply, startOrigin } from '../support/scripted-origin.ts'

function config(originPort: number, routes: string): string {
  return `shellac 1;
process { workers 2; }
reload { watch off; }
admin { listen unix:%dir%/admin.sock; }
listener web { address %listen%; }
backend app { server a 127.0.0.1:${originPort}; }
cache shop { tier memory 8MiB; }
site * { proxy app; use-cache shop; ${routes} }`
}

const CSS = 'route css { path /css/**; }'
const API = 'route api { path /api/**; cache off; }'
const MADE = 'route made { path /made; respond 503 "closed"; }'

test('hits, misses, passes and errors are counted per route and per cache, and outlive a reload', async () => {
  const origin = await startOrigin(({ target }) =>
    target.startsWith('/api') ? reply(500, '') : reply(200, 'a', 'Cache-Control: max-age=60'),
  )
  const shellac = await startShellac({ config: config(origin.port, `${CSS} ${API} ${MADE}`) })
  const client = await connectClient(shellac.port)
  for (const path of ['/css/a', '/css/a', '/css/a', '/css/b', '/api/x', '/made', '/none']) await client.get(path)

  const before = await statsOf(shellac)
  const byName = (stats: typeof before) => Object.fromEntries(stats.routes!.map((one) => [one.name, one.counts]))
  const { css, api, made } = byName(before)
  assert.deepEqual([css!.requests, css!.hits, css!.misses, css!.errors], [4, 2, 2, 0])
  assert.deepEqual([api!.requests, api!.passes, api!.errors], [1, 1, 1])
  assert.deepEqual([made!.requests, made!.synthetic, made!.errors], [1, 1, 1])
  assert.deepEqual([before.caches[0]!.counts.hits, before.caches[0]!.hitRatio], [2, 0.5])

  await shellac.reload(config(origin.port, `${API} ${CSS}`))
  await client.get('/css/a')
  const after = await statsOf(shellac)
  assert.deepEqual(Object.keys(byName(after)).sort(), ['api', 'css'])
  assert.equal(byName(after).css!.hits, 3)

  await shellac.reload(config(origin.port, API))
  assert.equal((await statsOf(shellac)).caches[0]!.counts.hits, 3, 'what a route has counted stays with its cache')
})

test('"stats" prints them as tables, routes only with --routes', async () => {
  const origin = await startOrigin(() => reply(200, 'a', 'Cache-Control: max-age=60'))
  const shellac = await startShellac({ config: config(origin.port, `${CSS} ${API}`) })
  const client = await connectClient(shellac.port)
  for (const path of ['/css/a', '/css/a', '/api/1', '/api/2']) await client.get(path)
  const short = (await shellac.command('stats')).stdout
  assert.match(short, /^cache +requests +hits +stale +misses .*hit ratio$/m)
  assert.match(short, /^shop +2 +1 +0 +1 .* 50\.0%$/m)
  assert.match(short, /^cache +used +of +objects +evictions +fragmentation +purges$/m)
  assert.doesNotMatch(short, /route css/)
  assert.match(short, /no-cache-configured +2 .*\nabsent +1 /, 'the most frequent reason comes first')
  const long = (await shellac.command('stats', '--routes')).stdout
  assert.match(long, /^\* +route css @ .*shellac\.conf:8 +2 +1 +0 +1 +0 +0 +0 +50\.0%$/m)
  const { routes } = JSON.parse((await shellac.command('stats', '--routes', '--json')).stdout)
  assert.equal(routes.length, 2)
})
