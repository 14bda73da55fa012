import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startMemcached } from '../../support/memcached.ts'

for (const unix of [false, true]) {
  test(`a memcached on ${unix ? 'a unix socket' : 'a port'} comes back empty at its address`, async () => {
    const server = await startMemcached({ unix })
    assert.equal(await server.ask('set a 0 0 1\r\nx\r\n'), 'STORED\r\n')
    assert.equal(await server.stat('curr_items'), '1')
    await server.flush()
    assert.equal(await server.ask('get a\r\n', /END\r\n$/), 'END\r\n')
    await server.ask('set a 0 0 1\r\nx\r\n')
    const { pid } = server
    await server.restart()
    assert.notEqual(server.pid, pid)
    assert.equal(await server.ask('get a\r\n', /END\r\n$/), 'END\r\n')
  })
}

test('a memcached that was paused answers when it goes on, and one that was killed closes', async () => {
  const server = await startMemcached()
  const conversation = await server.connect()
  await server.pause()
  conversation.send('mn\r\n')
  await conversation.expectQuiet(50)
  server.resume()
  assert.equal(await conversation.line(), 'MN')
  await server.kill()
  await conversation.expectClose()
})
