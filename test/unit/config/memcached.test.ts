/** Pools and proxies of memcached in the Plan: what is said, what is derived, and what never shows. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { loadConfig } from '../../../src/config/load.ts'
import { diagnosticsToJson, formatDiagnostics } from '../../../src/config/print.ts'
import { findOwners } from '../../../src/memcached/key-owner.ts'
import type { MemcachedPlan, MemcachedProxyPlan } from '../../../src/plan/memcached-plan.ts'
import type { CachePlan, Plan } from '../../../src/plan/plan.ts'
import { filesOf } from '../../support/config.ts'

const PASSWORD = 'open-sesame-4711'
const files = filesOf({ '/run/secrets/mc': `${PASSWORD}\n` })

function planOf(text: string): Plan {
  const { plan, diagnostics } = loadConfig({ kind: 'text', name: 'test.conf', text: `shellac 1; ${text}` }, files)
  assert.equal(formatDiagnostics(diagnostics, { color: false }), '')
  return plan!
}

/** The pool of a proxy. */
function poolOf(statements: string): MemcachedPlan {
  return planOf(`memcached edge { ${statements} } memcached-proxy local { listen 127.0.0.1:11211; pool edge; }`)
    .memcached[0]!
}

function proxyOf(statements: string): MemcachedProxyPlan {
  const pools = 'memcached edge { server a 10.0.0.1:11211; } memcached far { server a 10.0.0.2:11211; }'
  const uses = 'memcached-proxy other { listen 127.0.0.1:11212; pool far; }'
  const text = `${pools} ${uses} memcached-proxy local { listen 127.0.0.1:11211; pool edge; ${statements} }`
  return planOf(text).memcachedProxies[1]!
}

const site =
  'listener public { address *:80; } backend app { server a 127.0.0.1:8080; } site * { proxy app; use-cache shop; }'

function cacheOf(statements: string): { cache: CachePlan; pool: MemcachedPlan } {
  const plan = planOf(`${site} memcached edge { server a 10.0.0.1:11211; } cache shop { ${statements} }`)
  return { cache: plan.caches[0]!, pool: plan.memcached[0]! }
}

describe('a pool', () => {
  it('knows its servers by name, or by the address as twemproxy writes it', () => {
    const { servers } = poolOf(
      'server mc1 10.0.1.1:11211 weight 3; server 10.0.1.2:11211; server h.example:11212 weight 2; ' +
        'server unix:/run/mc.sock; server weight 10.0.1.4:11211; server "[::1]:11213"; server x.y:z 10.0.1.5:1;',
    )
    assert.deepEqual(
      servers.map(({ label, weight }) => [label, weight]),
      [
        ['mc1', 3],
        ['10.0.1.2', 1],
        ['h.example:11212', 2],
        ['/run/mc.sock:', 1],
        ['weight', 1],
        ['::1:11213', 1],
        ['x.y:z', 1],
      ],
    )
    assert.deepEqual(servers[2]!.address, { kind: 'tcp', host: 'h.example', port: 11212 })
    assert.equal(servers[0]!.place.line, 1)
  })

  it('has the defaults that its manual gives', () => {
    const { place, servers, ...rest } = poolOf('server a 10.0.0.1:11211;')
    assert.deepEqual(rest, {
      name: 'edge',
      hash: 'fnv1a_64',
      hashTag: undefined,
      distribution: 'ketama',
      timeoutMs: 1000,
      connections: 1,
      preconnect: false,
      keepAlive: false,
      eject: { afterFailures: 3, forMs: 30_000 },
      maxItemBytes: 1 << 20,
      maxBacklogBytes: 16 << 20,
      auth: undefined,
    })
  })

  it('takes each setting', () => {
    const { place, servers, ...rest } = poolOf(
      'server a 10.0.0.1:11211; hash murmur; hash-tag "$$"; distribution maglev; timeout 20ms; connections 4; preconnect; ' +
        'tcp-keepalive on; eject after 2 for 5s; max-item 8MiB; max-backlog 1MiB;',
    )
    assert.deepEqual(rest, {
      name: 'edge',
      hash: 'murmur',
      hashTag: '$$',
      distribution: 'maglev',
      timeoutMs: 20,
      connections: 4,
      preconnect: true,
      keepAlive: true,
      eject: { afterFailures: 2, forMs: 5000 },
      maxItemBytes: 8 << 20,
      maxBacklogBytes: 1 << 20,
      auth: undefined,
    })
    assert.equal(poolOf('server a 10.0.0.1:11211; eject off;').eject, undefined)
  })

  it('waits less when a cache asks it', () => {
    assert.equal(cacheOf('tier memory 64MiB; tier memcached edge;').pool.timeoutMs, 50)
    assert.equal(poolOf('server a 10.0.0.1:11211; timeout 50ms;').timeoutMs, 50)
  })
})

describe('any text about pools', () => {
  it('is read or refused, without a throw and in bounded time', () => {
    const words = [
      ...['memcached', 'memcached-proxy', 'a', 'b', '{', '}', ';', 'server', 'pool', 'listen', '*:11211', 'h:1', 'h:2'],
      ...[
        'weight',
        '1000000',
        '1',
        'tier',
        'cache',
        'route',
        'prefix',
        'to',
        'warm',
        'from',
        'failover',
        'auth',
        'sasl',
      ],
      ...['distribution', 'modula', 'maglev', 'rendezvous', 'hash', 'md5', 'timeout', '50ms', 'allow', 'all', 'stats'],
    ]
    const text = fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => parts.join(' '))
    const likely = fc
      .tuple(
        fc.constantFrom('ketama', 'modula', 'maglev', 'rendezvous', 'random'),
        fc.array(fc.integer({ min: 1, max: 1e6 }), { minLength: 1, maxLength: 30 }),
      )
      .map(([name, weights]) => {
        const servers = weights.map((weight, index) => `server s${index} h:${index + 1} weight ${weight};`)
        return `memcached a { distribution ${name}; ${servers.join(' ')} } memcached-proxy b { listen 127.0.0.1:1; pool a; }`
      })
    fc.assert(
      fc.property(fc.oneof(text, likely), (some) => {
        const loaded = loadConfig({ kind: 'text', name: 'test.conf', text: `shellac 1; ${some}` }, files)
        const hasErrors = loaded.diagnostics.some(({ severity }) => severity === 'error')
        assert.equal(loaded.plan === undefined, hasErrors)
      }),
      { numRuns: 200 },
    )
  })

  it('means the same in whatever order servers and settings stand', () => {
    const statements = [
      'server b 10.0.0.1:1;',
      'server a 10.0.0.2:1 weight 3;',
      'server 10.0.0.3:1;',
      'hash murmur;',
      'eject off;',
    ]
    const ownersOf = (pool: MemcachedPlan): unknown =>
      findOwners(pool, ['x', 'y', 'key:1', 'key:2', 'key:3'], () => true).map(({ owner }) => owner)
    const expected = ownersOf(poolOf(statements.join(' ')))
    fc.assert(
      fc.property(fc.shuffledSubarray(statements, { minLength: statements.length }), (order) => {
        assert.deepEqual(ownersOf(poolOf(order.join(' '))), expected)
      }),
      { numRuns: 30 },
    )
  })
})

describe('a password', () => {
  const text = `shellac 1; ${site} cache shop { tier memcached edge; }
memcached edge { server a 10.0.0.1:11211; auth sasl shop \${file:/run/secrets/mc}; }`

  it('is in the Plan without the line end of its file', () => {
    const { plan } = loadConfig({ kind: 'text', name: 'test.conf', text }, files)
    assert.deepEqual(plan!.memcached[0]!.auth, { user: 'shop', password: PASSWORD })
  })

  it('is in no message, whatever is wrong around it', () => {
    for (const [good, bad] of [
      ['sasl', 'plain'],
      ['shop $', '$'],
      ['/mc};', '/mc} more;'],
      ['/mc};', '/mc} ${file:/run/secrets/mc};'],
      ['auth', 'weight'],
      ['auth', 'server'],
      ['sasl shop', 'sasl'],
      ['auth sasl shop', 'server x'],
      ['auth sasl shop', 'server x 10.0.0.1:11211 weight'],
      ['auth sasl shop', 'hash-tag'],
    ] as const) {
      const wrong = text.replace(good, bad)
      const { diagnostics, plan } = loadConfig({ kind: 'text', name: 'test.conf', text: wrong }, files)
      assert.equal(plan, undefined, wrong)
      const shown = formatDiagnostics(diagnostics, { color: false }) + JSON.stringify(diagnosticsToJson(diagnostics))
      assert.doesNotMatch(shown, new RegExp(PASSWORD), wrong)
    }
  })
})

describe('a memcached-proxy', () => {
  it('has the defaults that its manual gives', () => {
    const { place, ...rest } = proxyOf('')
    assert.deepEqual(rest, {
      name: 'local',
      addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 11211 }],
      statsAddresses: [],
      pool: 'edge',
      failover: undefined,
      replicate: undefined,
      warmFrom: undefined,
      routes: [],
      flushAll: false,
      access: [],
      connections: 1024,
      backlog: 512,
      keepAlive: false,
      limits: { lineBytes: 1 << 20, valueBytes: 128 << 20, outstanding: 4096, clientBacklogBytes: 4 << 20 },
    })
  })

  it('takes each setting', () => {
    const plan = proxyOf(
      'listen unix:/run/mc.sock mode 0600; stats 127.0.0.1:22222; failover far; replicate far; warm from far; flush-all; ' +
        'connections 7; backlog 9; tcp-keepalive; limits { line 2KiB; value 3KiB; outstanding 4; client-backlog 5KiB; }',
    )
    assert.deepEqual(plan.addresses[1], { kind: 'unix', path: '/run/mc.sock', mode: 0o600 })
    assert.deepEqual(plan.statsAddresses, [{ kind: 'tcp', host: '127.0.0.1', port: 22222 }])
    assert.deepEqual([plan.failover, plan.replicate, plan.warmFrom], ['far', 'far', 'far'])
    assert.deepEqual([plan.flushAll, plan.connections, plan.backlog, plan.keepAlive], [true, 7, 9, true])
    assert.deepEqual(plan.limits, { lineBytes: 2048, valueBytes: 3072, outstanding: 4, clientBacklogBytes: 5120 })
  })

  it('tries the longest prefix first, by bytes', () => {
    const { routes } = proxyOf('route prefix a: to far; route prefix äö to edge; route prefix abc to far;')
    assert.deepEqual(
      routes.map(({ prefix, pool }) => [prefix, pool]),
      [
        ['äö', 'edge'],
        ['abc', 'far'],
        ['a:', 'far'],
      ],
    )
  })

  const access = (statements: string): string[] =>
    proxyOf(statements).access.map(
      ({ allow, networks }) =>
        `${allow ? 'allow' : 'deny'} ${networks.map(({ address, prefix }) => `${address}/${prefix}`).join(' ')}`,
    )

  it('denies before it allows, and then the rest, in whatever order it is written', () => {
    const wanted = ['deny 10.9.0.0/16', 'allow 10.0.0.0/8 127.0.0.1/32', 'deny 0.0.0.0/0 ::/0']
    assert.deepEqual(access('allow 10.0.0.0/8 127.0.0.1; deny 10.9.0.0/16;'), wanted)
    assert.deepEqual(access('deny 10.9.0.0/16; allow 10.0.0.0/8; allow 127.0.0.1; deny all;'), wanted)
  })

  it('lets everybody in where only some are denied, and nobody where all are', () => {
    assert.deepEqual(access('deny 10.9.0.0/16;'), ['deny 10.9.0.0/16'])
    assert.deepEqual(access('deny 10.9.0.0/16; allow 10.0.0.0/8; allow all;'), ['deny 10.9.0.0/16', 'allow 10.0.0.0/8'])
    assert.deepEqual(access('deny all;'), ['deny 0.0.0.0/0 ::/0'])
  })
})

describe('a cache', () => {
  it('has a memory, a pool, or both', () => {
    assert.deepEqual(tiersOf('tier memory 64MiB;'), [64 << 20, undefined])
    assert.deepEqual(tiersOf('tier memcached edge; tier memory 64MiB;'), [64 << 20, 'edge'])
    assert.deepEqual(tiersOf('tier memcached edge;'), [16 << 20, 'edge'])
  })

  it('has room for two of its largest objects where only the pool keeps them', () => {
    assert.deepEqual(tiersOf('tier memcached edge; max-object 20MiB;'), [40 << 20, 'edge'])
  })

  it('collapses on the machine unless the cluster is asked for, also by a rule', () => {
    assert.equal(cacheOf('tier memcached edge;').cache.settings.collapse.scope, 'machine')
    const { cache } = cacheOf('tier memcached edge; collapse { scope cluster; wait 1s; }')
    assert.deepEqual(cache.settings.collapse, { enabled: true, scope: 'cluster', waitMs: 1000, waiters: 1000 })
    const plan = planOf(
      `${site.replace('use-cache shop;', 'use-cache shop; cache slow;')} memcached edge { server a 10.0.0.1:11211; }
       cache shop { tier memcached edge; } rule slow { collapse { scope cluster; } }`,
    )
    assert.equal(plan.sites[0]!.routes[0]!.cache!.settings.collapse.scope, 'cluster')
  })

  function tiersOf(statements: string): [number, string | undefined] {
    const proxy = 'memcached-proxy local { listen 127.0.0.1:11211; pool edge; }'
    const text = `${site} ${proxy} memcached edge { server a 10.0.0.1:11211; } cache shop { ${statements} }`
    const cache = planOf(text).caches[0]!
    return [cache.memoryBytes, cache.pool]
  }
})
