/**
 * Shellac with the configuration it imported from nutcracker, and nutcracker itself, in front of the same servers: what clients of
 * the one have stored, clients of the other find.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runShellac, startShellac } from '../support/daemon.ts'
import { type Conversation, connectMemcached, startMemcached } from '../support/memcached.ts'
import { freePort, listens } from '../support/ports.ts'
import { Background } from '../support/process.ts'
import { tempDir } from '../support/temp.ts'

const KEYS = 400

/** Options of the pool, and how its servers are written behind their ports. */
const pools: readonly { readonly options: string; readonly servers: readonly string[] }[] = [
  { options: 'distribution: ketama', servers: [':1', ':1', ':1'] },
  { options: 'hash: murmur\n  hash_tag: "{}"', servers: [':5 b', ':1 aa', ':2 cache-three'] },
  { options: 'hash: one_at_a_time\n  distribution: modula', servers: [':2', ':1', ':3 z'] },
  { options: 'hash: jenkins\n  distribution: ketama', servers: [':1 x', ':7 xx', ':3 w'] },
  { options: 'hash: md5\n  hash_tag: "$$"\n  distribution: modula', servers: [':1', ':1', ':2'] },
]

/** Short and long, counting and not, with bytes above 127 and hash tags. */
function keys(): string[] {
  return Array.from({ length: KEYS }, (_, i) => {
    const kinds = [
      `k${i}`,
      `user:{${i % 17}}:${i}`,
      `caf\xc3\xa9-${i * 7919}`,
      `$${i % 5}$\xff\xfe${i}`,
      'x'.repeat(i % 200) + i,
    ]
    return kinds[i % kinds.length]!
  })
}

async function store(client: Conversation, all: readonly string[], value: string): Promise<void> {
  for (const key of all) client.send(Buffer.from(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`, 'latin1'))
  for (const key of all) assert.equal(await client.line(), 'STORED', key)
}

async function found(client: Conversation, all: readonly string[], value: string): Promise<number> {
  for (const key of all) client.send(Buffer.from(`get ${key}\r\n`, 'latin1'))
  let count = 0
  for (const key of all) {
    if ((await client.line()) === 'END') continue
    assert.equal(await client.line(), value, key)
    assert.equal(await client.line(), 'END', key)
    count++
  }
  return count
}

describe('nutcracker and Shellac with its configuration', () => {
  for (const { options, servers } of pools) {
    it(`have the same owner for every key: ${options.replaceAll(/\n */g, ', ')}, ${servers.join(' ')}`, async () => {
      const memcached = await Promise.all(servers.map(() => startMemcached()))
      const port = await freePort()
      const dir = tempDir()
      const file = join(dir, 'nutcracker.yml')
      const lines = memcached.map((server, i) => `   - 127.0.0.1:${server.port}${servers[i]}`)
      writeFileSync(
        file,
        `alpha:\n  listen: 127.0.0.1:${port}\n  timeout: 5000\n  ${options}\n  servers:\n${lines.join('\n')}\n`,
      )
      const nutcracker = new Background('nutcracker', ['-c', file, '-s', `${await freePort()}`, '-a', '127.0.0.1'])
      await nutcracker.waitFor('nutcracker', () => listens(port))

      const imported = await runShellac(['import', 'nutcracker', file])
      assert.equal(imported.code, 0, imported.stderr)
      const shellac = await startShellac({ config: imported.stdout.replace(`127.0.0.1:${port};`, '%listen%;') })

      const theirs = await connectMemcached({ port, host: '127.0.0.1' })
      const ours = await connectMemcached({ port: shellac.port, host: '127.0.0.1' })
      const all = keys()
      await store(theirs, all, 'of nutcracker')
      assert.equal(await found(ours, all, 'of nutcracker'), KEYS)
      await store(ours, all, 'of Shellac')
      assert.equal(await found(theirs, all, 'of Shellac'), KEYS)
      const counts = await Promise.all(memcached.map((server) => server.stat('curr_items')))
      assert.equal(
        counts.reduce((sum, count) => sum + Number(count), 0),
        KEYS,
      )
      assert.ok(counts.every((count) => Number(count) > 0))
    })
  }
})
