/** The options of `shellac dc-client`, `dc-test` and `dc-snoop`, and programs by their names. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { argumentsOf } from '../../../src/cli/program-name.ts'
import { runInProcess } from '../../support/cli.ts'
import { startDistcacheServer } from '../../support/distcache.ts'
import { runProgram as runScript } from '../../support/process.ts'

/** A right server of this process; its address. */
async function rightServer(): Promise<string> {
  const { server } = await startDistcacheServer()
  return `IP:127.0.0.1:${server.port}`
}

describe('dc-client', () => {
  test('says what is wrong with its options, with exit code 1', async () => {
    const wrongs: readonly (readonly [args: readonly string[], message: RegExp])[] = [
      [[], /^Error, -server is missing/],
      [['-server', 'IP:1'], /^Error, -server: "IP:1" names no host to connect to/],
      [['-server', 'UNIX:/a', '-connect', 'UNIX:/b'], /^Error, "-connect" is given twice/],
      [['-server', 'UNIX:/a', '-retry', '0'], /^Error, -retry is a number from 1 to 3600000, not "0"/],
      [['-server', 'UNIX:/a', '-retry', '5x'], /^Error, -retry is a number/],
      [['-server', 'UNIX:/a', '-idle', '3600001'], /^Error, -idle is a number/],
      [['-server', 'UNIX:/a', '-sessions', '9'], /^Error, unknown option "-sessions"/],
      [['-server', 'UNIX:/a', '-listen', '/x'], /^Error, -listen: "\/x" is no address/],
    ]
    for (const [args, message] of wrongs) {
      const { code, stdout, stderr } = await runInProcess('dc-client', ...args)
      assert.equal(code, 1, args.join(' '))
      assert.equal(stdout, '')
      assert.match(stderr, message)
    }
    const help = await runInProcess('dc-client', '-h')
    assert.equal(help.code, 0)
    assert.match(help.stderr, /^usage: shellac dc-client .*\n(?:.*\n)*.*-retry MS/)
  })
})

describe('dc-test', () => {
  test('reads numbers as atoi does, and refuses what is out of its limits', async () => {
    const connect = ['-connect', await rightServer()]
    const { code, stderr } = await runInProcess(
      'dc-test',
      ...connect,
      '-sessions',
      ' 3x',
      '-ops',
      '+5',
      '-progress',
      'none',
    )
    assert.deepEqual(
      [code, stderr],
      [0, 'Info, 3 sessions generated, will run 5 random tests\nInfo, all tests complete\n'],
    )
    const wrongs: readonly (readonly string[])[] = [
      ['-sessions', '0'],
      ['-sessions', '513'],
      ['-sessions', 'many'],
      ['-datamin', '3'],
      ['-datamax', '4097'],
      ['-datamin', '100', '-datamax', '99'],
      ['-timeout', '3601'],
      ['-timevar', '60'],
      ['-timevar', '3601'],
      ['-ops', '1000001'],
      ['-ops', '-1'],
      ['-progress'],
      ['-withcert', '1'],
      ['-concurrency', '11'],
      ['-pipeline', '2'],
      ['-persistent', '-pipeline', '1001'],
      ['-bogus'],
    ]
    for (const args of wrongs) {
      const refused = await runInProcess('dc-test', ...connect, ...args)
      assert.equal(refused.code, 1, args.join(' '))
      assert.match(refused.stderr, /^Error, .*\n\nusage: shellac dc-test /, args.join(' '))
    }
  })
})

describe('dc-snoop', () => {
  test('says what is wrong with its options, with exit code 1', async () => {
    const wrongs: readonly (readonly [args: readonly string[], message: RegExp])[] = [
      [['-server', 'UNIX:/a'], /^Error, -listen is missing/],
      [['-listen', 'UNIX:/a'], /^Error, -server is missing/],
      [['-listen', 'UNIX:/a', '-server', 'UNIX:/b', '-connections', '0'], /^Error, -connections is a number from 1 to/],
      [['-listen', 'UNIX:/a', '-server', 'UNIX:/b', '-daemon'], /^Error, unknown option "-daemon"/],
    ]
    for (const [args, message] of wrongs) {
      const { code, stderr } = await runInProcess('dc-snoop', ...args)
      assert.equal(code, 1, args.join(' '))
      assert.match(stderr, message)
    }
  })
})

test('a program called by one of the names is that command', () => {
  assert.deepEqual(argumentsOf(['node', '/usr/sbin/dc_server', '-listen', 'IP:1']), ['dc-server', '-listen', 'IP:1'])
  assert.deepEqual(argumentsOf(['node', './dc_test']), ['dc-test'])
  assert.deepEqual(argumentsOf(['node', '/usr/bin/shellac', 'check', 'dc_test']), ['check', 'dc_test'])
  assert.deepEqual(argumentsOf(['node']), [])
})

test('a distcache program starts without the configuration language', async () => {
  for (const [name, isLoaded] of [
    ['dc-client', false],
    ['dc-test', false],
    ['dc-snoop', false],
    ['check', true],
  ] as const) {
    const script = `
      import { runProgram } from ${JSON.stringify(new URL('../../../src/cli/run-program.ts', import.meta.url).href)}
      import { registerHooks } from 'node:module'
      let isLoaded = false
      registerHooks({ load: (url, context, next) => { isLoaded ||= url.includes('/chevrotain/'); return next(url, context) } })
      await runProgram([${JSON.stringify(name)}, '-h'], { out: () => {}, err: () => {}, readInput: () => '', color: false })
      console.log(isLoaded)
    `
    const { stdout } = await runScript(process.execPath, ['--input-type=module', '-e', script])
    assert.equal(stdout, `${isLoaded}\n`, name)
  }
})
