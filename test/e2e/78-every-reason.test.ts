/**
 * Every reason of `src/log/reasons.ts`, provoked: the same word in Cache-Status, in the line of the access log and in
 * `shellac stats`. A reason without a scenario fails here.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { NEW_VARIANTS_PER_MINUTE } from '../../src/cache/variant-budget.ts'
import { type Reason, reasons } from '../../src/log/reasons.ts'
import { statsOf } from '../support/admin.ts'
import { runShellac } from '../support/daemon.ts'
import { startMemcached } from '../support/memcached.ts'
import type { ScriptedClient } from '../support/scripted-client.ts'
import { ok, type RequestScript, reply } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { dateIn, gate, startSite } from './caching-site.ts'

/** Slots of the cache `tiny`: one for 2 KiB. */
const TINY_SLOTS = 512

const memcached = await startMemcached()

const site = await startSite({
  backend: 'connections 1000;',
  cache: 'max-object 64KiB; purge { allow @everybody; }',
  site: `upgrade websocket;
    route off { path /no-cache-configured/**; cache off; }
    route tiny { path /no-space/**; use-cache tiny; }
    route pooled { path /memcached/** /pool-failed/**; use-cache pooled; }
    ${rulesFor('bypass', 'no-store-configured', 'min-uses', 'ttl-zero', 'stale-if-error', 'collapse-timeout', 'collapse-full')}`,
  more: `log access { to file:%dir%/access.log; }
    cache tiny { tier memory 1MiB; max-object 16KiB; }
    memcached edge { server ${memcached.text}; }
    cache pooled { tier memcached edge; }
    match @everybody { source 127.0.0.1; }
    match @red { any { header X-Red present; response-header X-Red present; } }
    match @asks-red { header X-Red present; }
    rule bypass { bypass @asks-red; }
    rule no-store-configured { no-store @red; }
    rule min-uses { min-uses 2; }
    rule ttl-zero { ttl 0s override; }
    rule stale-if-error { stale-if-error 1h; }
    rule collapse-timeout { collapse { wait 50ms; } }
    rule collapse-full { collapse { waiters 1; } }`,
})

/** Routes below paths of the reasons' names, each with the rule of that name. */
function rulesFor(...names: readonly Reason[]): string {
  return names.map((name) => `route ${name} { path /${name}/**; cache ${name}; }`).join('\n')
}

const fresh = ok('x', 'Cache-Control: max-age=60')
/** Fresh for ten seconds, fifty seconds ago. */
const stale = ok('x', 'Cache-Control: max-age=10', 'ETag: "a"', `Date: ${dateIn(-60)}`)

/** Leads to an answer for `path` that names the reason; gives its Cache-Status, undefined where it cannot have the word. */
type Scenario = (path: string) => Promise<string | undefined>

async function send(path: string, fields: readonly string[] = [], method = 'GET'): Promise<string> {
  return (await site.get(path, fields, method)).fields.get('cache-status') ?? ''
}

/** The origin answers so, and the request `times` times is answered at last with the reason. */
function asked(answer: string | RequestScript, fields: readonly string[] = [], times = 1, method = 'GET'): Scenario {
  return async (path) => {
    site.answer(path, answer)
    for (let time = 1; time < times; time++) await send(path, fields, method)
    return send(path, fields, method)
  }
}

/** Something is stored first, by a request without fields. */
function askedAfter(stored: string, answer: string | RequestScript, fields: readonly string[] = []): Scenario {
  return async (path) => {
    site.answer(path, stored)
    await send(path)
    return asked(answer, fields)(path)
  }
}

/** Comes `others` requests later than the one whose fetch is held until this is answered. */
function behindHeldFetch(others: number, fields: readonly string[] = []): Scenario {
  return async (path) => {
    const held = gate()
    let isFirst = true
    site.answer(path, async () => {
      if (isFirst) {
        isFirst = false
        await held.opened
      }
      return fresh
    })
    const waiting: ScriptedClient[] = []
    for (let number = 0; number < others; number++) {
      const client = await site.connect()
      waiting.push(client)
      client.send(`GET ${path} HTTP/1.1\r\nHost: test.example\r\n\r\n`)
      await waitFor('the fetch', () => site.asked(path).length === 1)
      // One worker reads its connections in turn: what was sent before this answer has been read.
      await send('/behind')
    }
    const status = await send(path, fields)
    held.open()
    for (const client of waiting) await client.response()
    return status
  }
}

/** Stored before, and in the pool by now. */
async function fromPool(path: string): Promise<string | undefined> {
  await asked(fresh)(path)
  await waitFor('the entry in the pool', async () => (await statsOf(site.shellac)).counters.poolWrites > 0)
  return send(path)
}

async function withoutPool(path: string): Promise<string | undefined> {
  await memcached.kill()
  return asked(fresh)(path)
}

/** All slots of the tiny cache are taken by fetches that are held. */
async function withoutSpace(path: string): Promise<string | undefined> {
  const held = gate()
  let running = 0
  const clients = await Promise.all(Array.from({ length: TINY_SLOTS }, () => site.connect()))
  for (const [number, client] of clients.entries()) {
    site.answer(`${path}${number}`, async () => {
      running++
      await held.opened
      return fresh
    })
    client.send(`GET ${path}${number} HTTP/1.1\r\nHost: test.example\r\n\r\n`)
  }
  await waitFor('the fetches', () => running === TINY_SLOTS)
  const status = await asked(fresh)(path)
  held.open()
  for (const client of clients) await client.response()
  return status
}

/** The head is on its way before the body breaks off: Cache-Status cannot know. */
async function brokenOff(path: string): Promise<undefined> {
  site.answer(path, () => ({ close: 'HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nContent-Length: 99\r\n\r\nhalf' }))
  await assert.rejects(site.get(path), /closed/)
}

/** A 101 is no answer of a cache and carries no Cache-Status. */
async function upgraded(path: string): Promise<undefined> {
  site.answer(path, () => ({ close: 'HTTP/1.1 101 \r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n' }))
  const client = await site.connect()
  client.send(
    `GET ${path} HTTP/1.1\r\nHost: test.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  assert.equal((await client.responseHead()).status, 101)
  client.end()
  await client.expectClose()
}

/** The first byte of two is stored, the second is asked for. */
async function besideStoredPart(path: string): Promise<string> {
  site.answer(path, ({ fields }) => {
    const at = fields.get('range') === 'bytes=0-0' ? 0 : 1
    return reply(206, 'ab'[at]!, 'Cache-Control: max-age=60', 'ETag: "a"', `Content-Range: bytes ${at}-${at}/2`)
  })
  await send(path, ['Range: bytes=0-0'])
  return send(path, ['Range: bytes=1-1'])
}

async function withBody(path: string): Promise<string> {
  site.answer(path, fresh)
  const client = await site.connect()
  client.send(`GET ${path} HTTP/1.1\r\nHost: test.example\r\nContent-Length: 1\r\n\r\nx`)
  return (await client.response()).fields.get('cache-status') ?? ''
}

/** More variants than are stored in a minute. */
async function manyVariants(path: string): Promise<string> {
  site.answer(path, ok('x', 'Cache-Control: max-age=60', 'Vary: X-Any'))
  const client = await site.connect()
  for (let i = 0; i < NEW_VARIANTS_PER_MINUTE; i++) await client.get(path, [`X-Any: ${i}`])
  return send(path, ['X-Any: last'])
}

const scenarios: Readonly<Record<Reason, Scenario>> = {
  none: asked(fresh, [], 2),
  'no-cache-configured': asked(fresh),
  method: asked(fresh, ['Content-Length: 0'], 1, 'POST'),
  refused: asked(fresh, [], 1, 'TRACE'),
  bypass: asked(fresh, ['X-Red: 1']),
  absent: asked(fresh),
  expired: askedAfter(stale, fresh),
  'vary-mismatch': askedAfter(ok('x', 'Cache-Control: max-age=60', 'Vary: X-Red'), fresh, ['X-Red: 1']),
  'vary-star': asked(ok('x', 'Cache-Control: max-age=60', 'Vary: *')),
  'request-no-store': asked(fresh, ['Cache-Control: no-store']),
  'request-no-cache': askedAfter(fresh, fresh, ['Cache-Control: no-cache']),
  'only-if-cached': asked(fresh, ['Cache-Control: only-if-cached']),
  'response-no-store': asked(ok('x', 'Cache-Control: no-store')),
  'response-private': asked(ok('x', 'Cache-Control: private')),
  'response-no-cache': asked(ok('x', 'Cache-Control: no-cache', 'ETag: "a"'), [], 2),
  'set-cookie': asked(ok('x', 'Cache-Control: max-age=60', 'Set-Cookie: a=b')),
  authorization: asked(fresh, ['Authorization: Basic eDp5']),
  status: asked(reply(302, '')),
  'no-freshness': asked(ok('x')),
  partial: asked(reply(206, 'x', 'Cache-Control: max-age=60', 'Content-Range: bytes 0-0/2')),
  'too-large': asked(ok('x'.repeat(70_000), 'Cache-Control: max-age=60')),
  'no-space': withoutSpace,
  incomplete: brokenOff,
  'hit-for-miss': asked(ok('x', 'Cache-Control: private'), [], 2),
  'collapse-timeout': behindHeldFetch(1),
  'collapse-full': behindHeldFetch(2),
  'request-body': withBody,
  range: behindHeldFetch(1, ['Range: bytes=0-0']),
  'part-missing': besideStoredPart,
  upgrade: upgraded,
  'origin-error': asked(() => ({ close: 'SSH-2.0-x\r\n\r\n' })),
  'unknown-directive': asked(reply(299, 'x', 'Cache-Control: must-understand, max-age=60')),
  'ttl-zero': asked(fresh),
  purged: asked(fresh, [], 1, 'PURGE'),
  'stale-if-error': askedAfter(stale, reply(503, '')),
  'no-store-configured': asked(ok('x', 'Cache-Control: max-age=60', 'X-Red: 1')),
  'min-uses': asked(fresh),
  'too-many-variants': manyVariants,
  memcached: fromPool,
  'pool-failed': withoutPool,
}

function pathFor(name: Reason): string {
  return `/${name}/x`
}

/** The reasons in the access log for a path, in order. */
function logged(path: string): string[] {
  const lines = readFileSync(join(site.shellac.dir, 'access.log'), 'latin1').split('\n').slice(0, -1)
  const records = lines.map((line) => JSON.parse(line) as { uri: string; reason: string })
  return records.filter(({ uri }) => uri === path).map(({ reason }) => reason)
}

site.answer('/behind', reply(200, ''))

for (const { name } of reasons) {
  test(`${name}: in Cache-Status and the counters`, async () => {
    const path = pathFor(name)
    const before = (await statsOf(site.shellac)).reasons[name]
    const scenario: Scenario | undefined = scenarios[name]
    assert.ok(scenario, 'a new reason needs a scenario here')
    const status = await scenario(path)
    if (name === 'none') assert.match(status ?? '', /^Shellac; hit; ttl=[0-9]+$/)
    else if (status !== undefined) assert.match(status, new RegExp(`; detail=${name}(:[a-z-]+)?$`))
    // A fresh hit is counted as a hit. What ends with its connection is counted a little later.
    if (name === 'none') return
    await waitFor('the counter', async () => (await statsOf(site.shellac)).reasons[name] > before)
  })
}

test('the access log has a line with each reason', async () => {
  for (const { name } of reasons) {
    const word = name === 'hit-for-miss' ? 'hit-for-miss:response-private' : name
    await waitFor(`a line with ${word}`, () => logged(pathFor(name)).includes(word))
  }
})

test('"shellac stats" lists every reason that was counted, and "shellac help reasons" each with its cure', async () => {
  const stats = (await site.shellac.command('stats')).stdout
  const help = (await runShellac(['help', 'reasons'])).stdout
  for (const { name, cure } of reasons) {
    if (name !== 'none') assert.match(stats, new RegExp(`^${name} +[0-9]+ `, 'm'))
    assert.match(help, new RegExp(`^reason ${name}$`, 'm'))
    assert.ok(cure.length > 0)
  }
})
