/** What "shellac explain" does not take. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli } from '../../../src/cli/cli.ts'
import { tempDir } from '../../support/temp.ts'

const SITE = 'shellac 1; listener a { address *:80; } site a { route all { path /**; respond 200 "ok"; } }'

async function explain(...args: readonly string[]): Promise<{ readonly code: number; readonly err: string }> {
  const file = join(tempDir(), 'a.conf')
  writeFileSync(file, SITE)
  let err = ''
  const terminal = {
    out: () => {},
    err: (text: string) => {
      err += text
    },
    readInput: () => '',
    color: false,
  }
  return { code: await runCli(['explain', '-c', file, ...args], terminal), err }
}

test('what cannot be explained is a usage error that says what would do', async () => {
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [[], /wants a URL: shellac explain http:\/\/HOST\/PATH/],
    [['/a.css'], /"\/a\.css" is no URL; write the whole URL: http:\/\/HOST\/a\.css/],
    [['get', 'http://a/'], /"get" is no method; did you mean "GET"\?/],
    [['-H', 'Cookie', 'http://a/'], /"Cookie" is no field; write 'Name: value'/],
    [['--from', 'office', 'http://a/'], /"office" is no address of a client/],
    [['--response', 'conect-error', 'http://a/'], /did you mean "connect-error"\?/],
    [['--live', 'http://a/'], /no cache is asked for this request/],
  ]
  for (const [args, message] of cases) {
    const { code, err } = await explain(...args)
    assert.match(err, message)
    assert.equal(code, 2, args.join(' '))
  }
})
