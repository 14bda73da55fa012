/**
 * The simulation against the daemon: the same configuration, the same messages, and both must do the same: what the origin
 * is asked, what the client gets, what Cache-Status says of it. What is stored came a moment before, aged by an Age of its own.
 */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { valuesOf } from '../../src/cache/policy/flat-facts.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { OriginScript, RequestScript } from '../../src/plan/test-plan.ts'
import type { Outcome } from '../../src/simulate/outcome.ts'
import { Simulator } from '../../src/simulate/simulator.ts'
import { filesOf } from '../support/config.ts'
import { type Daemon, startShellac } from '../support/daemon.ts'
import type { ReceivedResponse } from '../support/http-message.ts'
import { connectClient } from '../support/scripted-client.ts'
import { type Answer, reply, type ScriptedOrigin, startOrigin } from '../support/scripted-origin.ts'
import { answer, type Case, cases, configuration, HOST, kept } from './simulation-cases.ts'

let shellac: Daemon
let origin: ScriptedOrigin
let simulator: Simulator
let script: OriginScript = answer(200)

before(async () => {
  origin = await startOrigin((request) => answerOf(script, request.method))
  shellac = await startShellac({ config: configuration('%listen%', origin.port, '%dir%') })
  const text = configuration(`127.0.0.1:${shellac.port}`, origin.port, shellac.dir)
  const { plan, diagnostics } = loadConfig({ kind: 'text', name: shellac.configFile!, text }, filesOf({}))
  assert.ok(plan, JSON.stringify(diagnostics.map(({ message }) => message)))
  simulator = new Simulator(plan)
})

for (const one of cases) {
  test(`the simulation does as the daemon with ${one.title}`, async () => {
    const { stored } = one
    if (stored !== undefined) {
      script = { kind: 'response', ...stored }
      const first = requestOf(one.storedTarget ?? one.target, 'GET', one.storedFields ?? plainFields(one.fields))
      assert.match((await ask(first)).fields.get('cache-status') ?? '', /stored/)
    }
    const asked = origin.requests.length
    script = one.origin ?? answer(200)
    const request = requestOf(one.target, one.method ?? 'GET', one.fields ?? [])
    const real = await ask(request)
    const simulated = simulate(one, request)
    assert.match(real.fields.get('cache-status') ?? '', one.status)
    assert.deepEqual(seenByClient(simulated.response), seenByClient({ status: real.status, fields: flat(real) }))
    if (!simulated.isRefreshedBehind) assert.equal(origin.requests.length > asked, simulated.sent !== undefined)
    const last = origin.requests[asked]
    if (last === undefined || simulated.sent === undefined) return
    assert.deepEqual(
      [simulated.sent.method, simulated.sent.target, sorted(simulated.sent.fields)],
      [last.method, last.target, sorted(flat(last))],
    )
  })
}

test('what a test stores must be storable', () => {
  const outcome = simulate(
    { title: '', target: '/plain/x', stored: kept(200, 'Cache-Control', 'private'), status: /./ },
    requestOf('/plain/x', 'GET', []),
  )
  assert.deepEqual(
    outcome.problems.map(({ message }) => message),
    ['the response would not be stored: response-private'],
  )
})

function simulate(one: Case, request: RequestScript): Outcome {
  const storedRequest = requestOf(one.storedTarget ?? one.target, 'GET', one.storedFields ?? plainFields(one.fields))
  const place = { file: 'test.conf', line: 1, column: 1 }
  const stored = one.stored && { request: storedRequest, response: one.stored, ageMs: 0, ttlMs: undefined, place }
  const nowMs = Date.now()
  return simulator.run({ request, origin: one.origin ?? answer(200), stored: stored ? [stored] : [], nowMs })
}

function requestOf(target: string, method: string, fields: readonly string[]): RequestScript {
  return { method, scheme: 'http', authority: HOST, target, clientAddress: '127.0.0.1', fields }
}

/** What a request for something to store may carry: no conditions, no ranges, no directives. */
function plainFields(fields: readonly string[] = []): readonly string[] {
  return fields.filter((_, i) => !/^(?:if-|range|cache-control)/i.test(fields[i - (i % 2)]!))
}

async function ask(request: RequestScript): Promise<ReceivedResponse> {
  const client = await connectClient(shellac.port)
  const lines = request.fields.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${request.fields[i + 1]}`] : []))
  const host = lines.some((line) => line.startsWith('Host:')) ? [] : [`Host: ${request.authority}`]
  const response = await client.get(request.target, [...host, ...lines], request.method)
  client.socket.destroy()
  return response
}

function answerOf(of: OriginScript, method: string): Answer | Promise<Answer> {
  if (of.kind === 'failure') return of.failure === 'reset' ? { close: '' } : new Promise(() => {})
  const lines = of.fields.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${of.fields[i + 1]}`] : []))
  if (!lines.some((line) => line.startsWith('Content-Length'))) return reply(of.status, '', ...lines)
  const body = method === 'HEAD' ? '' : 'x'.repeat(Number(valuesOf(of.fields, 'content-length')[0]))
  return `HTTP/1.1 ${of.status} OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`
}

function flat({ fields }: { readonly fields: { readonly list: ReceivedResponse['fields']['list'] } }): string[] {
  return fields.list.flat()
}

/** Fields that are no matter of rules: how the body is framed, and what time it is. */
const UNCOMPARED = new Set(['date', 'connection', 'content-length', 'transfer-encoding', 'keep-alive'])

/** Names in lower case with their values, by name. Lines of one name keep their order. */
function sorted(fields: readonly string[]): readonly string[] {
  const names = [...new Set(fields.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()))].sort()
  return names
    .filter((name) => !UNCOMPARED.has(name))
    .flatMap((name) => valuesOf(fields, name).map((value) => `${name}: ${withoutSeconds(name, value)}`))
}

/** Ages and lifetimes, to ten seconds: the daemon counts them, the simulation does not. */
function withoutSeconds(name: string, value: string): string {
  if (name === 'age') return `${Math.floor((Number(value) + 5) / 10)}0`
  return value.replace(/ttl=(-?\d+)/, (_, ttl) => `ttl=${Math.round((Number(ttl) + 2) / 10)}0`)
}

function seenByClient({ status, fields }: { readonly status: number; readonly fields: readonly string[] }): unknown {
  return { status, fields: sorted(fields) }
}
