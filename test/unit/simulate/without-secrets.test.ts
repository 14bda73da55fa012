import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../../../src/config/load.ts'
import { runTest } from '../../../src/simulate/run-test.ts'
import { Simulator } from '../../../src/simulate/simulator.ts'
import { filesOf } from '../../support/config.ts'

const TEXT = `shellac 1;
listener web { address *:80; }
backend app { server a 127.0.0.1:1; }
match @known { header X-Token \${file:/token}; }
site a.example {
    proxy app;
    headers { request set X-Key "key \${file:/token}"; response set X-Met yes when @known; }
}
test "secrets" {
    request GET http://a.example/ { header X-Token hunter2; }
    expect backend-request no-header X-Key;
    expect response header X-Met yes;
}
`

test('a failure shows no secret, and matchers still compare with it', () => {
  const entry = { kind: 'text', name: 'a.conf', text: TEXT } as const
  const { plan, tests, diagnostics } = loadConfig(entry, filesOf({ '/token': 'hunter2' }))
  assert.ok(plan, JSON.stringify(diagnostics.map(({ message }) => message)))
  const failures = runTest(new Simulator(plan), tests[0]!.plan)
  assert.deepEqual(
    failures.map(({ message }) => message),
    ['expected backend-request no-header X-Key, got "key [secret]"'],
  )
})
