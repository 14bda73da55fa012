/** `shellac dc-client` between real clients and a real server: its options, the loss of the server under load, TLS, a soak. */
import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { BlockingClient } from '../../src/distcache/blocking-client.ts'
import { SessionClient } from '../../src/distcache/client.ts'
import { Operation } from '../../src/distcache/message.ts'
import type { Outcome } from '../../src/distcache/outcome.ts'
import { makeAuthority } from '../support/certificates.ts'
import { onTestEnd } from '../support/cleanup.ts'
import { MAIN } from '../support/daemon.ts'
import { freePort, listens } from '../support/ports.ts'
import { Background, runProgram } from '../support/process.ts'
import { sized } from '../support/soak.ts'
import { tempDir } from '../support/temp.ts'
import { waitFor } from '../support/wait.ts'

const id = Buffer.from('the id of a session')
const data = Buffer.from('the session')

function run(...args: readonly string[]) {
  return runProgram(process.execPath, [MAIN, ...args])
}

async function startServer(address: string, ...args: readonly string[]): Promise<Background> {
  const server = new Background(process.execPath, [MAIN, 'dc-server', '-listen', address, ...args])
  const [kind, ...rest] = address.split(':')
  await server.waitFor(address, () => listens(kind === 'UNIX' ? rest.join(':') : Number(rest.at(-1))))
  return server
}

/** An agent that has its server, unless `isConnected` is false. */
async function startAgent(path: string, args: readonly string[], isConnected = true): Promise<Background> {
  const agent = new Background(process.execPath, [MAIN, 'dc-client', '-listen', `UNIX:${path}`, ...args])
  await agent.waitFor('its socket', () => listens(path))
  if (isConnected) await waitForLine(agent, /connected to the server/)
  return agent
}

function waitForLine(program: Background, pattern: RegExp, count = 1): Promise<unknown> {
  return program.waitFor(String(pattern), () => program.lines.filter((line) => pattern.test(line)).length >= count)
}

async function clientOf(path: string): Promise<BlockingClient> {
  const client = await BlockingClient.open({ connect: `UNIX:${path}`, persistent: true })
  onTestEnd(() => client.close())
  return client
}

describe('the command', () => {
  test('fails with exit code 1 where it cannot listen, or a name cannot be looked up', async () => {
    const path = join(tempDir(), 'agent')
    await startAgent(path, ['-server', 'UNIX:/nowhere'], false)
    const second = await run('dc-client', '-listen', `UNIX:${path}`, '-server', 'UNIX:/nowhere')
    assert.equal(second.code, 1)
    assert.match(second.stderr, /^Error, .*in use/)
    const unknown = await run('dc-client', '-listen', `UNIX:${path}2`, '-server', 'IP:no.such.host.invalid:1')
    assert.equal(unknown.code, 1)
  })

  test('starts without a server, finds it later, and keeps its socket to its owner', async () => {
    const dir = tempDir()
    const path = join(dir, 'agent')
    const agent = await startAgent(path, ['-server', `UNIX:${dir}/server`, '-retry', '20'], false)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const client = await clientOf(path)
    await assert.rejects(client.have(id), { code: 'disconnected' })
    await startServer(`UNIX:${dir}/server`)
    await waitForLine(agent, /connected to the server/)
    assert.equal(await client.add(id, data, 60_000), true)
    assert.deepEqual(await client.get(id), data)
    agent.kill('SIGTERM')
    assert.equal(await agent.waitForExit(), 0)
    assert.equal(existsSync(path), false)
  })

  test('warns where sessions can be read on their way', async () => {
    const path = join(tempDir(), 'agent')
    // TEST-NET-1 (RFC 5737): nobody answers.
    const agent = await startAgent(path, ['-server', 'IP:192.0.2.1:9'], false)
    await waitForLine(agent, /^Warning, sessions travel to IP:192\.0\.2\.1:9/)
  })
})

test('over TLS, with a certificate on each side', async () => {
  const dir = tempDir()
  const ca = makeAuthority()
  const [own, other] = [ca.issue({ names: ['localhost'] }), ca.issue({ names: ['agent'], usage: 'clientAuth' })]
  const port = await freePort()
  const files = (issued: typeof own) => ['-tls-cert', issued.chain, '-tls-key', issued.key, '-tls-ca', ca.certificate]
  await startServer(`IP:localhost:${port}`, ...files(own))
  await startAgent(join(dir, 'agent'), ['-server', `IP:localhost:${port}`, ...files(other)])
  const client = await clientOf(join(dir, 'agent'))
  const large = Buffer.alloc(30_000, 'large ')
  assert.equal(await client.add(id, large, 60_000), true)
  assert.deepEqual(await client.get(id), large)

  // A server of another authority, or of another name, is none.
  for (const [name, authority] of [
    ['localhost', makeAuthority('Other Root')],
    ['elsewhere', ca],
  ] as const) {
    const strange = await freePort()
    await startServer(`IP:localhost:${strange}`, ...files(authority.issue({ names: [name] })))
    const path = join(dir, name)
    const agent = await startAgent(path, ['-server', `IP:localhost:${strange}`, ...files(other)], false)
    await waitForLine(agent, /cannot reach the server/)
    await assert.rejects((await clientOf(path)).have(id), { code: 'disconnected' })
  }
})

describe('a server that goes away under load', () => {
  /** So many clients, each with one request under way as long as the test lasts, and what they were answered. */
  function load(path: string, count: number): { outcomes: Outcome[]; clients: SessionClient[]; stop: () => void } {
    const outcomes: Outcome[] = []
    let isOver = false
    const clients = Array.from({ length: count }, () => {
      const client = new SessionClient({ connect: `UNIX:${path}`, timeoutMs: 60_000, silenceMs: 120_000 })
      const ask = (): void => {
        if (!isOver) assert.ok(client.begin({ onDone }, Operation.have, id))
      }
      const onDone = (outcome: Outcome) => {
        outcomes.push(outcome)
        // Answers come at once while there is no server: a moment between them, or nothing else would run.
        if (outcome === 'disconnected') setTimeout(ask, 5)
        else setImmediate(ask)
      }
      ask()
      onTestEnd(() => client.close())
      return client
    })
    const stop = () => {
      isOver = true
    }
    return { outcomes, clients, stop }
  }

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    test(`${signal}: what is in flight is told, clients stay, and it goes on when the server is back`, async () => {
      const dir = tempDir()
      const path = join(dir, 'agent')
      const address = `UNIX:${dir}/server`
      let server = await startServer(address)
      const agent = await startAgent(path, ['-server', address, '-retry', '50'])
      const { outcomes, clients, stop } = load(path, 40)
      for (let round = 1; round <= sized(2, 20); round++) {
        outcomes.length = 0
        await waitFor('load', () => outcomes.length > 2000)
        assert.deepEqual(new Set(outcomes), new Set(['absent']))
        server.kill(signal)
        await server.waitForExit()
        await waitFor('the loss', () => outcomes.filter((outcome) => outcome === 'disconnected').length >= 40)
        assert.deepEqual(new Set(outcomes), new Set(['absent', 'disconnected']))
        server = await startServer(address)
        await waitForLine(agent, /connected to the server/, round + 1)
      }
      outcomes.length = 0
      await waitFor('load again', () => outcomes.filter((outcome) => outcome === 'absent').length > 1000)
      stop()
      assert.ok(clients.every((client) => client.isConnected))
    })
  }

  test('stopped, it makes clients wait and loses nothing', async () => {
    const dir = tempDir()
    const path = join(dir, 'agent')
    const server = await startServer(`UNIX:${dir}/server`)
    await startAgent(path, ['-server', `UNIX:${dir}/server`])
    const { outcomes, stop } = load(path, 20)
    await waitFor('load', () => outcomes.length > 500)
    server.kill('SIGSTOP')
    onTestEnd(() => server.kill('SIGCONT'))
    let count = -1
    await waitFor('silence', async () => {
      const before = count
      count = outcomes.length
      await new Promise((resolve) => setTimeout(resolve, 100))
      return before === count
    })
    server.kill('SIGCONT')
    await waitFor('load again', () => outcomes.length > count + 500)
    stop()
    assert.deepEqual(new Set(outcomes), new Set(['absent']))
  })
})

test('fifty clients at a time through two agents to one server read every byte as it was written', async () => {
  const dir = tempDir()
  const port = await freePort()
  await startServer(`IP:127.0.0.1:${port}`, '-sessions', '2000')
  const agents = [join(dir, 'one'), join(dir, 'two')]
  for (const path of agents) await startAgent(path, ['-server', `IP:127.0.0.1:${port}`])
  const operations = sized(20_000, 1_000_000)
  const modes = [
    ['-persistent', '-pipeline', '20', '-ops', `${operations}`],
    ['-persistent', '-ops', `${operations}`],
    ['-ops', `${Math.round(operations / 10)}`],
  ]
  for (const mode of modes) {
    const size = ['-sessions', '250', '-datamax', '4096', '-timeout', '3600', '-concurrency', '25']
    const runs = agents.map((path) =>
      runProgram(process.execPath, [MAIN, 'dc-test', '-connect', `UNIX:${path}`, ...size, ...mode], {
        deadlineMs: sized(60_000, 900_000),
      }),
    )
    for (const { code, stderr } of await Promise.all(runs)) {
      assert.match(stderr, /Info, all tests complete\n$/)
      assert.equal(code, 0)
    }
  }
})
