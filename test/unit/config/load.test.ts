/** From text to Plan: what is inherited, what is derived, and that nothing depends on the order of statements. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { explainRoutes } from '../../../src/config/explain-routes.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { formatDiagnostics } from '../../../src/config/print.ts'
import { QUICK_START_LISTEN, quickStartText } from '../../../src/config/quick-start.ts'
import type { BackendPlan, Plan, RoutePlan } from '../../../src/plan/plan.ts'
import { noFiles } from './no-files.ts'

const head = 'shellac 1; listener public { address *:80; } backend app { server a 127.0.0.1:8080; }'

function load(text: string): ReturnType<typeof loadConfig> {
  return loadConfig({ kind: 'text', name: 'test.conf', text }, noFiles)
}

function planOf(text: string): Plan {
  const { plan, diagnostics } = load(text)
  assert.equal(formatDiagnostics(diagnostics, { color: false }), '')
  return plan!
}

function onlyRoute(text: string): RoutePlan {
  return planOf(`${head} ${text}`).sites[0]!.routes[0]!
}

describe('loadConfig', () => {
  it('gives no Plan when anything is an error, and one when there are only warnings', () => {
    assert.equal(load('shellac 1; site * { proxy app; }').plan, undefined)
    const warned = load(`${head} backend idle { server a 127.0.0.1:1; } site * { proxy app; }`)
    assert.equal(warned.diagnostics[0]?.severity, 'warning')
    assert.notEqual(warned.plan, undefined)
  })

  it('gives a Plan that survives structured clone', () => {
    const plan = planOf(quickStartText({ origins: ['localhost:8080'], listen: QUICK_START_LISTEN }))
    assert.deepEqual(structuredClone(plan), plan)
  })

  it('takes the documented defaults', () => {
    const plan = planOf(`${head} site * { proxy app; }`)
    assert.equal(plan.listeners[0]!.limits.headerTimeoutMs, 10_000)
    assert.equal(plan.listeners[0]!.limits.requestsPerConnection, 0)
    assert.deepEqual(plan.backends[0]!.eject, { afterErrors: 3, forMs: 10_000 })
    assert.equal(plan.process.workers, 0)
    assert.deepEqual(plan.logs, { daemon: { to: { kind: 'stderr' }, level: 'info' }, access: undefined })
    assert.deepEqual(plan.admin, { socketPath: undefined, mode: 0o600 })
  })

  it('finds the same defaults in the shipped configuration', () => {
    const shipped = planOf(readFileSync('shellac.conf', 'utf8'))
    const plain = planOf(`${head} cache c { tier memory 64MiB; } site * { proxy app; use-cache c; }`)
    assert.deepEqual(shipped.process, plain.process)
    assert.deepEqual(shipped.reload, plain.reload)
    assert.deepEqual(shipped.logs, plain.logs)
    assert.deepEqual(shipped.listeners[0]!.limits, plain.listeners[0]!.limits)
    const withoutOwn = (backend: BackendPlan): unknown => ({ ...backend, servers: [], place: undefined })
    assert.deepEqual(withoutOwn(shipped.backends[0]!), withoutOwn(plain.backends[0]!))
    const stale = { graceMs: undefined, staleIfErrorMs: undefined, places: [] }
    assert.deepEqual({ ...shipped.caches[0]!.settings, ...stale }, plain.caches[0]!.settings)
    assert.deepEqual(shipped.sites[0]!.routes[0]!.forwarded, plain.sites[0]!.routes[0]!.forwarded)
  })

  it('accepts what the shipped configuration shows in comments', () => {
    // Neither the folder of the include nor the file of the secret is there.
    const whole = readFileSync('shellac.conf', 'utf8')
    const shipped = whole.replace('# include ', '# An include: ').replace(/\$\{file:[^}]+\}/g, '"sixteen bytes of it"')
    const shown = shipped.replaceAll(/^( *)# ( *(?:[a-z-]+ [^\n]*[;{}](?: #[^\n]*)?|\}))$/gm, '$1$2')
    assert.ok(planOf(shown).sites[0]!.routes.length > 4)
  })

  it('gives a site without routes one for everything', () => {
    const route = onlyRoute('site * { proxy app; }')
    assert.deepEqual(route.paths, [{ kind: 'glob', pattern: '/**' }])
    assert.equal(route.id, 'route all @ test.conf:1')
  })

  it('never throws, and always ends, on any text', () => {
    const words = [
      'site',
      'route',
      'a',
      '*',
      '{',
      '}',
      ';',
      '/**',
      '~"x"',
      'path',
      'proxy',
      'when',
      '@m',
      'match',
      '1s',
      'ttl',
    ]
    const text = fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => parts.join(' '))
    fc.assert(
      fc.property(text, (some) => {
        const { plan, diagnostics } = load(some)
        assert.equal(
          plan === undefined,
          diagnostics.some((one) => one.severity === 'error'),
        )
      }),
      { numRuns: 300 },
    )
  })

  it('means the same in whatever order the statements stand', () => {
    const statements = [
      'backend app { server a 127.0.0.1:8080; }',
      'listener public { address *:80; }',
      'cache main { tier memory 64MiB; ttl 404 30s; ttl 4xx 10s; ttl path /a/** 1m; ttl 1h; }',
      'match @m { method POST; }',
      'match @n { @m; }',
    ]
    const routes = [
      'route api { path /api/**; }',
      'route css { path **.css; overlap yields; }',
      'route all { path /**; deny @n; }',
    ]
    const build = (order: readonly string[], inside: readonly string[]): unknown => {
      const text = ['shellac 1;', ...order, `site * { use-cache main; proxy app; ${inside.join(' ')} }`].join('\n')
      return withoutPlaces(planOf(text))
    }
    const expected = build(statements, routes)
    const shuffled = (list: readonly string[]): fc.Arbitrary<string[]> =>
      fc.shuffledSubarray([...list], { minLength: list.length })
    fc.assert(
      fc.property(shuffled(statements), shuffled(routes), (order, inside) => {
        assert.deepEqual(build(order, inside), expected)
      }),
      { numRuns: 50 },
    )
  })
})

/** The Plan without places, its objects by name. */
function withoutPlaces(plan: Plan): unknown {
  const bare = JSON.parse(JSON.stringify(plan, (key, value) => (key === 'place' || key === 'id' ? undefined : value)))
  for (const list of [bare.backends, bare.matchers])
    list.sort((a: Plan['backends'][0], b: Plan['backends'][0]) => (a.name < b.name ? -1 : 1))
  return bare
}

describe('inheritance', () => {
  const cached =
    'cache main { tier memory 64MiB; grace 1m; jitter 10%; max-object 1MiB; ttl 404 1m; key { cookie keep a; host off; } }'

  it("puts a rule's word before its cache's, and adds up lists", () => {
    const rule =
      'rule r { grace 2m; max-object 4MiB; ttl 1d override; key { cookie keep b; query none; } store set-cookie; override private; }'
    const { settings } = onlyRoute(`${cached} ${rule} site * { proxy app; use-cache main; cache r; }`).cache!
    assert.equal(settings.graceMs, 120_000)
    assert.equal(settings.jitter, 0.1)
    assert.equal(settings.maxObjectBytes, 1 << 20)
    assert.deepEqual(
      settings.ttls.map((one) => [one.ttlMs, one.mode]),
      [
        [86_400_000, 'override'],
        [60_000, 'default'],
      ],
    )
    assert.deepEqual(settings.key.cookies, ['b', 'a'])
    assert.equal(settings.key.host, false)
    assert.equal(settings.key.query.mode, 'none')
    assert.deepEqual(settings.overrides, ['private', 'set-cookie'])
  })

  it('lets a route turn caching off, and caches nothing without "use-cache"', () => {
    assert.equal(
      onlyRoute(`${cached} site * { proxy app; use-cache main; route r { path /**; cache off; } }`).cache,
      undefined,
    )
    assert.equal(onlyRoute('site * { proxy app; }').cache, undefined)
  })

  it('keeps errors out of a "ttl" without statuses', () => {
    const { settings } = onlyRoute('cache c { tier memory 1MiB; ttl 1d; } site * { proxy app; use-cache c; }').cache!
    assert.ok(settings.ttls[0]!.statuses.every(([low, high]) => low >= 200 && high < 400))
  })

  it('runs the edits of site, route and rule in this order, unless they are cleared', () => {
    const rules = 'cache c { tier memory 1MiB; } rule r { remove response C; headers { response set D d; } }'
    const site = (route: string): string =>
      `${rules} site * { proxy app; use-cache c; cache r; headers { response set A a; } route x { path /**; ${route} } }`
    const names = (text: string): string[] => onlyRoute(text).responseHeaders.map((edit) => edit.name)
    assert.deepEqual(names(site('headers { response set B b; }')), ['A', 'B', 'C', 'D'])
    assert.deepEqual(names(site('clear headers; headers { response set B b; }')), ['B', 'C', 'D'])
  })

  it('asks those who are denied first, then those who are allowed, then "all"', () => {
    const matchers = 'match @a { method A; } match @b { method B; } match @c { method C; }'
    const route = onlyRoute(
      `${matchers} site * { proxy app; allow @b; deny all; route x { path /**; allow @c; deny @a; } }`,
    )
    assert.deepEqual(
      route.access.map((rule) => [rule.allow, rule.matcher]),
      [
        [false, 'a'],
        [true, 'c'],
        [true, 'b'],
        [false, undefined],
      ],
    )
  })

  it('merges what is told about the client, part by part', () => {
    const route = onlyRoute(
      'site * { proxy app; forwarded { trust 10.0.0.0/8; via edge; } route x { path /**; forwarded { trust 192.0.2.1; x-forwarded off; } } }',
    )
    assert.deepEqual(
      route.forwarded.trust.map((one) => one.address),
      ['192.0.2.1', '10.0.0.0'],
    )
    assert.deepEqual(
      [route.forwarded.xForwarded, route.forwarded.forwarded, route.forwarded.via],
      [false, false, 'edge'],
    )
  })
})

describe('explainRoutes', () => {
  it('shows the order and the reason of every pair', () => {
    const routes = 'route api { path /api/**; } route css { path **.css; before api; } route all { path /**; }'
    assert.equal(
      explainRoutes(load(`${head} site shop.example.com { proxy app; ${routes} }`)),
      [
        'site shop.example.com (test.conf:1)',
        '  1.  css  **.css   proxy app  test.conf:1',
        '  2.  api  /api/**  proxy app  test.conf:1',
        '  3.  all  /**      proxy app  test.conf:1',
        '  api before all: narrower, as for /api/',
        '  css before all: narrower, as for /.css',
        '  css before api: "before api" on css, as for /api/.css',
        '',
      ].join('\n'),
    )
  })
})

describe('quickStartText', () => {
  it('loads without a warning, with several origins too', () => {
    const plan = planOf(quickStartText({ origins: ['localhost:8080', '[::1]:8081'], listen: 'unix:/run/shellac.sock' }))
    assert.deepEqual(
      plan.backends[0]!.servers.map((one) => one.name),
      ['origin1', 'origin2'],
    )
  })

  it('lets no argument of the shell become a statement', () => {
    for (const origin of ['a;}site * {', 'x" ; include "/etc/passwd', 'a\nb', '$x', '${file:/etc/passwd}', 'a\\']) {
      const { plan, diagnostics } = load(quickStartText({ origins: [origin], listen: QUICK_START_LISTEN }))
      assert.equal(plan, undefined)
      assert.equal(diagnostics.length, 1, origin)
    }
  })
})
