/** The options of `shellac dc-server`, and what it says when it cannot begin; the program itself is tested end to end. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runInProcess } from '../../support/cli.ts'
import { tempDir } from '../../support/temp.ts'

const dcServer = (...args: string[]) => runInProcess('dc-server', ...args)

describe('options', () => {
  it('asks for help: usage on standard error, exit code 0', async () => {
    for (const word of ['-h', '-help', '-?', '--help']) {
      const { code, stdout, stderr } = await dcServer('-sessions', '1', word)
      assert.deepEqual([code, stdout], [0, ''])
      assert.match(stderr, /^usage: shellac dc-server .*\n[\s\S]*-listen ADDRESS/)
    }
  })

  it('is listed in the help of the program, and explained there', async () => {
    assert.match((await runInProcess('help')).stdout, /\n {2}dc-server -OPTION\.\.\. /)
    assert.match(
      (await runInProcess('help', 'dc-server')).stdout,
      /^usage: shellac dc-server [\s\S]*-sessiond HOST:PORT/,
    )
    assert.deepEqual((await runInProcess('--json', 'dc-server')).code, 2)
  })

  it('refuses what makes no sense, with the usage behind it and exit code 1', async () => {
    const cases: [string[], RegExp][] = [
      [[], /^Error, -listen is missing/],
      [['-listen'], /^Error, "-listen" wants a value/],
      [['-lisen', 'IP:1'], /^Error, unknown option "-lisen"; did you mean "-listen"\?/],
      [['stray'], /^Error, unknown option "stray"/],
      [['-listen', '9001'], /^Error, -listen: "9001" is no address/],
      [['-listen', 'IP:9001x'], /^Error, -listen: .* no port/],
      [['-listen', 'UNIX:x', '-sessions', '63'], /^Error, -sessions is a number from 64 to 60000, not "63"/],
      [['-listen', 'UNIX:x', '-sessions', '60001'], /^Error, -sessions is/],
      [['-listen', 'UNIX:x', '-sessions', 'many'], /^Error, -sessions is/],
      [['-listen', 'UNIX:x', '-progress', '1000001'], /^Error, -progress is a number from 0 to 1000000/],
      [['-listen', 'UNIX:x', '-progress', '-1'], /^Error, -progress is/],
      [['-listen', 'UNIX:x', '-sockperms', '999'], /^Error, -sockperms is an octal mode/],
      [['-listen', 'UNIX:x', '-sessiond', 'here'], /^Error, -sessiond is HOST:PORT/],
    ]
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await dcServer(...args)
      assert.deepEqual([code, stdout], [1, ''], args.join(' '))
      assert.match(stderr, message)
      assert.match(stderr, /\nusage: shellac dc-server /)
    }
  })

  it('fails with exit code 1 and a message where it cannot listen or begin', async () => {
    const dir = tempDir()
    const file = join(dir, 'file')
    writeFileSync(file, '')
    const where = ['-listen', `UNIX:${join(dir, 's')}`]
    const cases: [string[], RegExp][] = [
      [['-listen', `UNIX:${file}`], /^Error, ".*" is in the way: it is no socket/],
      [['-listen', `UNIX:${dir}/none/s`], /^Error, cannot listen on UNIX:.*\/none\/s: permission denied/],
      [['-listen', 'IP:no.such.host.invalid:1'], /^Error, .*no\.such\.host\.invalid/],
      [[...where, '-pidfile', `${dir}/none/pid`], /^Error, cannot write pid file/],
      [[...where, '-user', 'nosuchuser'], /^Error, .*nosuchuser.* does not exist/],
      [[...where, '-tls-cert', file], /^Error, -tls-key and -tls-ca missing/],
      [[...where, '-store', 'redis:x'], /^Error, -store is like memcached:POOL/],
      [[...where, '-store', 'memcached:edge'], /^Error, -store wants -seal/],
      [[...where, '-store', 'memcached:edge', '-seal', file], /Error, the seal ".*" is too short/],
      [
        [...where, '-store', 'memcached:edge', '-seal', 'cred:x'],
        /^Error, the service manager has passed no credentials/,
      ],
    ]
    for (const [args, message] of cases) {
      const { code, stderr } = await dcServer(...args)
      assert.equal(code, 1, args.join(' '))
      assert.match(stderr, message)
    }
    assert.equal(readFileSync(file, 'utf8'), '')
    assert.equal(existsSync(join(dir, 's')), false, 'no socket is left behind')
  })
})
