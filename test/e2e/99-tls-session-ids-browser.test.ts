/** A browser and two daemons behind one address that sends each connection to the other one: it resumes its sessions at both. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startRelay } from '../support/alternating-relay.ts'
import { loadInChromium, noChromium } from '../support/chromium.ts'
import { startShellac } from '../support/daemon.ts'
import { startDistcacheServer } from '../support/distcache.ts'
import { startMemcached } from '../support/memcached.ts'
import { fleetFiles, sessionsOf } from '../support/tls-fleet.ts'

/** Each fetch is a connection of its own, as the listener ends them. */
const PAGE =
  "<script>(async () => { for (let i = 0; i < 12; i++) await (await fetch('/' + i, { cache: 'no-store' })).text(); " +
  "document.title = 'all of them' })()</script>"

async function sessionsIn(mode: string): Promise<string> {
  const memcached = await startMemcached()
  const { server } = await startDistcacheServer()
  return `memcached edge { server a ${memcached.text}; }
    tls-sessions edge-tls {
      mode ${mode}; seal "a secret of this fleet";
      ${mode === 'ids' ? '' : 'tickets { store memcached edge; }'}
      ${mode === 'tickets' ? '' : `ids { distcache 127.0.0.1:${server.port}; wait 10s; }`}
    }
    ${mode === 'ids' ? 'memcached-proxy unused { listen %listen:mc%; pool edge; }' : ''}`
}

function browserConfig(sessions: string, maxVersion: string): string {
  return `shellac 1;
    process { workers 2; }
    admin { listen unix:%dir%/admin.sock; }
    ${sessions}
    listener edge {
      address %listen%; limits { requests 1; }
      tls { certificate %dir%/edge.crt key %dir%/edge.key; max-version ${maxVersion}; sessions edge-tls; }
    }
    site * { on edge; route all { path /**; respond 200 "${PAGE}" type text/html; } }`
}

describe('Chromium', { skip: noChromium }, () => {
  for (const mode of ['tickets', 'ids', 'both']) {
    for (const version of ['1.2', '1.3']) {
      test(`resumes sessions at both daemons: mode ${mode}, TLS ${version}`, async () => {
        const config = browserConfig(await sessionsIn(mode), version)
        const daemons = [
          await startShellac({ config, files: fleetFiles() }),
          await startShellac({ config, files: fleetFiles() }),
        ]
        const port = await startRelay(daemons.map((daemon) => daemon.port))
        const { stdout } = await loadInChromium(`https://localhost:${port}/`)
        assert.match(stdout, /<title>all of them<\/title>/, 'no connection failed')
        const counters = await Promise.all(daemons.map(async (daemon) => (await sessionsOf(daemon)).counters))
        for (const one of counters) {
          assert.ok(one.resumed > 0, JSON.stringify(counters))
          assert.equal(one.found > 0, mode === 'ids')
          assert.equal(one.ticketsIssued > 0, mode !== 'ids')
        }
      })
    }
  }
})
