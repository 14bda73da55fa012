/**
 * One thread of the stress test: does everything a worker may do, at random, to a few hundred keys, and checks every byte
 * it is shown. Objects stay pinned over several turns of the loop and are checked again before they are unpinned.
 *
 * Cell 0 of `flags` tells it to stop; it then unpins all, closes all, and posts the number of checks made.
 */
import assert from 'node:assert/strict'
import { parentPort, workerData } from 'node:worker_threads'
import type { FillReader } from '../../../../../src/cache/tiers/fill-reader.ts'
import type { FillWriter } from '../../../../../src/cache/tiers/fill-writer.ts'
import { Fate, MemoryTier, type MemoryTierShared } from '../../../../../src/cache/tiers/memory-tier.ts'
import type { StoredObject } from '../../../../../src/cache/tiers/stored-object.ts'
import { bodyFor, headFor } from './bodies.ts'
import { removeAll } from './empty.ts'

interface Job {
  readonly shared: MemoryTierShared
  readonly worker: number
  readonly flags: Int32Array
  readonly keys: number
  readonly mostBytes: number
}

interface RunningFill {
  readonly writer: FillWriter
  readonly body: Buffer
  at: number
}

const { shared, worker, flags, keys, mostBytes } = workerData as Job
const tier = new MemoryTier(shared, worker)
const pinned: StoredObject[] = []
const readers: { key: string; reader: FillReader }[] = []
const fills: RunningFill[] = []
let checks = 0
let version = worker + 1

function below(limit: number): number {
  return Math.floor(Math.random() * limit)
}

function checkObject(object: StoredObject): void {
  const [made, headMade] = [object.meta[0]!, object.meta[1]!]
  const body = bodyFor(object.key, made, mostBytes)
  assert.ok(object.head.equals(headFor(object.key, headMade)), `head of ${object.key}`)
  assert.equal(object.bodyBytes, body.length)
  let at = 0
  for (const part of object.body) {
    assert.ok(part.equals(body.subarray(at, at + part.length)), `body of ${object.key} at ${at}`)
    at += part.length
  }
  assert.equal(at, body.length)
  checks++
}

function checkReader(key: string, reader: FillReader): void {
  const { state } = reader
  if (state === 'pending' || (state !== 'streaming' && state !== 'complete' && reader.available === 0)) return
  const body = bodyFor(key, reader.meta[0]!, mostBytes)
  assert.ok(reader.head.equals(headFor(key, reader.meta[1]!)))
  let at = 0
  for (let part = reader.read(0, 5000); part !== undefined; part = reader.read(at, 5000)) {
    assert.ok(part.length > 0)
    assert.ok(part.equals(body.subarray(at, at + part.length)), `fill of ${key} at ${at}`)
    at += part.length
  }
  if (state === 'complete') assert.equal(at, body.length)
  checks++
}

function beginFill(key: string): void {
  const writer = tier.lead(key)
  if (writer === undefined) return
  version += shared.pins.length
  const body = bodyFor(key, version, mostBytes)
  if (!writer.start([version, version], headFor(key, version), below(2) === 0 ? body.length : -1)) {
    writer.decline(0)
  } else fills.push({ writer, body, at: 0 })
}

function continueFill(fill: RunningFill): boolean {
  const end = Math.min(fill.body.length, fill.at + 1 + below(mostBytes / 4))
  if (!fill.writer.write(fill.body, fill.at, end)) {
    fill.writer.decline(0)
    return false
  }
  fill.at = end
  if (end < fill.body.length) return below(50) !== 0 || endEarly(fill.writer)
  fill.writer.complete()
  return false
}

function endEarly(writer: FillWriter): false {
  if (below(2) === 0) writer.abort()
  else writer.leave()
  return false
}

function act(): void {
  const key = `/key/${below(keys)}`
  const choice = below(100)
  const object = tier.find(key)
  if (object !== undefined && tier.pin(object)) {
    checkObject(object)
    if (choice < 50) pinned.push(object)
    else tier.unpin(object)
    if (choice >= 90) refresh(object)
  } else if (choice < 70) beginFill(key)
  if (choice < 20) {
    const reader = tier.follow(key)
    if (reader !== undefined) readers.push({ key, reader })
  }
  if (choice === 50) tier.remove(key)
  if (choice === 51)
    tier.sweep(below(50), 20, (object) => (below(4) === 0 ? Fate.expire : object.key === key ? Fate.remove : Fate.keep))
  if (choice === 52 && below(200) === 0) removeAll(tier)
}

function refresh(object: StoredObject): void {
  version += shared.pins.length
  tier.refresh(object, [object.meta[0]!, version], headFor(object.key, version))
}

function settle(keep: number): void {
  while (pinned.length > keep) {
    const object = pinned.shift()!
    checkObject(object)
    tier.unpin(object)
  }
  while (readers.length > keep) {
    const { key, reader } = readers.shift()!
    checkReader(key, reader)
    reader.close()
  }
}

function turn(): void {
  for (let step = 0; step < 50; step++) {
    act()
    const fill = fills[below(fills.length)]
    if (fill !== undefined && !continueFill(fill)) fills.splice(fills.indexOf(fill), 1)
    settle(8)
  }
  if (Atomics.load(flags, 0) === 0) setImmediate(turn)
  else {
    for (const { writer } of fills) writer.abort()
    settle(0)
    parentPort!.postMessage(checks)
  }
}

parentPort!.postMessage('ready')
turn()
