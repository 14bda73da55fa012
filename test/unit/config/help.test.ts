/** `shellac help` answers every word somebody may bring, and the manual is what its generator writes. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { commands } from '../../../src/cli/commands.ts'
import { optionTable } from '../../../src/cli/options.ts'
import { contexts } from '../../../src/config/directives/table.ts'
import { foreignWords } from '../../../src/config/foreign-words.ts'
import { helpText } from '../../../src/config/help.ts'
import { configManPage } from '../../../src/config/man.ts'
import { exitCodes } from '../../../src/daemon/exit-codes.ts'
import { reasons } from '../../../src/log/reasons.ts'

describe('helpText', () => {
  it('lists the statements of the top level', () => {
    for (const { name } of contexts[0]!.directives) assert.match(helpText(undefined), new RegExp(`^    ${name} `, 'm'))
  })

  it('shows syntax, place, default and example of a directive', () => {
    const text = helpText('grace')
    assert.match(text, /^grace TIME;$/m)
    assert.match(text, /where {4}cache, rule/)
    assert.match(helpText('queue'), /default {2}128 for 2s/)
    assert.match(text, /example {2}grace 10m;/)
  })

  it('shows every directive of one name', () => {
    assert.equal(helpText('headers').match(/^headers /gm)?.length, 3)
  })

  it("finds our word for another server's", () => {
    assert.match(helpText('proxy_pass'), /^Shellac's word for "proxy_pass":\n\nproxy BACKEND;/)
    assert.match(helpText('use_backend'), /^route NAME/m)
    assert.match(helpText('if'), /match @NAME/)
  })

  it('knows every word of the table, every reason and the units', () => {
    const words = contexts.flatMap((context) => context.directives.flatMap((one) => [one.name, ...one.peers]))
    const others = [...reasons.map((one) => one.name), ...foreignWords.keys(), 'units', 'reasons']
    for (const word of [...words, ...others]) assert.doesNotMatch(helpText(word), /nothing is known/, word)
  })

  it('suggests what is near to an unknown word', () => {
    assert.match(helpText('balanse'), /nothing is known about "balanse"; did you mean "balance"/)
    assert.match(helpText('xyzzyplugh'), /"shellac help" lists/)
  })
})

describe('shellac.conf.5', () => {
  it('is what man/generate.ts writes', () => {
    assert.equal(readFileSync('man/shellac.conf.5', 'utf8'), configManPage())
  })

  it('has no text that a macro could begin by accident', () => {
    for (const line of configManPage().split('\n')) {
      if (/^[.']/.test(line)) assert.match(line, /^\.(?:\\"|TH|SH|TP|PP|B|I|BR|br)(?: |$)/, line)
    }
  })
})

describe('shellac.8', () => {
  const page = readFileSync('man/shellac.8', 'utf8').replaceAll('\\-', '-')

  it('tells of every command', () => {
    for (const { name } of commands) assert.match(page, new RegExp(`^\\.BR? ${name}\\b`, 'm'), name)
  })

  it('tells of every option', () => {
    for (const { name } of optionTable) assert.match(page, new RegExp(`--${name}\\b`), name)
  })

  it('tells of every exit code', () => {
    for (const { code } of exitCodes) assert.match(page, new RegExp(`^\\.B ${code}$`, 'm'), String(code))
  })
})
