import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const root = new URL('../../../', import.meta.url)
const text = readFileSync(new URL('doc/conformance.md', root), 'utf8')

test('every test that doc/conformance.md names as a proof is there', () => {
  const rows = text.split('\n').filter((line) => /^\| .* \| [0-9].* \| /.test(line))
  assert.ok(rows.length > 30, `${rows.length} rows`)
  const missing = rows
    .flatMap((row) => row.split('|')[3]!.trim().split(', '))
    .map((name) => `test/${name.replace(/^policy\//, 'unit/cache/policy/')}${name.endsWith('.md') ? '' : '.test.ts'}`)
    .filter((path) => !existsSync(new URL(path, root)))
  assert.deepEqual(missing, [])
})
