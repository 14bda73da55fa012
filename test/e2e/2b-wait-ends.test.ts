/** A request that was answered waits for nothing any more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statsOf } from '../support/admin.ts'
import { ok } from '../support/scripted-origin.ts'
import { waitFor } from '../support/wait.ts'
import { cacheStatus, gate, startSite } from './caching-site.ts'

const site = await startSite({ cache: 'collapse { wait 300ms; }' })

test('a range that waited for one fetch and was answered by another is answered once', async () => {
  const head = gate()
  const body = gate()
  site.answer('/x', async (_request, peer) => {
    await head.opened
    // The whole, for which nobody asked, so that who waits for this range joins who stores the whole.
    peer.send('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\n01234')
    await body.opened
    return '56789'
  })
  const clients = await Promise.all([site.connect(), site.connect()])
  const answers = clients.map((client) => client.get('/x', ['Range: bytes=2-4']))
  await waitFor('the fetch', () => site.asked('/x').length === 1)
  await site.get('/elsewhere') // both have been read
  head.open()
  await waitFor('the head', async () => (await statsOf(site.shellac)).counters.fills > 0)
  await site.get('/elsewhere') // both have joined
  body.open()
  for (const answer of answers) assert.equal((await answer).body.toString(), '234')

  // A wait that begins now ends after the one that began before.
  const never = gate()
  site.answer('/y', async () => {
    await never.opened
    return ok('y', 'Cache-Control: max-age=60')
  })
  const leader = site.get('/y')
  await waitFor('the fetch', () => site.asked('/y').length === 1)
  site.answer('/y', ok('y', 'Cache-Control: max-age=60'))
  assert.match(cacheStatus(await site.get('/y')), /detail=collapse-timeout/)
  assert.equal(site.asked('/x').length, 1)
  for (const client of clients) assert.equal((await client.get('/elsewhere')).status, 418)
  never.open()
  await leader
})
