/**
 * Whatever is stored, joined, refreshed, broken off and purged meanwhile: every answer that ends as it announced holds the
 * bytes of one representation, those that its ETag names.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusOf } from '../support/admin.ts'
import type { ReceivedRequest, ReceivedResponse } from '../support/http-message.ts'
import type { ScriptedClient } from '../support/scripted-client.ts'
import type { OriginPeer } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { bodyFor, startSite, WORKER_FIELD } from './caching-site.ts'
import { contentRange } from './range-origin.ts'

const CLIENTS = 12
const ROUNDS = 150
const BYTES = 50_000
/** Of the last ones mostly ranges that touch one another are asked for. */
const PATHS = ['/a', '/b', '/c', '/parts/1', '/parts/2', '/parts/3']

const site = await startSite({
  workers: 2,
  size: '1MiB',
  cache: 'purge { allow @here; } grace 1s; max-object 200KiB;',
  site: WORKER_FIELD,
  more: 'match @here { source 127.0.0.1; }',
})

/** Numbers from 0 up to `below` that look random and are the same for a seed. */
function dice(seed: number): (below: number) => number {
  let state = seed + 1
  return (below) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
}

/** Versions differ in nearly every byte, but not in length, which would tell them apart. */
function representation(path: string, version: number): Buffer {
  return bodyFor(`${path} ${version}`, BYTES)
}

const roll = dice(7)
const versions = new Map(PATHS.map((path) => [path, 1]))

/** Mostly what a good origin says; the rest is what bad ones do with the right bytes. */
function serve(request: ReceivedRequest, peer: OriginPeer): Buffer | undefined {
  const path = request.target
  if (roll(8) === 0) versions.set(path, versions.get(path)! + 1)
  const version = versions.get(path)!
  const body = representation(path, version)
  const etag = `${roll(8) === 0 ? 'W/' : ''}"${version}"`
  const age = ['max-age=60', 'max-age=0', 'max-age=1, stale-while-revalidate=5', 'max-age=0, stale-if-error=60']
  const common = [`ETag: ${etag}`, `Cache-Control: ${age[roll(4)]}`, ...(roll(9) === 0 ? ['Vary: X-Kind'] : [])]
  if (request.method === 'POST') common.push(`Content-Location: ${path}`)
  if (request.fields.get('if-none-match')?.replace('W/', '') === `"${version}"`) return answer(304, common)
  if (roll(20) === 0) return answer(503, [])
  const wanted = rangeOf(request, etag, body.length)
  const whole = wanted === undefined
  const { first, end } = wanted ?? { first: 0, end: body.length }
  const head = whole
    ? common
    : [...common, `Content-Range: bytes ${first}-${end - 1}/${roll(6) === 0 ? '*' : body.length}`]
  const bytes = request.method === 'HEAD' ? Buffer.alloc(0) : body.subarray(first, end)
  const sized = answer(whole ? 200 : 206, [...head, `Content-Length: ${end - first}`], bytes)
  const fate = roll(6)
  if (request.method === 'HEAD' || fate > 1) return sized
  if (fate === 0) {
    // It breaks off, and what came may be kept.
    peer.send(sized.subarray(0, sized.length - 1 - roll(bytes.length)))
    peer.reset()
    return undefined
  }
  return Buffer.concat([
    answer(whole ? 200 : 206, [...head, 'Transfer-Encoding: chunked']),
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from('\r\n0\r\n\r\n'),
  ])
}

function answer(status: number, fields: readonly string[], body: Buffer = Buffer.alloc(0)): Buffer {
  const lines = [`HTTP/1.1 ${status} `, ...fields]
  if (status === 503) lines.push('Content-Length: 0')
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body])
}

/** What of one range is sent; undefined: the whole. */
function rangeOf(request: ReceivedRequest, etag: string, length: number): { first: number; end: number } | undefined {
  const match = /^bytes=([0-9]+)-([0-9]*)$/.exec(request.fields.get('range') ?? '')
  const ifRange = request.fields.get('if-range')
  if (match === null || request.method !== 'GET' || (ifRange !== undefined && ifRange !== etag)) return undefined
  const first = Number(match[1])
  const end = match[2] === '' ? length : Math.min(length, Number(match[2]) + 1)
  return first < end ? { first, end } : undefined
}

/** Does what a client, honest or not, may do to one of the paths. */
async function act(client: ScriptedClient, path: string, next: (below: number) => number): Promise<void> {
  const fields = [`X-Kind: ${next(2)}`]
  if (path.startsWith('/parts') && next(8) > 0) {
    const from = next(10) * 5000
    return check(path, await client.get(path, [...fields, `Range: bytes=${from}-${from + 4999}`]))
  }
  const first = next(40_000)
  switch (next(12)) {
    case 0:
      return check(path, await client.get(path, [...fields, 'Cache-Control: no-cache']))
    case 1:
      await client.get(path, [...fields, 'Cache-Control: no-cache'], 'HEAD')
      return
    case 2:
      await client.get(path, [`Purge-Mode: ${next(2) === 0 ? 'hard' : 'soft'}`], 'PURGE')
      return
    case 3:
      return check(path, await client.get(path, [...fields, 'Content-Length: 0'], 'POST'))
    case 4:
    case 5:
      return check(path, await client.get(path, fields))
    case 6:
      return check(path, await client.get(path, [...fields, `Range: bytes=${first}-`]))
    case 7: {
      const ifRange = `If-Range: "${versions.get(path)! - next(2)}"`
      return check(path, await client.get(path, [...fields, `Range: bytes=0-${first}`, ifRange]))
    }
    default:
      return check(path, await client.get(path, [...fields, `Range: bytes=${first}-${first + next(20_000)}`]))
  }
}

const seen = new Map<string, number>()

function check(path: string, response: ReceivedResponse): void {
  const { status, body, raw } = response
  const word = / hit;/.test(`${response.fields.get('cache-status')}`) ? 'hit' : 'fetched'
  seen.set(`${status} ${word}`, (seen.get(`${status} ${word}`) ?? 0) + 1)
  if (status !== 200 && status !== 206) {
    assert.ok([416, 502, 503].includes(status), raw.slice(0, 500))
    return
  }
  const version = /"([0-9]+)"/.exec(response.fields.get('etag') ?? '')?.[1]
  const whole = representation(path, Number(version))
  const range = status === 200 ? undefined : /^bytes ([0-9]+)-([0-9]+)\/([0-9]+|\*)$/.exec(contentRange(response) ?? '')
  assert.notEqual(range, null, raw.slice(0, 500))
  const wanted = range ? whole.subarray(Number(range[1]), Number(range[2]) + 1) : whole
  assert.ok(body.equals(wanted), `bytes of another version than ${version}:\n${raw.slice(0, 500)}`)
}

test('every complete answer holds the bytes of one representation', async () => {
  for (const path of PATHS) site.answer(path, serve)
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, seed) => {
      const next = dice(seed + 100)
      let client = await site.connect()
      for (let round = 0; round < ROUNDS; round++) {
        try {
          await act(client, PATHS[next(PATHS.length)]!, next)
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error
          client = await site.connect() // what broke off at the origin breaks off here too
        }
      }
      client.socket.destroy()
    }),
  )
  for (const kind of ['200 hit', '200 fetched', '206 hit', '206 fetched']) assert.ok((seen.get(kind) ?? 0) > 0, kind)
  assert.deepEqual(
    site.shellac.logs().filter(({ level }) => level === 'error'),
    [],
  )
  await waitFor('every pin and every fill to be given back', async () => {
    const { fills, zombies } = (await statusOf(site.shellac)).caches[0]!.tier
    return fills === 0 && zombies === 0
  })
})
