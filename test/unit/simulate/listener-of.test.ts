/** Which listener takes a request of a test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RouteTable } from '../../../src/routing/table.ts'
import { listenerOf } from '../../../src/simulate/listener-of.ts'
import { planOf } from '../proxy/parts.ts'

const plan = planOf(`shellac 1;
listener plain { address *:80; redirect https; }
listener secure { address *:443; }
listener tls { address *:8443; tls { certificate /shop.pem; } }
listener inner { address 127.0.0.1:8080; }
listener more { address 10.0.0.1:8080; }
site a.example { on secure; route all { path /**; respond 200 "a"; } }
site b.example { on more; route all { path /**; respond 200 "b"; } }
site * { on inner tls; route all { path /**; respond 200 "rest"; } }
`)
const table = new RouteTable(plan)

const cases: readonly (readonly [title: string, scheme: 'http' | 'https', authority: string, listener: string])[] = [
  ['the port of http', 'http', 'a.example', 'plain'],
  ['the port of https', 'https', 'a.example', 'secure'],
  ['the port that is written', 'http', 'c.example:8080', 'inner'],
  ['of two on the port, the one with the site', 'http', 'b.example:8080', 'more'],
  ['where nobody has the port, one with the site', 'http', 'b.example:9999', 'more'],
  ['where nobody has the port, one that speaks TLS for https', 'https', 'c.example:9999', 'tls'],
  ['where nobody has the port, one that speaks no TLS for http', 'http', 'c.example:9999', 'inner'],
  ['an address of version 6', 'http', '[::1]:8080', 'inner'],
]

for (const [title, scheme, authority, listener] of cases) {
  test(`a request goes to ${title}`, () => {
    const request = { method: 'GET', scheme, authority, target: '/', clientAddress: '192.0.2.1', fields: [] }
    assert.equal(listenerOf(plan, table, request)?.name, listener)
  })
}

test('a Plan without listeners takes no request', () => {
  const request = { method: 'GET', scheme: 'http', authority: 'a', target: '/', clientAddress: '', fields: [] } as const
  assert.equal(listenerOf({ ...plan, listeners: [] }, table, request), undefined)
})
