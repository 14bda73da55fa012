/** Every case of every page in this folder, at every chunk size from one byte up and at every place it can be cut in two. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { readPage, type WireCase } from './page.ts'
import { play } from './play.ts'

const pages = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.md') && name !== 'README.md')
/** First words of lines that a page must not leave out when they come: what is refused, what is left, how it ended. */
const alwaysTold = new Set([
  'error',
  'incomplete',
  'data',
  'trailers',
  'rest',
  'more',
  'upgrades',
  'option',
  'closes',
  'expects',
])

for (const page of pages) {
  describe(page, () => {
    for (const wireCase of readPage(readFileSync(`${import.meta.dirname}/${page}`, 'utf8'))) {
      it(wireCase.title, () => {
        const lines = play(wireCase, [wireCase.message.length])
        checkEvents(lines, wireCase, `${page}:${wireCase.line}`)
        for (const cuts of allCuts(wireCase.message.length)) {
          assert.deepEqual(play(wireCase, cuts), lines, `${page}:${wireCase.line}, in pieces up to ${cuts.join(' ')}`)
        }
      })
    }
  })
}

function checkEvents(lines: readonly string[], wireCase: WireCase, place: string): void {
  const expected = new Set(wireCase.events)
  for (const event of wireCase.events)
    assert.ok(lines.includes(event), `${place}: no "${event}" in\n${lines.join('\n')}`)
  for (const line of lines) {
    const mustBeTold = alwaysTold.has(line.split(' ')[0]!)
    assert.ok(!mustBeTold || expected.has(line), `${place}: the page does not tell "${line}"`)
  }
}

/** The ends of the pieces: all of one size, for each size; then two pieces, for each place between them. */
function* allCuts(length: number): Generator<number[]> {
  for (let size = 1; size < length; size++) {
    const cuts: number[] = []
    for (let end = size; end < length; end += size) cuts.push(end)
    yield [...cuts, length]
  }
  for (let cut = 1; cut < length; cut++) yield [cut, length]
}
