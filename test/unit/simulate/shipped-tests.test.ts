/** The test blocks of what is shipped: each configuration that has a site has some, and they hold. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { runTests } from '../../../src/cli/config-tests.ts'
import { realFileAccess } from '../../../src/config/file-access.ts'
import { loadConfig } from '../../../src/config/load.ts'

const examples = readdirSync('examples').filter((name) => name.endsWith('.conf'))

for (const path of ['shellac.conf', ...examples.map((name) => `examples/${name}`)]) {
  test(`the tests of ${path} hold`, () => {
    const loaded = loadConfig({ kind: 'file', path }, { ...realFileAccess, env: () => undefined })
    const report = runTests(loaded)
    assert.deepEqual(
      report.diagnostics.map(({ message }) => message),
      [],
    )
    assert.equal(report.passed > 0, loaded.sites.length > 0)
  })
}
