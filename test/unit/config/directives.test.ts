/** The table of directives holds what it promises: documented, readable, complete. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { readBlocks } from '../../../src/config/checks/read-blocks.ts'
import { defaultOf } from '../../../src/config/defaults.ts'
import type { Diagnostic } from '../../../src/config/diagnostics.ts'
import { syntaxOf } from '../../../src/config/directives/directive.ts'
import { contexts, findByPeerWord, findDirective } from '../../../src/config/directives/table.ts'
import { foreignWords } from '../../../src/config/foreign-words.ts'
import { parseSource } from '../../../src/config/parse.ts'

const everyDirective = contexts.flatMap((context) => context.directives.map((directive) => ({ context, directive })))

describe('every directive', () => {
  for (const { context, directive } of everyDirective) {
    it(`"${directive.name}" in "${context.name}" has an example that can be read there`, () => {
      const source = { name: 'example', text: directive.example, includedFrom: [] }
      const parsed = parseSource(source)
      const diagnostics: Diagnostic[] = [...parsed.diagnostics]
      const document = { statements: parsed.statements, sources: [source] }
      const checked = readBlocks(document, (one) => diagnostics.push(one), context.name)
      assert.deepEqual(
        diagnostics.map((one) => one.message),
        [],
      )
      assert.ok(checked.main.node(directive) !== undefined, 'the example shows the directive')
    })
  }

  it('has a default that can be read, if it has one', () => {
    for (const { directive } of everyDirective) {
      if (directive.defaultText !== undefined) assert.notEqual(defaultOf(directive), undefined)
    }
  })

  it('is described in whole sentences', () => {
    for (const { directive } of everyDirective) assert.match(directive.doc, /^[A-Z].*[.]$/s, directive.name)
    for (const context of contexts) assert.match(context.doc, /^[A-Z].*[.]$/s, context.name)
  })

  it('is shown in the shipped configuration', () => {
    const shipped = readFileSync('shellac.conf', 'utf8')
    for (const { directive } of everyDirective) {
      // A matcher used by another one is the only statement whose name is not its own.
      if (directive.name === '@NAME') continue
      assert.match(shipped, new RegExp(`(?:^|[ {])${directive.name}[ ;]`, 'm'), directive.name)
    }
  })

  it('stands once in its block', () => {
    for (const context of contexts) {
      const names = context.directives.map((one) => one.name)
      assert.equal(new Set(names).size, names.length, context.name)
    }
  })

  it('opens blocks that exist', () => {
    const names = new Set(contexts.map((context) => context.name))
    for (const { directive } of everyDirective) {
      for (const name of directive.block?.contexts ?? []) assert.ok(names.has(name), `${directive.name} opens ${name}`)
    }
  })
})

describe('words of other servers', () => {
  it('lead to a directive or to advice, not to both', () => {
    for (const word of foreignWords.keys()) assert.equal(findByPeerWord(word).length, 0, word)
  })

  const words: [string, string][] = [
    ['proxy_pass', 'proxy'],
    ['beresp.ttl', 'ttl'],
    ['use_backend', 'route'],
    ['proxy_cache_valid', 'ttl'],
    ['keepalive', 'keep-alive'],
    ['worker_processes', 'workers'],
    ['upstream', 'backend'],
    ['server', 'site'],
    ['location', 'route'],
    ['add_header', 'response'],
    ['cache_peer', 'server'],
    ['refresh_pattern', 'ttl'],
  ]
  for (const [word, name] of words) {
    it(`"${word}" leads to "${name}"`, () => {
      assert.ok(findByPeerWord(word).some((match) => match.directive.name === name))
    })
  }
})

describe('syntaxOf', () => {
  const cases: [Parameters<typeof findDirective>, string][] = [
    [['site', 'proxy'], 'proxy BACKEND;'],
    [['main', 'backend'], 'backend NAME { ... }'],
    [['main', 'process'], 'process { ... }'],
    [['cache', 'collapse'], 'collapse [on|off]; or collapse { ... }'],
    [
      ['cache', 'ttl'],
      'ttl [STATUS ...] [path GLOB] [type MEDIA-TYPE] [length [over SIZE] [under SIZE]] TIME [override]; or ttl origin else TIME;',
    ],
    [['match', '@ops'], '@NAME;'],
  ]
  for (const [[context, name], text] of cases) {
    it(`shows ${text}`, () => assert.equal(syntaxOf(findDirective(context, name)!), text))
  }
})
