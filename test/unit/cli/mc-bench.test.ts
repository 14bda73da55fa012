/** The load against a real memcached, and against servers that answer wrongly or not at all. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { runCli } from '../../../src/cli/cli.ts'
import { runMcBench } from '../../../src/mc-bench/bench.ts'
import { type McBenchReport, reportText } from '../../../src/mc-bench/report.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { startMemcached } from '../../support/memcached.ts'
import { freePort } from '../../support/ports.ts'

async function mcBench(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runCli(['mc-bench', ...args], {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    readInput: () => '',
    color: false,
  })
  return { code, out, err }
}

async function report(...args: string[]): Promise<{ code: number; report: McBenchReport }> {
  const { code, out } = await mcBench(...args, '--json')
  return { code, report: JSON.parse(out) }
}

/** A server of its own making; where it listens. */
async function fakeServer(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestEnd(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('shellac mc-bench', () => {
  for (const protocol of ['classic', 'meta']) {
    it(`finds every reply of a memcached right: ${protocol}`, async () => {
      const server = await startMemcached({ args: ['-m', '128'] })
      const { code, report: found } = await report(
        server.text,
        ...['--protocol', protocol, '--operations', '20000', '--connections', '7', '--pipeline', '9'],
        ...['--keys', '500', '--multi', '13', '--mix', 'get=4,multi=2,set=4', '--value', '0B-12KiB'],
      )
      assert.equal(code, 0)
      const { wrong, stale, errors, lost, broken, misses, operations, hits, latency } = found
      assert.deepEqual(
        { wrong, stale, errors, lost, broken, misses, operations },
        { wrong: 0, stale: 0, errors: 0, lost: 0, broken: 0, misses: 0, operations: 20_000 },
      )
      assert.equal(latency.get.count + latency.multi.count + latency.set.count, 20_000)
      assert.equal(hits, latency.get.count + 13 * latency.multi.count)
      for (const { p50, p90, p99, p999, max, count } of Object.values(latency)) {
        assert.ok(count > 2000)
        assert.ok(p50 > 0 && p50 <= p90 && p90 <= p99 && p99 <= p999 && p999 <= max)
      }
    })
  }

  it('loads a unix socket, and values larger than what is read at once', async () => {
    const server = await startMemcached({ unix: true, args: ['-m', '128'] })
    const { code, report: found } = await report(
      server.text,
      ...['--operations', '400', '--connections', '3', '--keys', '9', '--multi', '3'],
      ...['--value', '100KiB-900KiB', '--mix', 'get=1,multi=1,set=1', '--pipeline', '4'],
    )
    assert.equal(code, 0)
    assert.deepEqual([found.wrong, found.errors, found.operations], [0, 0, 400])
  })

  it('counts errors of the server, which are no failure', async () => {
    const server = await startMemcached({ args: ['-m', '64'] })
    const args = ['--operations', '50', '--connections', '1', '--keys', '5', '--value', '2MiB', '--mix', 'set=1']
    const { code, report: found } = await report(server.text, ...args)
    assert.equal(code, 0)
    assert.deepEqual([found.errors, found.wrong], [50, 0])
    assert.deepEqual(found.errorTexts, { 'SERVER_ERROR object too large for cache': 50 })
  })

  it('counts misses, which are no failure either', async () => {
    const server = await startMemcached()
    const args = ['--operations', '100', '--no-preload', '--mix', 'get=1', '--connections', '2']
    const { code, report: found } = await report(server.text, ...args)
    assert.equal(code, 0)
    assert.deepEqual([found.hits, found.misses], [0, 100])
  })

  it('shows what it found to people', async () => {
    const server = await startMemcached()
    const { code, out } = await mcBench(server.text, '--operations', '1000')
    assert.equal(code, 0)
    assert.match(out, /^1,000 operations in [\d.]+ s, [\d,]+\/s\n/)
    assert.match(out, /^get +\d+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$/m)
    assert.match(out, /^keys: \d+ found, 0 not found, 0 out of date\n/m)
    assert.match(out, /^wrong replies: 0$/m)
  })

  it('fails when replies change places', async () => {
    // A memcached that answers any two requests of one packet the other way round.
    const values = new Map<string, string>()
    const address = await fakeServer((socket) => {
      socket.on('data', (bytes) => {
        const replies = [...bytes.toString('latin1').matchAll(/(set|get) (\S+)([^\r]*)\r\n/g)].map(
          ([, word, key, rest]) => {
            if (word === 'get') return `${values.get(key!) ?? ''}END\r\n`
            const [, flags] = rest!.split(' ')
            values.set(key!, `VALUE ${key} ${flags} 0\r\n\r\n`)
            return 'STORED\r\n'
          },
        )
        socket.write(replies.toReversed().join(''), 'latin1')
      })
    })
    const args = ['--connections', '1', '--pipeline', '2', '--keys', '50', '--value', '0B', '--operations', '20']
    const { code, report: found } = await report(address, ...args, '--mix', 'get=1')
    assert.equal(code, 5)
    assert.ok(found.wrong > 0)
    assert.equal(found.wrongs[0]?.what, 'a value of a key not asked for, or out of order')
    assert.ok(found.wrongs.length <= 10)
  })

  it('fails when values are out of date, unless told that they may be', async () => {
    // It says STORED, and keeps the first value of each key.
    const values = new Map<string, string>()
    const address = await fakeServer((socket) => {
      socket.on('data', (bytes) => {
        for (const [, word, key, rest] of bytes.toString('latin1').matchAll(/(set|get) (\S+)([^\r]*)\r\n/g)) {
          if (word === 'get') socket.write(`${values.get(key!)}END\r\n`)
          else {
            if (!values.has(key!)) values.set(key!, `VALUE ${key} ${rest!.split(' ')[1]} 0\r\n\r\n`)
            socket.write('STORED\r\n')
          }
        }
      })
    })
    const args = ['--connections', '1', '--keys', '5', '--value', '0B', '--operations', '100', '--mix', 'get=1,set=1']
    const { code, report: found } = await report(address, ...args)
    assert.equal(code, 5)
    assert.ok(found.stale > 0)
    assert.equal(found.wrong, 0)
    values.clear()
    assert.equal((await report(address, ...args, '--allow-stale')).code, 0)
  })

  it('goes on when connections are lost, and says how many', async () => {
    let connections = 0
    const address = await fakeServer((socket) => {
      const fails = ++connections <= 2
      socket.on('data', (bytes) => {
        if (fails) socket.destroy()
        else for (const _ of bytes.toString('latin1').matchAll(/get /g)) socket.write('END\r\n')
      })
    })
    const args = ['--connections', '2', '--operations', '20', '--mix', 'get=1', '--no-preload']
    const { code, report: found } = await report(address, ...args)
    assert.equal(code, 0)
    assert.deepEqual([found.lost, found.broken, found.operations, found.wrong], [2, 2, 18, 0])
  })

  it('gives up when nobody answers', async () => {
    const phases: string[] = []
    const found = await runMcBench(
      {
        target: { host: '127.0.0.1', port: await freePort() },
        protocol: 'classic',
        connections: 2,
        pipeline: 1,
        keys: 10,
        keyPrefix: '',
        valueBytes: [1, 1],
        mix: { get: 1, multi: 0, set: 0 },
        multiKeys: 1,
        operations: 10,
        durationMs: Number.POSITIVE_INFINITY,
        preload: true,
        stallMs: 500,
      },
      { onProgress: ({ phase }) => phases.push(phase), onRun: () => phases.push('began') },
    )
    assert.deepEqual([found.stalled, found.operations, found.wrong], [true, 0, 0])
    assert.ok((found.errorTexts.ECONNREFUSED ?? 0) >= 2)
    assert.deepEqual(phases, ['preload'])
    assert.match(reportText(found), /given up: nothing was answered any more\n$/)
  })

  it('says what it does not understand', async () => {
    for (const [args, message] of [
      [[], 'mc-bench wants an address: HOST:PORT or unix:/PATH'],
      [['localhost'], '"localhost" has no port; did you mean "localhost:11211"?'],
      [['a:1', '--connections', '0'], '--connections is a number from 1 to 20000, not "0"'],
      [['a:1', '--keys', '5'], '--keys is at least --connections: each connection has keys of its own'],
      [['a:1', '--mix', 'get=1,put=2'], '--mix is like get=90,multi=5,set=5, not "get=1,put=2"'],
      [['a:1', '--mix', 'get=0'], '--mix has nothing in it'],
      [['a:1', '--value', '10'], '"10" has no unit; did you mean "10B", "10KiB" or "10MiB"?'],
      [['a:1', '--value', '2KiB-1KiB'], '--value is one size or two, the smaller first, up to 64MiB; not "2KiB-1KiB"'],
      [['a:1', '--protocol', 'binary'], '--protocol is "classic" or "meta", not "binary"'],
      [['a:1', '--key-prefix', 'a b'], '--key-prefix is at most 200 visible ASCII letters'],
      [
        ['a:1', '--pipeline', '10000', '--multi', '10000'],
        '--connections times --pipeline times --multi is at most 50000000',
      ],
    ] as const) {
      const { code, out, err } = await mcBench(...args)
      assert.deepEqual({ code, out, err }, { code: 2, out: '', err: `shellac: ${message}\n` })
    }
  })
})
