/** What an origin says about stored bytes, and must not be able to do to them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reply } from '../support/scripted-origin.ts'
import { dateIn, startSite } from './caching-site.ts'

const site = await startSite()

test('a 304 that changes Last-Modified does not turn a stored part into the answer for another If-Range', async () => {
  const old = dateIn(-86_400)
  const common = ['ETag: "v"', 'Cache-Control: max-age=0, stale-if-error=60']
  site.answer('/part', ({ fields }) =>
    fields.get('if-none-match') !== undefined
      ? reply(304, '', ...common, `Last-Modified: ${dateIn(-3600)}`)
      : reply(206, '01234', ...common, `Last-Modified: ${old}`, 'Content-Range: bytes 0-4/10'),
  )
  await site.get('/part', ['Range: bytes=0-4'])
  const answer = await site.get('/part', ['Range: bytes=0-4', `If-Range: ${old}`])
  assert.deepEqual([answer.status, answer.body.toString()], [206, '01234'])
})
