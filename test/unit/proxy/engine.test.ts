import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Engine } from '../../../src/proxy/engine.ts'
import { onTestEnd } from '../../support/cleanup.ts'
import { freePort, listens } from '../../support/ports.ts'
import { connectClient } from '../../support/scripted-client.ts'
import { startOrigin } from '../../support/scripted-origin.ts'
import { waitFor } from '../../support/wait.ts'
import { planOf, provisionsOf, workerOptions } from './parts.ts'

interface Ports {
  readonly web: number
  readonly more?: number
}

/** A Plan that listens on these ports and answers with this text. */
function plan({ web, more }: Ports, text: string) {
  const second = more === undefined ? '' : `listener more { address 127.0.0.1:${more}; }`
  return planOf(`shellac 1; listener web { address 127.0.0.1:${web}; } ${second}
    site * { route all { path /**; respond 200 "${text}"; } }`)
}

function startEngine(): Engine {
  const engine = new Engine(workerOptions())
  onTestEnd(() => engine.destroy())
  return engine
}

async function prepare(engine: Engine, ports: Ports, text: string): Promise<void> {
  const next = plan(ports, text)
  await engine.prepare(next, 1, provisionsOf(next))
}

/** An engine that serves `text`. */
async function serving(ports: Ports, text: string): Promise<Engine> {
  const engine = startEngine()
  await prepare(engine, ports, text)
  engine.commit()
  return engine
}

const textAt = async (port: number) => (await (await connectClient(port)).get('/')).body.toString()

describe('Engine', () => {
  it('follows a Plan from its commit on, also on connections that are open', async () => {
    const web = await freePort()
    const engine = await serving({ web }, 'one')
    const client = await connectClient(web)
    assert.equal((await client.get('/')).body.toString(), 'one')
    await prepare(engine, { web }, 'two')
    assert.equal((await client.get('/')).body.toString(), 'one')
    engine.commit()
    assert.equal((await client.get('/')).body.toString(), 'two')
  })

  it('opens what a Plan adds before its commit, and closes what it lacks with it', async () => {
    const [web, more] = [await freePort(), await freePort()]
    const engine = await serving({ web }, 'one')
    await prepare(engine, { web, more }, 'two')
    engine.commit()
    assert.equal(await textAt(more), 'two')
    await prepare(engine, { web }, 'three')
    assert.equal(await listens(more), true)
    engine.commit()
    assert.equal(await listens(more), false)
    assert.equal(await textAt(web), 'three')
  })

  it('closes idle connections of a listener that is no more, and lets the others be', async () => {
    const [web, more] = [await freePort(), await freePort()]
    const engine = await serving({ web, more }, 'one')
    const [staying, leaving] = [await connectClient(web), await connectClient(more)]
    for (const client of [staying, leaving]) await client.get('/')
    await prepare(engine, { web }, 'two')
    engine.commit()
    await leaving.expectClose()
    assert.equal((await staying.get('/')).body.toString(), 'two')
  })

  it('serves on as before when a Plan cannot be prepared, and names the address', async () => {
    const [web, free] = [await freePort(), await freePort()]
    const taken = await startOrigin(() => '')
    const engine = await serving({ web }, 'one')
    const bad = planOf(`shellac 1; listener web { address 127.0.0.1:${web} 127.0.0.1:${free} 127.0.0.1:${taken.port}; }
      site * { route all { path /**; respond 200 "two"; } }`)
    await assert.rejects(engine.prepare(bad, 2, provisionsOf(bad)), new RegExp(`EADDRINUSE.*:${taken.port}`))
    engine.commit() // nothing is prepared
    assert.deepEqual([await textAt(web), await listens(free)], ['one', false])
  })

  it('forgets what was prepared when it is rolled back', async () => {
    const [web, more] = [await freePort(), await freePort()]
    const engine = await serving({ web }, 'one')
    await prepare(engine, { web, more }, 'two')
    engine.rollback()
    assert.deepEqual([await textAt(web), await listens(more)], ['one', false])
  })

  it('drains: accepts no more, closes idle connections, and is done with the last', async () => {
    const web = await freePort()
    const engine = await serving({ web }, 'one')
    const [idle, sending] = [await connectClient(web), await connectClient(web)]
    await idle.get('/')
    sending.send('GET / HTTP/1.1\r\n')
    await waitFor('both connections', () => engine.connections() === 2)
    await sending.expectQuiet(50) // long enough for the first line to be read
    const drained = engine.drain()
    await idle.expectClose()
    assert.equal(await listens(web), false)
    sending.send('Host: a\r\n\r\n')
    assert.equal((await sending.response()).fields.get('connection'), 'close')
    sending.end()
    await drained
    assert.equal(engine.connections(), 0)
  })
})
