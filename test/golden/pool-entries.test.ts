/**
 * Entries of the pool as versions of Shellac have written them: each must be read for ever. `NAME.hex` holds the bytes, 32
 * to a line; `NAME.json` what they mean. `UPDATE_GOLDEN=1` writes the files of the present version anew, which is right only
 * before that version has been released.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { encodeMeta, META_CELLS_USED, MetaFlag, StoredMeta } from '../../src/cache/policy/meta.ts'
import {
  decodeEntry,
  Entry,
  type EntryFront,
  EntryKind,
  encodeEntry,
  encodeSegmentedEntry,
} from '../../src/cache/tiers/pool/entry.ts'

const folder = new URL('pool-entries/', import.meta.url)
const NOW_MS = Date.UTC(2026, 10, 29, 12)

function front(changes: Partial<EntryFront>): EntryFront {
  const meta = new Float64Array(META_CELLS_USED)
  const response = Object.assign(new StoredMeta(), {
    status: 200,
    responseMs: NOW_MS,
    initialAgeMs: 250,
    lifetimeMs: 60_000,
    staleWhileRevalidateMs: 30_000,
    staleIfErrorMs: 3_600_000,
    flags: MetaFlag.hasEtag | MetaFlag.hasLastModified,
    dateMs: NOW_MS - 1000,
    lastModifiedMs: NOW_MS - 86_400_000,
  })
  if (changes.kind === undefined) encodeMeta(response, meta)
  return {
    kind: EntryKind.response,
    identity: 'shop:http|shop.example.com|/é?q=1',
    writtenMs: NOW_MS + 20,
    fleetNumber: 4_294_967_301,
    markerId: 0,
    meta,
    labels: Buffer.from('#23\nnode-17\nfrontpage', 'latin1'),
    head: Buffer.from('Content-Type: text/plain\r\nETag: "v1"\r\n\r\n', 'latin1'),
    ...changes,
  }
}

const nothing = Buffer.alloc(0)
const body = Buffer.from('hello, pool\r\nEND\r\n', 'latin1')
const list = { id: Buffer.from('0123456789abcdef'), segmentBytes: 1_048_064, checksums: [0, 4_294_967_295, 305_419_896] }

/** What this version writes; files of earlier ones have no line here. */
const written: Readonly<Record<string, Buffer>> = {
  'v1-response': encodeEntry(front({}), [body], body.length),
  'v1-empty-body': encodeEntry(front({ labels: nothing, head: Buffer.from('\r\n') }), [], 0),
  'v1-segments': encodeSegmentedEntry(front({}), list, 2_500_000),
  'v1-marker': encodeEntry(
    front({ kind: EntryKind.marker, markerId: 123_456_001, labels: nothing, head: Buffer.from('accept,x-tenant') }),
    [],
    0,
  ),
  'v1-link': encodeEntry(
    front({ kind: EntryKind.link, labels: nothing, head: Buffer.from('\n1:accept-language=de\nhttp|a|/', 'latin1') }),
    [],
    0,
  ),
  'v1-refusal': encodeEntry(
    front({ kind: EntryKind.refusal, labels: nothing, head: Buffer.from('set-cookie') }),
    [],
    0,
  ),
}

function meaning(bytes: Buffer, identity: string): object | undefined {
  const entry = new Entry()
  if (!decodeEntry(bytes, 0, bytes.length, identity, entry)) return undefined
  const { kind, writtenMs, fleetNumber, markerId, meta, labels, text, bodyBytes, segments, segmentBytes } = entry
  const lies = segments === 0 ? { body: bytes.toString('latin1', entry.bodyStart, entry.end) } : listOf(entry)
  const shared = { identity, kind, writtenMs, fleetNumber, markerId, meta: [...meta], labels, head: text }
  return { ...shared, bodyBytes, segments, segmentBytes, ...lies }
}

function listOf(entry: Entry): object {
  const numbers = Array.from({ length: entry.segments }, (_, number) => number)
  return { segmentId: entry.segmentId, checksums: numbers.map((number) => entry.checksumOf(number)) }
}

function hexLines(bytes: Buffer): string {
  return `${bytes.toString('hex').match(/.{1,64}/g)!.join('\n')}\n`
}

const identity = front({}).identity
if (process.env.UPDATE_GOLDEN === '1') {
  for (const [name, bytes] of Object.entries(written)) {
    writeFileSync(new URL(`${name}.hex`, folder), hexLines(bytes))
    writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(meaning(bytes, identity), null, 2)}\n`)
  }
}

describe('entries of the pool', () => {
  const names = readdirSync(folder).flatMap((file) => (file.endsWith('.hex') ? [file.slice(0, -4)] : []))

  for (const name of names) {
    it(`${name} is read as it was meant`, () => {
      const hex = readFileSync(new URL(`${name}.hex`, folder), 'latin1').replaceAll('\n', '')
      const expected = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as { identity: string }
      assert.deepEqual(meaning(Buffer.from(hex, 'hex'), expected.identity), expected)
    })
  }

  for (const [name, bytes] of Object.entries(written)) {
    it(`${name} is written as it always was`, () => {
      assert.equal(hexLines(bytes), readFileSync(new URL(`${name}.hex`, folder), 'latin1'))
    })
  }
})
