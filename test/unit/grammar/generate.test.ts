import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { toEbnf } from '../../../grammar/ebnf.ts'
import { generatedFiles } from '../../../grammar/generate.ts'
import { toRailroad } from '../../../grammar/railroad.ts'
import { type GrammarRule, grammarRules } from '../../../grammar/rules.ts'

test('the generated files are those that the parser gives', () => {
  for (const [path, text] of generatedFiles()) {
    const kept = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
    assert.equal(kept, text, `${path} is out of date: run "npx node grammar/generate.ts"`)
  }
})

test('the grammar is one rule', () => {
  const ebnf = toEbnf(grammarRules())
  assert.match(ebnf, /^statement ::= word argument\* \( ";" \| block \)$/m)
  assert.match(ebnf, /^block {5}::= "\{" statement\* "\}"$/m)
})

test('the page needs nothing from elsewhere', () => {
  const page = generatedFiles().get('doc/grammar.html') ?? ''
  assert.doesNotMatch(page, /<script|<link|@import|url\(|src=|https?:/)
  for (const { name } of grammarRules()) assert.ok(page.includes(`<h2 id="${name}">`))
})

const BOXES = /<rect class="(\w+)" x="([\d.]+)" y="([\d.]+)" width="(\d+)" height="(\d+)"/g

test('a diagram draws every part inside its frame', () => {
  const token = (text: string) => ({ kind: 'token' as const, text, isLiteral: false })
  const rule: GrammarRule = {
    name: 'x',
    production: {
      kind: 'sequence',
      parts: [
        { kind: 'choice', parts: [token('a'), token('a-longer-one'), { kind: 'repetition', part: token('<b>') }] },
        { kind: 'repetition', part: { kind: 'rule', name: 'y' } },
      ],
    },
  }
  const svg = toRailroad(rule)
  const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(svg) ?? []
  const boxes = [...svg.matchAll(BOXES)]
  assert.deepEqual(
    boxes.map(([, className]) => className),
    ['mark', 'token', 'token', 'token', 'rule', 'mark'],
  )
  for (const [, , x, y, boxWidth, boxHeight] of boxes) {
    assert.ok(Number(x) + Number(boxWidth) <= Number(width))
    assert.ok(Number(y) >= 0 && Number(y) + Number(boxHeight) <= Number(height))
  }
  assert.ok(svg.includes('&lt;b>') && svg.includes('<a href="#y">'))
})

type Point = readonly [number, number]

test('every line of a diagram ends at a box, at a mark, at another line, or on one', () => {
  for (const rule of grammarRules()) {
    const svg = toRailroad(rule)
    const lines = [...svg.matchAll(/<path d="([^"]+)"\/>/g)].map(([, d = '']) => endsOf(d))
    const joints: Point[] = lines.flat()
    for (const [, , x, y, width, height] of svg.matchAll(BOXES)) {
      const middle = Number(y) + Number(height) / 2
      joints.push([Number(x), middle], [Number(x) + Number(width), middle])
    }
    for (const [x, y] of lines.flat()) {
      const meeting = joints.filter((joint) => joint[0] === x && joint[1] === y).length
      assert.ok(meeting > 1 || isOnLine(x, y, lines), `${rule.name} ${x},${y}`)
    }
  }
})

/** Start and end of a path of the commands M, h, v and q. */
function endsOf(d: string): [Point, Point] {
  const [, startX = '', startY = ''] = /^M([\d.]+) ([\d.]+)/.exec(d) ?? []
  let x = Number(startX)
  let y = Number(startY)
  for (const [, command = '', numbers = ''] of d.matchAll(/([hvq])([-\d. ]+)/g)) {
    const values = numbers.split(' ').map(Number)
    if (command === 'h') x += values[0]!
    else if (command === 'v') y += values[0]!
    else {
      x += values[2]!
      y += values[3]!
    }
  }
  return [
    [Number(startX), Number(startY)],
    [x, y],
  ]
}

function isOnLine(x: number, y: number, lines: readonly (readonly [Point, Point])[]): boolean {
  return lines.some(([[x1, y1], [x2, y2]]) => y1 === y && y2 === y && x1 < x && x < x2)
}
