/** `reload { strict; }`: a configuration that the machine does not fit is refused, at the start and by a reload. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reload } from '../support/admin.ts'
import { launchShellac, startShellac } from '../support/daemon.ts'
import { exchange } from '../support/scripted-client.ts'

/** RFC 6761 §6.4: never has an address. */
const NO_NAME = 'origin.invalid'

function config(strict: string, server: string): string {
  return `shellac 1;
process { workers 1; }
reload { watch off; ${strict} }
admin { listen unix:%dir%/admin.sock; }
listener web { address %listen%; }
backend app {
    server a ${server};
}
site * { proxy app; route here { path /here; respond 200 "here"; } route rest { path /**; } }`
}

const get = 'GET /here HTTP/1.1\r\nHost: a\r\n\r\n'

test('without "strict" a server whose name does not resolve is no reason not to start', async () => {
  const shellac = await startShellac({ config: config('', `${NO_NAME}:80`) })
  assert.equal((await exchange(shellac.port, get)).status, 200)
})

test('with "strict" the start is refused once, with server, place and the error of the resolver', async () => {
  const shellac = await launchShellac({ config: config('strict;', `${NO_NAME}:80`) })
  assert.equal(await shellac.process.waitForExit(), 4)
  const told = shellac.process.lines.filter((line) => line.includes(NO_NAME))
  assert.equal(told.length, 1, told.join('\n'))
  assert.match(
    told[0]!,
    /^shellac: cannot resolve "origin\.invalid" \(backend "app", server "a", .*shellac\.conf:7\): .*\((?:ENOTFOUND|EAI_AGAIN)\)/,
  )
})

test('a reload that brings a name without an address changes nothing, while "shellac check" asks nobody', async () => {
  const shellac = await startShellac({ config: config('strict;', '127.0.0.1:9') })
  await shellac.writeConfig(config('strict;', `${NO_NAME}:80`))
  assert.equal((await shellac.command('check')).code, 0)
  const refused = await reload(shellac)
  assert.equal(refused.ok, false)
  assert.equal(refused.configErrors, 0)
  assert.match(refused.summary, /cannot resolve "origin\.invalid".*the old configuration stays/)
  assert.equal((await exchange(shellac.port, get)).status, 200)
})
