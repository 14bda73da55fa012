import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RouteTable } from '../../../src/routing/table.ts'
import { matcher, plan, type RequestSketch, request, route, site } from './facts.ts'

function nameOf(table: RouteTable, path: string, sketch: RequestSketch = {}, listener = 'public'): string | undefined {
  const entry = table.find(listener, request(path, sketch))
  return entry && `${entry.site.name}/${entry.route.name}`
}

describe('choice of the site', () => {
  const all = [route('all', { paths: ['/**'] })]
  const table = new RouteTable(
    plan({
      listeners: ['public', 'inside'],
      sites: [
        site('exact', ['example.com', 'www.example.com'], all),
        site('deep', ['*.img.example.com'], all),
        site('wild', ['*.example.com'], all),
        site('rest', ['*'], all, ['public']),
        site('admin', ['admin.test'], all, ['inside']),
      ],
    }),
  )
  const cases: [host: string, listener: string, site: string | undefined][] = [
    ['example.com', 'public', 'exact/all'],
    ['www.example.com', 'public', 'exact/all'],
    ['www.example.com.', 'public', 'exact/all'],
    ['a.example.com', 'public', 'wild/all'],
    ['a.b.example.com', 'public', 'wild/all'],
    ['img.example.com', 'public', 'wild/all'],
    ['1.img.example.com', 'public', 'deep/all'],
    ['.example.com', 'public', 'rest/all'],
    ['other.test', 'public', 'rest/all'],
    ['other.test', 'inside', undefined],
    ['admin.test', 'inside', 'admin/all'],
    ['admin.test', 'public', 'rest/all'],
    ['example.com', 'unheard-of', undefined],
    ['__proto__', 'inside', undefined],
  ]
  for (const [host, listener, expected] of cases) {
    it(`gives ${host} on ${listener} to ${expected ?? 'nobody'}`, () => {
      assert.equal(nameOf(table, '/', { host }, listener), expected)
    })
  }

  it('refuses a Plan in which two sites claim one host', () => {
    const twice = [site('a', ['x.test'], all), site('b', ['x.test'], all)]
    assert.throws(() => new RouteTable(plan({ sites: twice })), /only one site has the host x.test on listener public/)
  })
})

describe('choice of the route', () => {
  const table = new RouteTable(
    plan({
      matchers: [matcher('beta', { kind: 'cookie', name: 'beta', tests: [{ kind: 'present' }] })],
      sites: [
        site(
          'shop',
          ['*'],
          [
            route('status', { paths: ['/_status'] }),
            route('write', { paths: ['/api/**'], methods: ['POST', 'PUT'] }),
            route('api', { paths: ['/api/**'] }),
            route('beta', { paths: ['/new/**', '/next/**'], when: 'beta' }),
            route('numbers', { paths: ['~^/[0-9]+$'] }),
            route('css', { paths: ['**.css'] }),
          ],
        ),
      ],
    }),
  )
  const cases: [path: string, sketch: RequestSketch, route: string | undefined][] = [
    ['/_status', {}, 'shop/status'],
    ['/_status/', {}, undefined],
    ['/api/x', { method: 'POST' }, 'shop/write'],
    ['/api/x', { method: 'post' }, 'shop/api'],
    ['/api/x.css', {}, 'shop/api'],
    ['/x.css', {}, 'shop/css'],
    ['/next/x', { fields: { cookie: 'a=b; beta=' } }, 'shop/beta'],
    ['/next/x', {}, undefined],
    ['/2024', {}, 'shop/numbers'],
    ['/2024a', {}, undefined],
    ['*', { method: 'OPTIONS' }, undefined],
  ]
  for (const [path, sketch, expected] of cases) {
    it(`gives ${sketch.method ?? 'GET'} ${path} to ${expected ?? 'nobody'}`, () => {
      assert.equal(nameOf(table, path, sketch), expected)
    })
  }

  it('hands out captures of the pattern that matched', () => {
    const redirects = new RouteTable(
      plan({
        sites: [site('s', ['*'], [route('old', { paths: ['/old/**', '~^/u/([a-z]+)(/x)?', '/a/*/b/*'] })])],
      }),
    )
    const captures = (path: string) => redirects.captures(redirects.find('public', request(path))!, path)
    assert.deepEqual(captures('/old/a/b'), ['a/b'])
    assert.deepEqual(captures('/u/bob'), ['bob', ''])
    assert.deepEqual(captures('/a/1/b/2'), ['1', '2'])
  })

  it('lists every entry and keeps what the engine puts into it', () => {
    assert.equal(table.entries.length, 6)
    table.entries[0]!.user = 'compiled'
    assert.equal(table.find('public', request('/_status'))?.user, 'compiled')
  })
})

it('draws itself', () => {
  const table = new RouteTable(
    plan({
      listeners: ['public', 'inside'],
      matchers: [matcher('ops', { kind: 'scheme', scheme: 'https' })],
      sites: [
        site(
          'shop',
          ['shop.test', 'www.shop.test'],
          [
            route('css', { paths: ['**.css', '~\\.scss$'] }),
            route('ops', { paths: ['/_status'], methods: ['GET'], when: 'ops', action: respond }),
          ],
        ),
        site('old', ['*'], [route('move', { paths: ['/**'], action: redirect })], ['public']),
      ],
    }),
  )
  assert.equal(
    table.describe(),
    [
      'listener public',
      '|- site shop (shop.test www.shop.test)',
      '|  |- route css @ test.conf:1  **.css ~"\\.scss$"       -> app',
      '|  `- route ops @ test.conf:1  GET /_status when @ops  -> respond 200',
      '`- site old (*)',
      '   `- route move @ test.conf:1  /**  -> redirect 308 https://new.test/$1',
      '',
      'listener inside',
      '`- site shop (shop.test www.shop.test)',
      '   |- route css @ test.conf:1  **.css ~"\\.scss$"       -> app',
      '   `- route ops @ test.conf:1  GET /_status when @ops  -> respond 200',
      '',
    ].join('\n'),
  )
})

const respond = { kind: 'respond', status: 200, body: 'ok', contentType: 'text/plain' } as const
const redirect = { kind: 'redirect', status: 308, location: 'https://new.test/$1' } as const
