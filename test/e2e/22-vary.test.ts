/** Vary: several responses under one URL, each for the requests it was chosen for (RFC 9111 §4.1). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok } from '../support/scripted-origin.ts'
import { cacheStatus, dateIn, isHit, startSite } from './caching-site.ts'

const site = await startSite({ workers: 2 })

/** Answers with the values of the named request fields, varying on them. */
function echoing(path: string, ...names: string[]): void {
  site.answer(path, ({ fields }) => {
    const values = names.map((name) => fields.get(name) ?? 'none')
    return ok(values.join('|'), `Vary: ${names.join(', ')}`, 'Cache-Control: max-age=60')
  })
}

test('variants of one URL lie side by side; absent equals absent, and nothing else', async () => {
  echoing('/color', 'X-Color')
  for (const round of [1, 2]) {
    for (const [value, fields] of [
      ['red', ['X-Color: red']],
      ['blue', ['X-Color: blue']],
      ['none', []],
      ['', ['X-Color:']],
    ] as const) {
      const answer = await site.get('/color', fields)
      assert.equal(answer.body.toString(), value)
      assert.equal(isHit(answer), round === 2, `${value}: ${cacheStatus(answer)}`)
    }
  }
  assert.equal(site.asked('/color').length, 4)
})

test('a miss among variants says vary-miss, the first of all uri-miss', async () => {
  echoing('/miss', 'X-Color')
  const first = await site.get('/miss', ['X-Color: red'])
  const second = await site.get('/miss', ['X-Color: blue'])
  assert.equal(cacheStatus(first), 'Shellac; fwd=uri-miss; fwd-status=200; stored; detail=absent')
  assert.equal(cacheStatus(second), 'Shellac; fwd=vary-miss; fwd-status=200; stored; detail=vary-mismatch')
})

test('every named field counts, in whatever order and letter case Vary names them', async () => {
  echoing('/two', 'X-A', 'x-B')
  const bodies = []
  for (const fields of [
    ['X-A: 1', 'X-B: 2'],
    ['X-A: 1', 'X-B: 3'],
    ['X-A: 2', 'X-B: 2'],
    ['X-B: 2', 'X-A: 1'],
  ]) {
    bodies.push((await site.get('/two', fields)).body.toString())
  }
  assert.deepEqual(bodies, ['1|2', '1|3', '2|2', '1|2'])
  assert.equal(site.asked('/two').length, 3)
})

test('values that mean the same share a variant: blanks, lines, weights, case of languages', async () => {
  const same: [field: string, spellings: string[]][] = [
    ['X-List', ['X-List: a,b', 'X-List:  a , b ']],
    ['Accept-Encoding', ['Accept-Encoding: gzip, br', 'Accept-Encoding: br;q=1.0,GZIP']],
    ['Accept-Language', ['Accept-Language: de, en;q=0.5', 'Accept-Language: EN;q=0.50,De']],
  ]
  for (const [name, spellings] of same) {
    const path = `/same/${name}`
    site.answer(path, ok('x', `Vary: ${name}`, 'Cache-Control: max-age=60'))
    for (const spelling of spellings) await site.get(path, [spelling])
    assert.equal(site.asked(path).length, 1, name)
  }
  site.answer('/same/lines', ok('x', 'Vary: X-List', 'Cache-Control: max-age=60'))
  await site.get('/same/lines', ['X-List: a, b'])
  assert.equal(isHit(await site.get('/same/lines', ['X-List: a', 'X-List: b'])), true)
})

test('values that may mean something else do not', async () => {
  site.answer('/other', ok('x', 'Vary: X-List', 'Cache-Control: max-age=60'))
  for (const value of ['a,b', 'b,a', 'a b', '"a,b"', 'A,b']) await site.get('/other', [`X-List: ${value}`])
  assert.equal(site.asked('/other').length, 5)
})

test('a response that varies on something else takes the place of all variants before it', async () => {
  echoing('/turn', 'X-A')
  await site.get('/turn', ['X-A: 1', 'X-B: 1'])
  await site.get('/turn', ['X-A: 2', 'X-B: 1'])
  echoing('/turn', 'X-B')
  assert.equal((await site.get('/turn', ['X-A: 3', 'X-B: 1'])).body.toString(), '1')
  assert.equal(isHit(await site.get('/turn', ['X-A: 4', 'X-B: 1'])), true)
  const old = await site.get('/turn', ['X-A: 1', 'X-B: 2'])
  assert.deepEqual([old.body.toString(), isHit(old)], ['2', false])
  assert.equal(site.asked('/turn').length, 4)
})

test('a response that no longer varies answers everybody', async () => {
  echoing('/plain', 'X-A')
  await site.get('/plain', ['X-A: 1'])
  site.answer('/plain', ok('for all', 'Cache-Control: max-age=60'))
  await site.get('/plain', ['X-A: 2'])
  for (const value of ['2', '3']) {
    const answer = await site.get('/plain', [`X-A: ${value}`])
    assert.deepEqual([answer.body.toString(), isHit(answer)], ['for all', true], value)
  }
})

test('a stale variant is validated with its own validator and the fields it varies on', async () => {
  let asked = 0
  site.answer('/validate', ({ fields }) => {
    asked++
    const color = fields.get('x-color')
    if (asked > 2) return `HTTP/1.1 304 \r\nETag: "${color}"\r\nVary: X-Color\r\nCache-Control: max-age=60\r\n\r\n`
    return ok(`${color}`, `ETag: "${color}"`, 'Vary: X-Color', 'Cache-Control: max-age=10', `Date: ${dateIn(-60)}`)
  })
  for (const color of ['red', 'blue', 'red', 'blue', 'red', 'blue']) {
    assert.equal((await site.get('/validate', [`X-Color: ${color}`])).body.toString(), color)
  }
  const validations = site.asked('/validate').slice(2)
  assert.deepEqual(
    validations.map(({ fields }) => [fields.get('x-color'), fields.get('if-none-match')]),
    [
      ['red', '"red"'],
      ['blue', '"blue"'],
    ],
  )
})

test('clients that want different variants at once each get their own, with one fetch for each', async () => {
  echoing('/crowd', 'X-Color')
  await site.get('/crowd', ['X-Color: none'])
  const colors = Array.from({ length: 40 }, (_, index) => `c${index % 4}`)
  const answers = await Promise.all(colors.map((color) => site.get('/crowd', [`X-Color: ${color}`])))
  assert.deepEqual(
    answers.map((answer) => answer.body.toString()),
    colors,
  )
  assert.equal(site.asked('/crowd').length, 5)
})

test("the same while nobody knows yet that the response varies: nobody gets another one's", async () => {
  echoing('/unknown', 'X-Color')
  const colors = Array.from({ length: 40 }, (_, index) => `c${index % 4}`)
  const answers = await Promise.all(colors.map((color) => site.get('/unknown', [`X-Color: ${color}`])))
  assert.deepEqual(
    answers.map((answer) => answer.body.toString()),
    colors,
  )
})
