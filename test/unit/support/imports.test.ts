/** The import directions are rules of the linter: a file that goes against one makes `biome lint` fail. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../../support/process.ts'
import { tempDir } from '../../support/temp.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Where a file stands, and what it imports. */
type Import = readonly [folder: string, imported: string]

const forbidden: readonly Import[] = [
  ['src/http', '../net/socket.ts'],
  ['src/net', '../cache/key.ts'],
  ['src/cache', '../routing/table.ts'],
  ['src/cache/policy', '../../proxy/engine.ts'],
  ['src/routing', '../balance/balancer.ts'],
  ['src/ring', '../memcached/pool.ts'],
  ['src/ring', '../net/listener.ts'],
  ['src/ring', '../log/reasons.ts'],
  ['src/mc-bench', '../net/listener.ts'],
  ['src/mc-bench', '../memcached/pool.ts'],
  ['src/daemon', '../mc-bench/bench.ts'],
  ['src/memcached', '../memcached-proxy/engine.ts'],
  ['src/memcached', '../cache/key.ts'],
  ['src/memcached', '../proxy/engine.ts'],
  ['src/memcached-proxy', '../proxy/engine.ts'],
  ['src/memcached-proxy', '../daemon/messages.ts'],
  ['src/memcached-proxy', '../config/load.ts'],
  ['src/proxy', '../memcached-proxy/engine.ts'],
  ['src/cache', '../memcached-proxy/commands.ts'],
  ['src/net', '../memcached/pool.ts'],
  ['src/config', '../memcached/pool.ts'],
  ['src/config', '../tls/tls-server.ts'],
  ['src/net', '../tls/tls-server.ts'],
  ['src/memcached', '../tls/tls-server.ts'],
  ['src/tls', '../proxy/engine.ts'],
  ['src/tls', '../cache/key.ts'],
  ['src/distcache', '../tls/tls-server.ts'],
  ['src/distcache', '../net/listener.ts'],
  ['src/distcache', '../memcached/pool.ts'],
  ['src/http', '../distcache/codec.ts'],
  ['src/balance', '../proxy/engine.ts'],
  ['src/proxy', '../config/load.ts'],
  ['src/proxy', '../../grammar/parser.ts'],
  ['src/proxy/steps', '../../admin/server.ts'],
  ['src/admin', '../daemon/supervisor.ts'],
  ['src/daemon', '../cli/options.ts'],
  ['src/daemon', '../main.ts'],
  ['src/config', '../cache/key.ts'],
  ['src/config', 'chevrotain'],
  ['src/config/values', '../../http/date.ts'],
  ['src/log', '../http/date.ts'],
  ['src/util', '../plan/plan.ts'],
  ['src/util', '../log/reasons.ts'],
  ['src/cli', '../../test/support/daemon.ts'],
  ['src/http', '../../bench/run.ts'],
  ['grammar', '../src/config/ast.ts'],
  ['test/unit/config', 'chevrotain'],
]

const allowed: readonly Import[] = [
  ['src/cli', '../config/load.ts'],
  ['src/daemon', '../config/load.ts'],
  ['src/config', '../../grammar/parser.ts'],
  ['src/proxy', '../cache/tiers/memory-tier.ts'],
  ['src/cache', './tiers/memory-tier.ts'],
  ['src/cache/policy', '../../http/date.ts'],
  ['src/cache/tiers/pool', '../../../memcached/pool.ts'],
  ['src/proxy', '../memcached/pool-set.ts'],
  ['src/memcached-proxy', '../memcached/pool.ts'],
  ['src/memcached-proxy', '../routing/networks.ts'],
  ['src/memcached', '../ring/placement.ts'],
  ['src/memcached', '../net/resolver.ts'],
  ['src/ring', '../plan/memcached-plan.ts'],
  ['src/ring', '../util/assert.ts'],
  ['src/mc-bench', '../ring/hash.ts'],
  ['src/cli', '../mc-bench/bench.ts'],
  ['src/config/import', '../../ring/label.ts'],
  ['src/config', '../ring/label.ts'],
  ['src/daemon', '../memcached-proxy/engine.ts'],
  ['src/http', '../log/reasons.ts'],
  ['src/tls', '../memcached/pool.ts'],
  ['src/tls', '../distcache/client-hello.ts'],
  ['src/proxy', '../tls/tls-server.ts'],
  ['src/cli', '../distcache/server.ts'],
  ['src/daemon', '../tls/material.ts'],
  ['src/distcache', '../util/assert.ts'],
  ['src/net', '../plan/plan.ts'],
  ['grammar', 'chevrotain'],
  ['test/unit/grammar', 'chevrotain'],
  ['test/e2e', '../../src/proxy/engine.ts'],
]

/** Files the linter complains about because of what they import. */
let flagged: ReadonlySet<string>

before(async () => {
  const dir = tempDir()
  copyFileSync(join(root, 'biome.json'), join(dir, 'biome.json'))
  for (const one of [...forbidden, ...allowed]) {
    const path = join(dir, fileOf(one))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `import { thing } from '${one[1]}'\n\nexport const other = thing\n`)
  }
  const args = ['lint', '--reporter=json', '--max-diagnostics=none', '.']
  const lint = await runProgram(join(root, 'node_modules/.bin/biome'), args, { cwd: dir })
  assert.notEqual(lint.code, 0, 'biome lint passes')
  const report: Report = JSON.parse(lint.stdout)
  const complaints = report.diagnostics.filter((one) => one.category === 'lint/style/noRestrictedImports')
  flagged = new Set(complaints.map((one) => one.location.path))
})

interface Report {
  readonly diagnostics: readonly { readonly category: string; readonly location: { readonly path: string } }[]
}

for (const one of forbidden)
  test(`${one[0]} must not import ${one[1]}`, () => {
    assert.ok(flagged.has(fileOf(one)))
  })

for (const one of allowed)
  test(`${one[0]} may import ${one[1]}`, () => {
    assert.ok(!flagged.has(fileOf(one)))
  })

/** One file per case: the imported path, spelled as a name. */
function fileOf([folder, imported]: Import): string {
  return `${folder}/imports-${imported.replaceAll(/[^a-z]+/g, '-')}.ts`
}
