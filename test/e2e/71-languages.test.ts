/** Vary: Accept-Language, and responses that say which language they are in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectAt } from '../support/admin.ts'
import { ok } from '../support/scripted-origin.ts'
import { dateIn, isHit, startSite } from './caching-site.ts'

const site = await startSite({ workers: 2 })

/** Answers in the first of the client's languages that is among those given, else in the first of these. */
function speaking(path: string, languages: readonly string[], ...more: string[]): void {
  site.answer(path, ({ fields }) => {
    const ranges = (fields.get('accept-language') ?? '').split(/[,;] ?/)
    const found = ranges.map((range) => languages.find((one) => range.toLowerCase().startsWith(one))).find(Boolean)
    const language = found ?? languages[0]!
    const vary = more.some((field) => field.startsWith('Vary')) ? [] : ['Vary: Accept-Language']
    return ok(language, ...vary, `Content-Language: ${language}`, 'Cache-Control: max-age=60', ...more)
  })
}

/** Body, and whether the cache had it. */
async function ask(path: string, ...fields: string[]): Promise<[body: string, hit: boolean]> {
  const answer = await site.get(path, fields)
  return [answer.body.toString(), isHit(answer)]
}

test('what is in the language a client prefers to all others answers it, whoever fetched it', async () => {
  speaking('/one', ['en', 'de'])
  assert.deepEqual(await ask('/one', 'Accept-Language: en-US,en;q=0.9'), ['en', false])
  assert.deepEqual(await ask('/one', 'Accept-Language: en, de;q=0.5'), ['en', true])
  assert.deepEqual(await ask('/one', 'Accept-Language: fr;q=0.1, EN;q=0.9'), ['en', true])
  assert.deepEqual(await ask('/one', 'Accept-Language: de-AT, de;q=0.9'), ['de', false])
  assert.deepEqual(await ask('/one', 'Accept-Language: de'), ['de', true])
  assert.deepEqual(await ask('/one', 'Accept-Language: de;q=1.0, fr;q=0.5'), ['de', true])
  assert.equal(site.asked('/one').length, 2)
})

test('nobody is given a language it likes less than another one, or as much, or that is only similar', async () => {
  speaking('/richer', ['en', 'de', 'fr'])
  await ask('/richer', 'Accept-Language: en')
  for (const [value, language] of [
    ['de, en;q=0.9', 'de'],
    ['fr, en', 'fr'],
    ['en-GB', 'en'],
    ['en-US, fr;q=0.5', 'en'],
    ['*', 'en'],
    ['*, en;q=0.5', 'en'],
    ['fr;q=0.9, *;q=1', 'fr'],
  ] as const) {
    assert.deepEqual(await ask('/richer', `Accept-Language: ${value}`), [language, false], value)
  }
  assert.deepEqual(await ask('/richer'), ['en', false])
})

test('what is in several languages, or in one it does not name, answers its own clients alone', async () => {
  for (const [path, field] of [
    ['/several', 'Content-Language: en, de'],
    ['/unnamed', 'X-Language: en'],
  ] as const) {
    site.answer(path, ok('x', 'Vary: Accept-Language', field, 'Cache-Control: max-age=60'))
    await ask(path, 'Accept-Language: en-US, en;q=0.5')
    assert.deepEqual(await ask(path, 'Accept-Language: en'), ['x', false])
    assert.deepEqual(await ask(path, 'Accept-Language: en'), ['x', true])
  }
})

test('the other fields of Vary must match all the same', async () => {
  speaking('/both', ['en'], 'Vary: Accept-Language, X-Color')
  await ask('/both', 'Accept-Language: en-US, en;q=0.5', 'X-Color: red')
  assert.deepEqual(await ask('/both', 'Accept-Language: en', 'X-Color: blue'), ['en', false])
  assert.deepEqual(await ask('/both', 'Accept-Language: en, xx;q=0.1', 'X-Color: red'), ['en', true])
  assert.equal(site.asked('/both').length, 2)
})

test('a stale one is validated for the client that asks, and is then fresh for all', async () => {
  let asked = 0
  site.answer('/stale', () => {
    const fields = ['Vary: Accept-Language', 'Content-Language: en', 'ETag: "e"']
    if (asked++ === 0) return ok('en', ...fields, 'Cache-Control: max-age=10', `Date: ${dateIn(-60)}`)
    return `HTTP/1.1 304 \r\n${fields.join('\r\n')}\r\nCache-Control: max-age=60\r\n\r\n`
  })
  await ask('/stale', 'Accept-Language: en-US, en;q=0.5')
  assert.deepEqual(await ask('/stale', 'Accept-Language: en'), ['en', false])
  assert.equal(site.asked('/stale').at(-1)?.fields.get('if-none-match'), '"e"')
  assert.deepEqual(await ask('/stale', 'Accept-Language: en, de;q=0.1'), ['en', true])
  assert.deepEqual(await ask('/stale', 'Accept-Language: en-US, en;q=0.5'), ['en', true])
  assert.equal(site.asked('/stale').length, 2)
})

test('a stale one for which the origin has another answer gives way to it for the client that asked', async () => {
  let asked = 0
  site.answer('/changed', () => {
    const date = asked++ === 0 ? [`Date: ${dateIn(-60)}`, 'ETag: "1"'] : ['ETag: "2"']
    return ok(`en ${asked}`, 'Vary: Accept-Language', 'Content-Language: en', 'Cache-Control: max-age=30', ...date)
  })
  await ask('/changed', 'Accept-Language: en-US, en;q=0.5')
  assert.deepEqual(await ask('/changed', 'Accept-Language: en'), ['en 2', false])
  assert.deepEqual(await ask('/changed', 'Accept-Language: en'), ['en 2', true])
  assert.deepEqual(await ask('/changed', 'Accept-Language: en, de;q=0.1'), ['en 2', true])
})

test('a 304 about something else does not make a circle: the response it was asked about goes', async () => {
  let asked = 0
  site.answer('/foreign', ({ fields }) => {
    asked++
    const more = ['Vary: Accept-Language', 'Content-Language: en']
    if (fields.get('if-modified-since') !== undefined) return 'HTTP/1.1 304 \r\nETag: "other"\r\n\r\n'
    return ok(
      `en ${asked}`,
      ...more,
      `Last-Modified: ${dateIn(-3600)}`,
      'Cache-Control: max-age=10',
      ...(asked === 1 ? [`Date: ${dateIn(-60)}`] : []),
    )
  })
  await ask('/foreign', 'Accept-Language: en-US, en;q=0.5')
  assert.deepEqual(await ask('/foreign', 'Accept-Language: en'), ['en 3', false])
  assert.equal(asked, 3)
})

test('what invalidates the resource takes all languages with it, by whatever name they were found', async () => {
  speaking('/invalidated', ['en'])
  await ask('/invalidated', 'Accept-Language: en-US, en;q=0.5')
  assert.deepEqual(await ask('/invalidated', 'Accept-Language: en'), ['en', true])
  await site.get('/invalidated', [], 'POST')
  assert.deepEqual(await ask('/invalidated', 'Accept-Language: en'), ['en', false])
})

test('what is told of the variants are responses, not the names they can be found by', async () => {
  speaking('/told', ['en'])
  await ask('/told', 'Accept-Language: en-US, en;q=0.5')
  const { variants } = await objectAt(site.shellac, 'main', 'http|test.example|/told')
  assert.deepEqual(
    variants?.list.map(({ object }) => object.status),
    [200],
  )
})
