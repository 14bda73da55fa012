import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { dcManFile, dcManPage } from '../../../src/cli/dc-man.ts'
import { dcManuals } from '../../../src/cli/dc-manuals.ts'

for (const manual of dcManuals) {
  test(`${dcManFile(manual)} is what man/generate.ts writes, and tells of every option`, () => {
    const page = dcManPage(manual)
    assert.equal(readFileSync(`man/${dcManFile(manual)}`, 'utf8'), page)
    const shown = page.replaceAll('\\-', '-')
    for (const { name, value } of manual.program.options) {
      assert.ok(shown.includes(`\n.B "-${name}${value === undefined ? '' : ` ${value}`}"\n`), name)
    }
    for (const line of page.split('\n')) {
      if (/^[.']/.test(line)) assert.match(line, /^\.(?:\\"|TH|SH|TP|PP|B|BR|br)(?: |$)/, line)
    }
  })

  test(`${dcManFile(manual)} is listed in the package`, () => {
    const { man } = JSON.parse(readFileSync('package.json', 'utf8'))
    assert.ok(man.includes(`./man/${dcManFile(manual)}`))
  })
}
