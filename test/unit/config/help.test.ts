/** `shellac help` answers every word somebody may bring, and the manual is what its generator writes. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { commands } from '../../../src/cli/commands.ts'
import { optionTable } from '../../../src/cli/options.ts'
import { syntaxOf } from '../../../src/config/directives/directive.ts'
import { contexts } from '../../../src/config/directives/table.ts'
import { foreignWords } from '../../../src/config/foreign-words.ts'
import { guides } from '../../../src/config/guides.ts'
import { helpText, unknownText } from '../../../src/config/help.ts'
import { configManPage } from '../../../src/config/man.ts'
import { exitCodes } from '../../../src/daemon/exit-codes.ts'
import { reasons } from '../../../src/log/reasons.ts'

function textOf(topic: string): string {
  return helpText(topic) ?? assert.fail(`nothing is known about ${topic}`)
}

describe('helpText', () => {
  it('lists the statements of the top level', () => {
    for (const { name } of contexts[0]!.directives) assert.match(textOf('statements'), new RegExp(`^    ${name} `, 'm'))
  })

  it('explains what several statements do together, with an example and commands', () => {
    for (const { name, commands: lines } of guides) {
      assert.ok(textOf('statements').includes(`shellac help ${name}\n`))
      for (const line of lines) assert.ok(textOf(name).includes(`\n    ${line}\n`), line)
    }
    assert.match(unknownText('cachign'), /did you mean .*"caching"/)
  })

  it('shows syntax, place, default and example of a directive', () => {
    const text = textOf('grace')
    assert.match(text, /^grace TIME;$/m)
    assert.match(text, /where {4}cache, rule/)
    assert.match(textOf('queue'), /default {2}128 for 2s/)
    assert.match(text, /example {2}grace 10m;/)
  })

  it('shows every directive of one name', () => {
    assert.equal(textOf('headers').match(/^headers /gm)?.length, 3)
  })

  it("finds our word for another server's", () => {
    assert.match(textOf('proxy_pass'), /^Shellac's word for "proxy_pass":\n\nproxy BACKEND;/)
    assert.match(textOf('use_backend'), /^route NAME/m)
    assert.match(textOf('if'), /match @NAME/)
  })

  it('knows every word of the table, every reason and the units', () => {
    const words = contexts.flatMap((context) => context.directives.flatMap((one) => [one.name, ...one.peers]))
    const others = [...reasons.map((one) => one.name), ...foreignWords.keys(), 'units', 'reasons', 'statements']
    for (const word of [...words, ...others]) assert.notEqual(helpText(word), undefined, word)
  })

  it('lists every reason with its cure', () => {
    const list = textOf('reasons').replaceAll(/\s+/g, ' ')
    for (const { name, doc, cure } of reasons) {
      assert.ok(list.includes(`${name} ${doc} cure: ${cure} `), name)
      assert.ok(textOf(name).includes(`cure: ${cure}`), name)
    }
  })

  it('suggests what is near to an unknown word', () => {
    assert.equal(helpText('balanse'), undefined)
    assert.match(unknownText('balanse'), /nothing is known about "balanse"; did you mean "balance"/)
    assert.match(unknownText('xyzzyplugh'), /"shellac help statements" lists/)
  })
})

/** The text of a page, escapes taken back and lines joined. */
function unroffed(page: string): string {
  return page
    .replaceAll('\\-', '-')
    .replaceAll('\\(aq', "'")
    .replaceAll('\\(ti', '~')
    .replaceAll('\\(ha', '^')
    .replaceAll('\\&', '')
    .replaceAll('\\e', '\\')
    .replaceAll('\n', ' ')
}

describe('shellac.conf.5', () => {
  it('is what man/generate.ts writes', () => {
    assert.equal(readFileSync('man/shellac.conf.5', 'utf8'), configManPage())
  })

  const shown = unroffed(configManPage())

  it('shows every directive with its syntax, its place, its default and its example', () => {
    for (const context of contexts) {
      assert.ok(shown.includes(context.doc), context.name)
      for (const one of context.directives) {
        const from = shown.indexOf(`.TP .B "${syntaxOf(one).replaceAll('"', '""')}" ${one.doc}`)
        assert.notEqual(from, -1, `${one.name} in ${context.name}`)
        const entry = shown.slice(from, shown.indexOf(' .TP ', from + 1))
        assert.ok(entry.includes(` Example: ${one.example}`), one.name)
        if (one.defaultText !== undefined) assert.ok(entry.includes(` Default: ${one.defaultText} `), one.name)
      }
    }
  })

  it('lists every reason with its cure', () => {
    for (const { name, doc, cure } of reasons) assert.ok(shown.includes(`.B ${name} ${doc}. .br Cure: ${cure}.`), name)
  })

  it('has no text that a macro could begin by accident', () => {
    for (const line of configManPage().split('\n')) {
      if (/^[.']/.test(line)) assert.match(line, /^\.(?:\\"|TH|SH|TP|PP|IP|nf|fi|B|I|BR|br)(?: |$)/, line)
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
