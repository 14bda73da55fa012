/** Whatever is imported: reasons with places come out, or a configuration without a mistake; never an exception. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Diagnostic } from '../../src/config/diagnostics.ts'
import type { FileAccess } from '../../src/config/file-access.ts'
import { confText } from '../../src/config/import/conf-text.ts'
import { importGolemproxy } from '../../src/config/import/golemproxy.ts'
import { importNutcracker } from '../../src/config/import/nutcracker.ts'
import { loadConfig } from '../../src/config/load.ts'
import { formatDiagnostics } from '../../src/config/print.ts'
import type { Plan } from '../../src/plan/plan.ts'

const importers = { nutcracker: importNutcracker, golemproxy: importGolemproxy }
type Program = keyof typeof importers

/** The Plan of what is imported; undefined: the file has mistakes. */
function planOf(program: Program, text: string): Plan | undefined {
  const problems: Diagnostic[] = []
  const source = { name: 'a.yml', text, includedFrom: [] }
  const pools = importers[program](source, problems)
  for (const { span } of problems) assert.ok(span.start >= 0 && span.start < span.end)
  assert.ok(formatDiagnostics(problems, { color: false }).length > 0 || problems.length === 0)
  if (problems.some(({ severity }) => severity === 'error')) return undefined
  const conf = confText(pools, 'a.yml')
  const access: FileAccess = {
    readFile: () => conf,
    glob: () => [],
    env: () => undefined,
    credentialsDirectory: undefined,
  }
  const { diagnostics, plan } = loadConfig({ kind: 'file', path: 'shellac.conf' }, access)
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  assert.equal(formatDiagnostics(errors, { color: false }), '', conf)
  return plan
}

const program = fc.constantFrom<Program>('nutcracker', 'golemproxy')
const word = fc.oneof(
  fc.constantFrom(
    'true',
    'false',
    '0',
    '1',
    '400',
    '70000',
    'ketama',
    'fnv1a_64',
    'modula',
    'md5',
    '"{}"',
    '{}',
    '~',
    '',
  ),
  fc.string({ maxLength: 12 }),
)
const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.domain(),
  fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/),
  fc.constantFrom('/run/a.sock', '/tmp/a b.sock', '/tmp/"q".sock', '/tmp/${x};{}.sock'),
)
const server = fc
  .tuple(host, fc.integer({ min: 0, max: 70_000 }), fc.integer({ min: 0, max: 2_000_000 }), fc.option(word))
  .map(([where, port, weight, name]) => {
    const address = where.startsWith('/') ? where : `${where}:${port}`
    return `${address}:${weight}${name === null ? '' : ` ${name}`}`
  })
const listen = fc.oneof(
  fc.tuple(host, fc.integer({ min: 0, max: 70_000 })).map(([where, port]) => `${where}:${port}`),
  fc.constantFrom('/run/a.sock', '/run/a.sock 0660', '/run/a.sock 0', '/run/a.sock 7', '/run/b.sock 777', '*:22121'),
)
const option = fc.constantFrom(
  ...['hash', 'hash_tag', 'distribution', 'timeout', 'backlog', 'preconnect', 'server_connections', 'auto_eject_hosts'],
  ...[
    'server_failure_limit',
    'server_retry_timeout',
    'client_connections',
    'tcpkeepalive',
    'redis',
    'failover',
    'other',
  ],
)

/** A text in double quotes, as YAML has them. */
const quoted = (text: string): string => JSON.stringify(text)

const pool = fc.record({
  name: fc.oneof(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), fc.string({ minLength: 1, maxLength: 80 })),
  listen,
  servers: fc.array(server, { maxLength: 5 }),
  options: fc.uniqueArray(fc.tuple(option, word), { maxLength: 6, selector: ([name]) => name }),
})
const pools = fc
  .array(pool, { minLength: 1, maxLength: 3 })
  .map((all) =>
    all
      .map(({ name, listen: at, servers, options }) =>
        [
          `${quoted(name)}:`,
          `  listen: ${quoted(at)}`,
          ...options.map(([one, value]) => `  ${one}: ${value.includes('\n') ? quoted(value) : value}`),
          '  servers:',
          ...servers.map((one) => `    - ${quoted(one)}`),
        ].join('\n'),
      )
      .join('\n'),
  )

/** Files with nothing wrong: each value is one that twemproxy takes. */
const goodPool = fc.record({
  name: fc.stringMatching(/^[ -~]{1,70}$/),
  port: fc.integer({ min: 1, max: 65_535 }),
  servers: fc.uniqueArray(
    fc.record({
      host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
      port: fc.integer({ min: 1, max: 65_535 }),
      weight: fc.integer({ min: 1, max: 1000 }),
      name: fc.option(fc.stringMatching(/^[!-~]{1,30}$/)),
    }),
    { minLength: 1, maxLength: 6, selector: (one) => one.name ?? `${one.host}:${one.port}` },
  ),
})

describe('importing', () => {
  it('takes any text', () => {
    fc.assert(
      fc.property(
        program,
        fc.oneof(fc.string({ maxLength: 200 }), fc.string({ unit: 'binary', maxLength: 100 })),
        (of, text) => {
          planOf(of, text)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('takes files that look like one', () => {
    fc.assert(
      fc.property(program, pools, (of, text) => {
        planOf(of, text)
      }),
      { numRuns: 1000 },
    )
  })

  it('takes every file that is right, with all of its servers, weights and labels', () => {
    fc.assert(
      fc.property(fc.array(goodPool, { minLength: 1, maxLength: 3 }), (all) => {
        const distinct = all.filter(
          (one, i) => all.findIndex((other) => other.name === one.name || other.port === one.port) === i,
        )
        const text = distinct
          .map(({ name, port, servers }) => {
            const lines = servers.map((one) => {
              const named = one.name === null ? '' : ` ${one.name}`
              return `    - ${quoted(`${one.host}:${one.port}:${one.weight}${named}`)}`
            })
            return `${quoted(name)}:\n  listen: 127.0.0.1:${port}\n  servers:\n${lines.join('\n')}\n`
          })
          .join('')
        const plan = planOf('nutcracker', text)
        assert.ok(plan !== undefined)
        assert.equal(plan.memcached.length, distinct.length)
        for (const [i, { servers }] of distinct.entries()) {
          const labels = servers.map((one) => one.name ?? `${one.host}${one.port === 11211 ? '' : `:${one.port}`}`)
          assert.deepEqual(
            plan.memcached[i]!.servers.map(({ label, weight }) => ({ label, weight })),
            servers.map(({ weight }, at) => ({ label: labels[at]!, weight })),
          )
        }
      }),
      { numRuns: 200 },
    )
  })
})
