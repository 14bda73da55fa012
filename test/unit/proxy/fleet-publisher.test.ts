import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FleetPublisher, type Publication } from '../../../src/proxy/fleet-publisher.ts'

const order = { scope: 'url', isHard: false, targets: ['/'] } as const
const what = { cacheName: 'shop', cacheId: 3, order }

test('every publication is told its own state, once', () => {
  const sent: Publication[] = []
  const publisher = new FleetPublisher((publication) => sent.push(publication))
  const told: string[] = []
  for (const name of ['a', 'b', 'c']) publisher.publish(what, (state) => told.push(`${name} ${state}`))
  assert.deepEqual(sent[1], { ...what, number: 2 })
  publisher.forget(3)
  publisher.onState(2, 'published')
  publisher.onState(1, 'pending')
  publisher.onState(3, 'published')
  publisher.onState(2, 'pending')
  assert.deepEqual(told, ['b published', 'a pending'])
})

test('while the main thread does not answer it becomes full, also of those that nobody waits for', () => {
  const sent: Publication[] = []
  const publisher = new FleetPublisher((publication) => sent.push(publication))
  while (!publisher.isFull) publisher.forget(publisher.publish(what, () => {}))
  assert.equal(sent.length, 1024)
  publisher.onState(1, 'pending')
  assert.equal(publisher.isFull, false)
})
