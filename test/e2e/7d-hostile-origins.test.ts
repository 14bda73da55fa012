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

test('what an answer to If-Range leaves out, as it may, is missing for nobody else', async () => {
  site.answer('/bare', ({ fields }) =>
    fields.get('if-range') === undefined
      ? reply(200, '0123456789', 'Cache-Control: max-age=60', 'ETag: "v"', 'Content-Type: text/plain')
      : reply(206, '0123456789', 'Cache-Control: max-age=60', 'ETag: "v"', 'Content-Range: bytes 0-9/10'),
  )
  const bare = await site.get('/bare', ['Range: bytes=0-', 'If-Range: "v"'])
  assert.deepEqual([bare.status, bare.body.toString()], [206, '0123456789'])
  const whole = await site.get('/bare')
  assert.deepEqual([whole.status, whole.fields.get('content-type')], [200, 'text/plain'])
})

test('several parts are not taken for the one that their head, against the rules, says they are', async () => {
  const several = '--b\r\nContent-Range: bytes 0-0/100\r\n\r\n0\r\n--b--\r\n'
  site.answer('/several', ({ fields }) =>
    fields.get('range') === undefined
      ? reply(200, 'whole', 'Cache-Control: max-age=60')
      : reply(
          206,
          several,
          'Cache-Control: max-age=60',
          'Content-Type: multipart/byteranges; boundary=b',
          `Content-Range: bytes 0-${several.length - 1}/${several.length}`,
        ),
  )
  await site.get('/several', ['Range: bytes=0-0,2-2'])
  assert.equal((await site.get('/several')).body.toString(), 'whole')
})
