/** `shellac dc-test` and `dc-snoop` as programs, and the four programs under their own names. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Code, Operation } from '../../src/distcache/message.ts'
import { MAIN } from '../support/daemon.ts'
import { startDistcacheServer } from '../support/distcache.ts'
import { Background, runProgram } from '../support/process.ts'
import { scriptedSessions } from '../support/scripted-sessions.ts'
import { tempDir } from '../support/temp.ts'
import { waitFor } from '../support/wait.ts'

function run(...args: readonly string[]) {
  return runProgram(process.execPath, [MAIN, ...args])
}

/** A right server of this process; its address. */
async function rightServer(): Promise<string> {
  const { server } = await startDistcacheServer()
  return `IP:127.0.0.1:${server.port}`
}

describe('dc-test', () => {
  test('prints what the original prints, and nothing else', async () => {
    const { code, stdout, stderr } = await run(
      'dc-test',
      '-connect',
      await rightServer(),
      '-ops',
      '2000',
      '-progress',
      '1000',
    )
    assert.equal(
      stderr,
      'Info, 10 sessions generated, will run 2000 random tests\n' +
        'Info, total operations =    1000\nInfo, total operations =    2000\nInfo, all tests complete\n',
    )
    assert.deepEqual([code, stdout], [0, ''])
  })

  test('does ten times the square of the sessions by itself', async () => {
    const { stderr } = await run('dc-test', '-connect', await rightServer(), '-sessions', '7', '-persistent')
    assert.equal(stderr, 'Info, 7 sessions generated, will run 490 random tests\nInfo, all tests complete\n')
  })

  test('stops at the first failure, with exit code 1', async () => {
    const server = await scriptedSessions()
    server.onRequest = (heard) => heard.reply(heard.operation === Operation.add ? Code.ok : Code.absent)
    const { code, stderr } = await run('dc-test', '-connect', server.address)
    assert.equal(code, 1)
    const [first, error, count, reason, end] = stderr.split('\n')
    assert.equal(first, 'Info, 10 sessions generated, will run 1000 random tests')
    assert.match(error ?? '', /^Error, (add|get|remove|have) failed!$/)
    assert.equal(count, `Info, ${server.heard.length - 1} tests succeeded before the first failure`)
    assert.match(reason ?? '', /^Info, expected: (ok|present), got: (absent|ok)$/)
    assert.equal(end, '')
  })

  test('of a server that is not there is a failure', async () => {
    for (const mode of [[], ['-persistent']]) {
      const { code, stderr } = await run('dc-test', '-connect', 'UNIX:/nowhere', ...mode)
      assert.equal(code, 1)
      assert.match(
        stderr,
        /\nInfo, 0 tests succeeded before the first failure\nInfo, expected: .*, got: unreachable\n$/,
      )
    }
  })

  test('prints rates and latencies, and JSON', async () => {
    const size = ['-sessions', '40', '-concurrency', '4', '-persistent', '-pipeline', '5', '-ops', '4000']
    const { code, stdout, stderr } = await run('dc-test', '-connect', await rightServer(), ...size, '-rates', '-json')
    assert.equal(code, 0)
    assert.match(stderr, /\nInfo, 4000 operations in \d+\.\d{3} s, \d+ operations\/s\n/)
    assert.match(stderr, /\nInfo, latency in ms: p50 \d+\.\d{3}, p90 .*, p99 .*, p99\.9 .*, max \d+\.\d{3}\n$/)
    const report = JSON.parse(stdout)
    assert.equal(report.operations, 4000)
    assert.deepEqual([report.sessions, report.clients, report.pipeline, report.failure], [40, 4, 5, null])
    const byOperation: Record<string, number> = report.byOperation
    assert.equal(
      Object.values(byOperation).reduce((sum, one) => sum + one),
      4000,
    )
  })
})

describe('dc-snoop', () => {
  async function startSnoop(...args: readonly string[]): Promise<{ path: string; program: Background }> {
    const path = join(tempDir(), 'snoop')
    const all = [MAIN, 'dc-snoop', '-listen', `UNIX:${path}`, '-connect', await rightServer(), ...args]
    const program = new Background(process.execPath, all)
    await program.waitFor('its socket', () => existsSync(path))
    return { path, program }
  }

  test('prints a line for each frame', async () => {
    const { path, program } = await startSnoop()
    const { code } = await run('dc-test', '-connect', `UNIX:${path}`, '-ops', '50', '-datamax', '4096')
    assert.equal(code, 0)
    await program.waitFor('all lines', () =>
      program.lines.some((line) => line.includes('connection 49, server->client')),
    )
    const pattern =
      /^SNOOP_DBG_MSG: connection \d+, (client->server|server->client), message completed \(request_uid = \d+\), total_len=\d+, (ADD|GET|REMOVE|HAVE)/
    for (const line of program.lines) assert.match(line, pattern)
    program.kill('SIGTERM')
    assert.equal(await program.waitForExit(), 0)
  })

  test('prints JSON, in which secrets are only when asked for', async () => {
    for (const secrets of [false, true]) {
      const { path, program } = await startSnoop('-json', ...(secrets ? ['-show-secrets'] : []))
      await run('dc-test', '-connect', `UNIX:${path}`, '-ops', '100', '-sessions', '3')
      const frames = await program.waitFor('all frames', () => {
        const all = program.lines.map((line) => JSON.parse(line))
        return all.some(({ connection, direction }) => connection === 99 && direction === 'server->client') && all
      })
      const add = frames.find(
        ({ operation, first, timeoutMs }) => operation === 'ADD' && first && timeoutMs !== undefined,
      )
      assert.match(add.idHash, /^[0-9a-f]{12}$/)
      assert.equal(add.id?.length, secrets ? 2 * add.idBytes : undefined)
      assert.equal(add.data?.length, secrets ? 2 * add.dataBytes : undefined)
    }
  })
})

describe('programs under their own names', () => {
  const names = ['dc_server', 'dc_client', 'dc_test', 'dc_snoop']

  test('symbolic links are those programs', async () => {
    const dir = tempDir()
    for (const name of names) symlinkSync(MAIN, join(dir, name))
    const started = (name: string, ...args: string[]) => new Background(process.execPath, [join(dir, name), ...args])
    const socket = (name: string) => waitFor(name, () => existsSync(join(dir, name)))
    started('dc_server', '-listen', `UNIX:${dir}/s`)
    await socket('s')
    const agent = started('dc_client', '-listen', `UNIX:${dir}/a`, '-server', `UNIX:${dir}/s`)
    await agent.waitFor('the server', () => agent.lines.some((line) => line.includes('connected')))
    const snoop = started('dc_snoop', '-listen', `UNIX:${dir}/n`, '-server', `UNIX:${dir}/a`)
    await socket('n')
    const tested = await runProgram(process.execPath, [join(dir, 'dc_test'), '-connect', `UNIX:${dir}/n`, '-ops', '20'])
    assert.equal(tested.stderr, 'Info, 10 sessions generated, will run 20 random tests\nInfo, all tests complete\n')
    await snoop.waitFor('frames', () => snoop.lines.length >= 40)
    const help = await runProgram(process.execPath, [join(dir, 'dc_server'), '-h'])
    assert.deepEqual([help.code, /^usage: /.test(help.stderr)], [0, true])
  })

  test('go to the background under their names', async () => {
    const dir = tempDir()
    symlinkSync(MAIN, join(dir, 'dc_client'))
    const args = ['-listen', `UNIX:${dir}/a`, '-server', `UNIX:${dir}/s`, '-daemon', '-pidfile', `${dir}/pid`]
    const { code, stderr } = await runProgram(process.execPath, [join(dir, 'dc_client'), ...args])
    assert.deepEqual([code, stderr], [0, ''])
    const pid = Number(readFileSync(join(dir, 'pid'), 'latin1'))
    assert.ok(existsSync(`/proc/${pid}`))
    process.kill(pid, 'SIGTERM')
    await waitFor('the end', () => !existsSync(join(dir, 'a')))
  })
})
