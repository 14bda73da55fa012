/**
 * Golden files: a configuration, a ruler, and the exact diagnostics it gives. Files that it includes follow it behind
 * rulers of their own. For the shipped configurations, the Plan as JSON. `UPDATE_GOLDEN=1` writes the files anew; read
 * the difference before committing it.
 *
 *     shellac 1;
 *     include conf.d/*.conf;
 *     -------- file: conf.d/a.conf
 *     backend app { }
 *     -------- diagnostics
 *     conf.d/a.conf:1:1: error: ...
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { matchesGlob, relative, resolve } from 'node:path'
import { describe, it } from 'node:test'
import type { FileAccess } from '../../src/config/file-access.ts'
import { loadConfig } from '../../src/config/load.ts'
import { formatSource } from '../../src/config/format.ts'
import { formatDiagnostics } from '../../src/config/print.ts'

const folder = new URL('.', import.meta.url)
const isUpdating = process.env.UPDATE_GOLDEN === '1'
const RULER = /^-------- (diagnostics|file: (.+))$/m

interface GoldenCase {
  /** By path as the case names it; `shellac.conf` is the case itself. */
  readonly files: ReadonlyMap<string, string>
  /** Everything before the expected diagnostics. */
  readonly head: string
  readonly expected: string
}

function parseCase(text: string): GoldenCase {
  const files = new Map<string, string>()
  let name: string | undefined = 'shellac.conf'
  let rest = text
  let head = ''
  while (name !== undefined) {
    const ruler = RULER.exec(rest)
    const end = ruler?.index ?? rest.length
    files.set(name, rest.slice(0, end))
    name = ruler?.[2]
    const skipped = end + (ruler === null ? 0 : ruler[0].length + 1)
    head += name === undefined ? rest.slice(0, end) : rest.slice(0, skipped)
    rest = rest.slice(skipped)
  }
  return { files, head, expected: rest }
}

/** Files of the case, relative to the current folder or absolute; a fixed environment. */
function caseAccess(files: ReadonlyMap<string, string>): FileAccess {
  const nameOf = (path: string): string => (files.has(path) ? path : relative(process.cwd(), path))
  return {
    readFile(path) {
      const text = files.get(nameOf(path))
      if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })
      return text
    },
    glob: (pattern) => [...files.keys()].map((name) => resolve(name)).filter((path) => matchesGlob(path, pattern)),
    env: (name) => (name === 'PORT' ? '8080' : undefined),
    credentialsDirectory: '/run/credentials/shellac',
  }
}

function diagnose(files: ReadonlyMap<string, string>): string {
  const { diagnostics, plan } = loadConfig({ kind: 'file', path: 'shellac.conf' }, caseAccess(files))
  const hasErrors = diagnostics.some((one) => one.severity === 'error')
  assert.equal(plan === undefined, hasErrors)
  return formatDiagnostics(diagnostics, { color: false }).replaceAll(`${process.cwd()}/`, '')
}

describe('wrong configurations', () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.conf'))) {
    it(name.replace(/\.conf$/, '').replaceAll('-', ' '), () => {
      const golden = parseCase(readFileSync(new URL(name, folder), 'utf8'))
      const found = diagnose(golden.files)
      assert.notEqual(found, '', 'a case must be wrong')
      if (isUpdating) writeFileSync(new URL(name, folder), `${golden.head}-------- diagnostics\n${found}`)
      else assert.equal(found, golden.expected)
    })
  }
})

describe('shipped configurations', () => {
  const examples = readdirSync('examples').filter((name) => name.endsWith('.conf'))
  for (const path of ['shellac.conf', ...examples.map((name) => `examples/${name}`)]) {
    it(`${path} is canonical and gives its Plan without a warning`, () => {
      const access = caseAccess(new Map([[path, readFileSync(path, 'utf8')]]))
      const { diagnostics, plan } = loadConfig({ kind: 'file', path }, access)
      assert.equal(formatDiagnostics(diagnostics, { color: false }), '')
      const text = readFileSync(path, 'utf8')
      assert.deepEqual(formatSource({ name: path, text, includedFrom: [] }), { ok: true, text })
      const golden = new URL(`plans/${path.replaceAll('/', '-').replace(/\.conf$/, '.json')}`, folder)
      const found = `${JSON.stringify({ ...plan, files: undefined }, undefined, 2)}\n`
      if (isUpdating) writeFileSync(golden, found)
      assert.equal(found, readFileSync(golden, 'utf8'))
    })
  }
})
