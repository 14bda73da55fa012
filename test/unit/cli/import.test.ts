/** The command around the importers; what they make of files is in test/golden/import. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runCli } from '../../../src/cli/cli.ts'
import { tempDir } from '../../support/temp.ts'

async function shellac(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runCli(args, {
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

describe('shellac import', () => {
  it('wants a program it knows, and a file', async () => {
    for (const [args, message] of [
      [[], 'import wants a program and a file: shellac import nutcracker FILE'],
      [['nutcraker', 'a.yml'], 'cannot import from "nutcraker"; did you mean "nutcracker"?'],
      [['mcrouter', 'a.yml'], 'cannot import from "mcrouter"; known are "nutcracker", "twemproxy", "golemproxy"'],
      [['nutcracker'], 'import wants a file: shellac import nutcracker FILE'],
    ] as const) {
      assert.deepEqual(await shellac('import', ...args), { code: 2, out: '', err: `shellac: ${message}\n` })
    }
  })

  it('says which file it cannot read', async () => {
    const { code, out, err } = await shellac('import', 'nutcracker', join(tempDir(), 'none.yml'))
    assert.equal(code, 1)
    assert.equal(out, '')
    assert.match(err, /^shellac: cannot read ".*none\.yml": /)
  })

  it('names file and line of what is wrong, and prints no half of a configuration', async () => {
    const file = join(tempDir(), 'nutcracker.yml')
    writeFileSync(file, 'a:\n  listen: 127.0.0.1:1\n  hash: none\n  servers:\n    - 127.0.0.1:11211:1\n')
    const { code, out, err } = await shellac('import', 'twemproxy', file)
    assert.equal(code, 1)
    assert.equal(out, '')
    assert.ok(err.startsWith(`${file}:3:9: error: unknown hash "none" [bad-choice]\n`), err)
  })
})
