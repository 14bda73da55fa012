import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tokenize } from '../../../grammar/tokens.ts'

function kinds(text: string): string[] {
  return tokenize(text).tokens.map(({ tokenType, image }) => `${tokenType.name} ${image}`)
}

function images(tokens: readonly { readonly image: string }[]): string[] {
  return tokens.map(({ image }) => image)
}

test('punctuation needs no blanks around it', () => {
  assert.deepEqual(kinds('a{b;}c'), ['Word a', 'OpenBrace {', 'Word b', 'Semicolon ;', 'CloseBrace }', 'Word c'])
})

test('the braces of a substitution belong to the word', () => {
  assert.deepEqual(kinds(`x\${env:A:-b}:80{`), [`Word x\${env:A:-b}:80`, 'OpenBrace {'])
  assert.deepEqual(kinds(`\${a;`), [`Word \${a`, 'Semicolon ;'])
  assert.deepEqual(kinds('$ $$ $1'), ['Word $', 'Word $$', 'Word $1'])
})

test('"~" begins a regex only before a quote', () => {
  assert.deepEqual(kinds('~"a" ~b ~'), ['Regex ~"a"', 'Word ~b', 'Word ~'])
})

test('"#" begins a comment only where a word could begin', () => {
  const { tokens, comments } = tokenize('a#b "c"#d\n;#e')
  assert.deepEqual(images(tokens), ['a#b', '"c"', ';'])
  assert.deepEqual(images(comments), ['#d', '#e'])
})

test('comments of C are recognised where no argument can stand', () => {
  assert.deepEqual(images(tokenize('// a\nb; // c').foreign), ['// a', '// c'])
  assert.deepEqual(images(tokenize('/* a\nb */ c;').foreign), ['/* a\nb */'])
  assert.deepEqual(images(tokenize('/* a\nb;').foreign), ['/* a'])
  assert.deepEqual(images(tokenize('path /* //x /**/*.css;').foreign), [])
})

test('offsets are those of the text', () => {
  const { tokens } = tokenize('\ufeffa  "b";')
  const found = tokens.map(({ startOffset, image }) => [startOffset, image])
  assert.deepEqual(found, [
    [1, 'a'],
    [4, '"b"'],
    [7, ';'],
  ])
})
