/**
 * libmemcached finds by itself which server owns a key; so does Shellac. What the one has stored, the other finds:
 *
 *     KETAMA_WEIGHTED, which hashes keys with MD5      hash md5; distribution ketama;
 *     no behaviour set                                 hash one_at_a_time; distribution modula;
 *
 * (Its KETAMA without weights is a ring of another kind, which twemproxy does not have either.)
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startShellac } from '../support/daemon.ts'
import { connectMemcached } from '../support/memcached.ts'
import { runProgram } from '../support/process.ts'
import { startServers } from './proxied-pool.ts'

const KEYS = 500

/** Stores or looks for keys as argument 1 says, with the behaviours in argument 2, on the servers in the rest. */
const script = `
import json, sys, pylibmc
job, behaviors, servers = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
client = pylibmc.Client(servers, behaviors=behaviors)
keys = ["key-%d:%d" % (i * 7919, i) for i in range(${KEYS})]
if job == "store":
    for key in keys: assert client.set(key, "of libmemcached")
else:
    print(sum(1 for key in keys if client.get(key) == "of Shellac"))
`

function keys(): string[] {
  return Array.from({ length: KEYS }, (_, i) => `key-${i * 7919}:${i}`)
}

async function libmemcached(job: 'store' | 'find', behaviors: object, servers: readonly string[]): Promise<string> {
  const ended = await runProgram('/usr/bin/python3', ['-c', script, job, JSON.stringify(behaviors), ...servers])
  assert.equal(ended.code, 0, ended.stderr)
  return ended.stdout.trim()
}

describe('a client that uses libmemcached', () => {
  for (const [title, behaviors, statements] of [
    ['with KETAMA_WEIGHTED', { ketama_weighted: true }, 'hash md5; distribution ketama;'],
    ['as it is', {}, 'hash one_at_a_time; distribution modula;'],
  ] as const) {
    it(`${title} and Shellac agree on who owns a key`, async () => {
      // By label, as Shellac sorts them: libmemcached takes them in the order given.
      const servers = (await startServers(3)).sort((a, b) => (a.text < b.text ? -1 : 1))
      const texts = servers.map(({ text }) => text)
      // Without names, so that their addresses decide.
      const lines = texts.map((text) => `server ${text};`).join(' ')
      const shellac = await startShellac({
        config: `shellac 1; memcached edge { ${lines} ${statements} } memcached-proxy local { listen %listen%; pool edge; }`,
      })
      await libmemcached('store', behaviors, texts)
      const client = await connectMemcached({ port: shellac.port, host: '127.0.0.1' })
      for (const key of keys()) client.send(`get ${key}\r\n`)
      for (const key of keys()) {
        assert.equal(await client.line(), `VALUE ${key} 16 15`)
        assert.equal(await client.line(), 'of libmemcached')
        assert.equal(await client.line(), 'END')
      }
      for (const key of keys()) client.send(`set ${key} 16 0 10\r\nof Shellac\r\n`)
      for (const _ of keys()) assert.equal(await client.line(), 'STORED')
      assert.equal(await libmemcached('find', behaviors, texts), `${KEYS}`)
    })
  }
})
