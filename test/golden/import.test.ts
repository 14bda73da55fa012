/**
 * Imported configurations: a file of another program, a ruler with its name, and what `shellac import` prints; on standard error
 * where the file is wrong. What it prints as a configuration must be one. `UPDATE_GOLDEN=1` writes the files anew.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { runCli } from '../../src/cli/cli.ts'
import type { FileAccess } from '../../src/config/file-access.ts'
import { formatSource } from '../../src/config/format.ts'
import { loadConfig } from '../../src/config/load.ts'
import { formatDiagnostics } from '../../src/config/print.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { Placement } from '../../src/ring/placement.ts'
import { type VectorPool, vectors } from '../unit/ring/vectors.ts'

const folder = new URL('import/', import.meta.url)
const isUpdating = process.env.UPDATE_GOLDEN === '1'
const RULER = /^-------- (\w+)\n/m

async function importText(program: string, text: string): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runCli(['import', program, '-'], {
    out: (more) => {
      out += more
    },
    err: (more) => {
      err += more
    },
    readInput: () => text,
    color: false,
  })
  return { code, out, err }
}

/** The Plan of a configuration that has nothing wrong, not even a warning. */
function planOf(text: string): Plan {
  const access: FileAccess = {
    readFile: () => text,
    glob: () => [],
    env: () => undefined,
    credentialsDirectory: undefined,
  }
  const { diagnostics, plan } = loadConfig({ kind: 'file', path: 'shellac.conf' }, access)
  assert.equal(formatDiagnostics(diagnostics, { color: false }), '')
  return plan!
}

describe('imported configurations', () => {
  for (const name of readdirSync(folder)) {
    it(name.replace(/\.yml$/, '').replaceAll('-', ' '), async () => {
      const file = readFileSync(new URL(name, folder), 'utf8')
      const ruler = RULER.exec(file)!
      const end = ruler.index + ruler[0].length
      const { code, out, err } = await importText(ruler[1]!, file.slice(0, ruler.index))
      const found = `${err}${out}`
      if (isUpdating) writeFileSync(new URL(name, folder), `${file.slice(0, end)}${found}`)
      else assert.equal(found, file.slice(end))
      assert.equal(code, name.includes('mistakes') || out === '' ? 1 : 0)
      if (out === '') return
      planOf(out)
      assert.deepEqual(formatSource({ name, text: out, includedFrom: [] }), { ok: true, text: out })
    })
  }
})

function nutcrackerYml(pool: VectorPool): string {
  const lines = [
    'alpha:',
    '  listen: 127.0.0.1:22121',
    `  hash: ${pool.hash}`,
    `  distribution: ${pool.distribution}`,
    pool.tag === undefined ? [] : `  hash_tag: "${pool.tag}"`,
    '  timeout: 1000',
    '  servers:',
    ...pool.servers.map((server) => `    - ${server}`),
  ]
  return `${lines.flat().join('\n')}\n`
}

describe('keys of an imported pool', () => {
  for (const pool of vectors.pools) {
    it(`stay where nutcracker put them: ${pool.name}`, async () => {
      const { out } = await importText('nutcracker', nutcrackerYml(pool))
      // A server without keys, which one of the pools has, is worth a warning.
      const imported = planWithWarnings(out).memcached[0]!
      assert.equal(imported.servers.length, pool.servers.length)
      const ring = new Placement(imported).build((server) => pool.ejected?.includes(server) !== true)
      for (const [i, key] of vectors.keys[pool.keys].entries()) {
        const bytes = Buffer.from(key)
        assert.equal(ring.ownerOf(bytes, 0, bytes.length), pool.owners[i], key)
      }
    })
  }
})

function planWithWarnings(text: string): Plan {
  const access: FileAccess = { readFile: () => text, glob: () => [], env: () => undefined, credentialsDirectory: undefined }
  return loadConfig({ kind: 'file', path: 'shellac.conf' }, access).plan!
}
