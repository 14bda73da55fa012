/** What lies in the pool and is not as it should be, large bodies, languages, restarts and reloads. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeEntry, Entry } from '../../src/cache/tiers/pool/entry.ts'
import { entryKey, identityOf, segmentKey } from '../../src/cache/tiers/pool/keys.ts'
import { startMemcached } from '../support/memcached.ts'
import { ok } from '../support/scripted-origin.ts'
import { cacheStatus, isHit } from './caching-site.ts'
import { isPoolHit, type Node, startFleet } from './pool-site.ts'

const fleet = await startFleet({ servers: 3, cache: 'max-object 8MiB; key { vary accept-language en de fr; }' })
const [a, b] = [fleet.nodes[0]!, fleet.nodes[1]!]

function identityFor(path: string): string {
  return identityOf('main', `http|test.example|${path}`)
}

async function stored(node: Node, path: string, fields: readonly string[] = [], entries = 1) {
  const before = (await node.count('poolWrites')) + (await node.count('poolDropped'))
  const response = await node.get(path, fields)
  await node.written(entries, before)
  return response
}

async function lies(path: string) {
  const found = await fleet.find(entryKey(identityFor(path)))
  assert.ok(found, `${path} lies in the pool`)
  return found
}

async function put(path: string, change: (value: Buffer) => Buffer): Promise<void> {
  const { server, value } = await lies(path)
  const changed = change(value)
  const line = Buffer.from(`ms ${entryKey(identityFor(path))} ${changed.length}\r\n`)
  assert.equal(await server.ask(Buffer.concat([line, changed, Buffer.from('\r\n')])), 'HD\r\n')
}

function flipped(value: Buffer, at: number): Buffer {
  const changed = Buffer.from(value)
  changed[at]! ^= 0x40
  return changed
}

const damages: Readonly<Record<string, (value: Buffer) => Buffer>> = {
  'a changed byte of the body': (value) => flipped(value, value.length - 1),
  'a changed byte of the head': (value) => flipped(value, value.length - 30),
  'a wrong checksum': (value) => flipped(value, 4),
  'another version': (value) => flipped(value, 8),
  'its end cut off': (value) => value.subarray(0, value.length - 5),
  'more behind it': (value) => Buffer.concat([value, Buffer.from('x')]),
  'nothing but its magic': (value) => value.subarray(0, 4),
  'the bytes of somebody else': () => Buffer.from('{"session": "of another program"}'),
  'the entry of another key': () => otherEntry,
}
let otherEntry = Buffer.alloc(0)

test('the entry of some other key is there to be misplaced', async () => {
  fleet.answer('/other', ok('other', 'Cache-Control: max-age=60'))
  await stored(a, '/other')
  otherEntry = Buffer.from((await lies('/other')).value)
})

for (const [number, [name, damage]] of Object.entries(damages).entries()) {
  test(`an entry with ${name} is a miss, and written anew`, async () => {
    const path = `/damaged/${number}`
    fleet.answer(path, ok('0123456789', 'Cache-Control: max-age=60'))
    await stored(a, path)
    await put(path, damage)
    const response = await stored(b, path)
    assert.equal(response.body.toString(), '0123456789')
    assert.match(cacheStatus(response), /fwd=uri-miss; fwd-status=200; stored/)
    const entry = new Entry()
    const { value } = await lies(path)
    assert.ok(decodeEntry(value, 0, value.length, identityFor(path), entry))
  })
}

/** Bytes that show where they belong. */
function largeBody(bytes: number): string {
  return Array.from({ length: bytes / 8 }, (_, i) => String(i).padStart(8, '0')).join('')
}
const LARGE = largeBody(5 * 1024 * 1024)

async function segmentsOf(path: string): Promise<string[]> {
  const entry = new Entry()
  const { value } = await lies(path)
  assert.ok(decodeEntry(value, 0, value.length, identityFor(path), entry))
  return Array.from({ length: entry.segments }, (_, number) => segmentKey(entry.segmentId, number))
}

test('an object larger than an item is shared in segments', async () => {
  fleet.answer('/large', ok(LARGE, 'Cache-Control: max-age=60', 'ETag: "large"'))
  await stored(a, '/large')
  assert.equal((await segmentsOf('/large')).length, 6)
  const response = await b.get('/large')
  assert.ok(response.body.toString() === LARGE)
  assert.ok(isPoolHit(response), cacheStatus(response))
  const part = await b.get('/large', ['Range: bytes=3000000-3000007'])
  assert.equal(part.body.toString(), LARGE.slice(3_000_000, 3_000_008))
  assert.equal(fleet.asked('/large').length, 1)
})

for (const [name, path, harm] of [
  ['evicted', '/evicted', (key: string) => `md ${key}\r\n`],
  ['damaged', '/torn', (key: string) => `ms ${key} 3\r\nabc\r\n`],
] as const) {
  test(`an object of which a segment was ${name} is a miss, and its client does not see it`, async () => {
    fleet.answer(path, ok(LARGE, 'Cache-Control: max-age=60'))
    await stored(a, path)
    const keys = await segmentsOf(path)
    const { server } = (await fleet.find(keys[3]!))!
    assert.equal(await server.ask(harm(keys[3]!)), 'HD\r\n')
    const response = await stored(b, path)
    assert.ok(response.body.toString() === LARGE)
    assert.match(cacheStatus(response), /fwd=uri-miss; fwd-status=200; stored/)
    assert.equal(fleet.asked(path).length, 2)
    assert.notDeepEqual(await segmentsOf(path), keys)
  })
}

test('languages are found by a node with an empty memory', async () => {
  fleet.answer('/language', (request) => {
    const language = request.fields.get('accept-language') === 'de' ? 'de' : 'en'
    return ok(language, 'Cache-Control: max-age=60', 'Vary: Accept-Language', `Content-Language: ${language}`)
  })
  await stored(a, '/language', ['Accept-Language: de'], 3)
  const response = await b.get('/language', ['Accept-Language: de, en;q=0.5'])
  assert.equal(response.body.toString(), 'de')
  assert.ok(isPoolHit(response), cacheStatus(response))
})

test('a restart with an empty memory asks the origin for nothing', { timeout: 120_000 }, async () => {
  const paths = Array.from({ length: 1000 }, (_, number) => `/restart/${number}`)
  for (const path of paths) fleet.answer(path, ok(path, 'Cache-Control: max-age=600'))
  const before = await a.count('poolWrites')
  const client = await a.connect()
  for (const path of paths) await client.get(path)
  await a.written(paths.length, before)
  const asked = fleet.origin.requests.length
  const restarted = await fleet.start()
  const after = await restarted.connect()
  for (const path of paths) {
    const response = await after.get(path)
    assert.equal(response.body.toString(), path)
    assert.ok(isPoolHit(response), cacheStatus(response))
  }
  for (const path of paths) assert.ok(isHit(await after.get(path)))
  assert.equal(fleet.origin.requests.length, asked)
  await restarted.shellac.stop()
})

test('a reload that changes the pool goes on with the new one', async () => {
  const other = await startMemcached()
  const node = await fleet.start()
  fleet.answer('/reload', ok('x', 'Cache-Control: max-age=60'))
  fleet.answer('/reload-new', ok('x', 'Cache-Control: max-age=60'))
  await stored(node, '/reload')
  await node.shellac.reload(fleet.config({ servers: [other] }))
  await node.sharing()
  await stored(node, '/reload-new')
  assert.ok(Number(await other.stat('cmd_set')) > 0)
  await node.shellac.stop()
})
