/** The whole of a deployment without a file: `shellac --origin localhost:8080`. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { EXIT_CONFIG, EXIT_START, EXIT_USAGE } from '../../src/daemon/exit-codes.ts'
import { onTestEnd } from '../support/cleanup.ts'
import { launchShellac, runShellac, startShellac } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { connectClient } from '../support/scripted-client.ts'

test('an origin by name is cached in front of, and the log says where to look', async () => {
  const port = await startServer('localhost')
  const shellac = await startShellac({ args: ['--origin', `localhost:${port}`, '--listen', '%listen%'] })
  const ready = await shellac.waitForLog('ready')
  assert.deepEqual(ready.listeners, [{ kind: 'listener', name: 'main', addresses: [`127.0.0.1:${shellac.port}`] }])
  const client = await connectClient(shellac.port)
  const first = await client.get('/')
  assert.equal(first.body.toString(), 'answer 1')
  const second = await client.get('/')
  assert.equal(second.body.toString(), 'answer 1')
  assert.match(second.fields.get('cache-status') ?? '', /; hit/)
})

test('an origin that is not there yet is a 502 with a reason, and is found when it comes', async () => {
  const port = await freePort()
  const shellac = await startShellac({ args: ['--origin', `localhost:${port}`, '--listen', '%listen%'] })
  const client = await connectClient(shellac.port)
  const answer = await client.get('/')
  assert.equal(answer.status, 502)
  assert.match(answer.body.toString(), /refused/)
  await startServer('localhost', port)
  assert.equal((await client.get('/')).body.toString(), 'answer 1')
})

test('an origin whose name means nothing is a 502 with a reason, not a refusal to start', async () => {
  const shellac = await startShellac({ args: ['--origin', 'no-such-host.invalid:80', '--listen', '%listen%'] })
  const client = await connectClient(shellac.port)
  const answer = await client.get('/')
  assert.equal(answer.status, 502)
  assert.match(answer.body.toString(), /name/)
})

test('a second daemon on the same port is told so', async () => {
  const shellac = await startShellac({ args: ['--origin', 'localhost:9', '--listen', '%listen%'] })
  const second = await launchShellac({ args: ['--origin', 'localhost:9', '--listen', `127.0.0.1:${shellac.port}`] })
  assert.equal(await second.process.waitForExit(), EXIT_START)
  assert.match(second.process.lines.join('\n'), /address already in use/)
})

test('a mistake on the command line is told with what was meant', async () => {
  const noPort = await runShellac(['--origin', 'localhost'])
  assert.equal(noPort.code, EXIT_CONFIG)
  assert.match(noPort.stderr, /error: "localhost" has no port[\s\S]*did you mean "localhost:80"\?/)
  const noOption = await runShellac(['--orign', 'localhost:80'])
  assert.equal(noOption.code, EXIT_USAGE)
  assert.match(noOption.stderr, /--orign/)
})

/** Answers with the number of the request, for a minute. */
async function startServer(host: string, port = 0): Promise<number> {
  let answers = 0
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end(`answer ${++answers}`)
  })
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  onTestEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}
