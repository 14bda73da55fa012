/** One address in front of several servers: each connection goes to the next of them, as with a load balancer that forgets. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestEnd } from './cleanup.ts'

/** Its port of 127.0.0.1. Ends with the test. */
export async function startRelay(ports: readonly number[]): Promise<number> {
  const open = new Set<Socket>()
  let turn = 0
  const server = createServer((client) => {
    const behind = connect({ host: '127.0.0.1', port: ports[turn++ % ports.length]! })
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      open.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        open.delete(one)
        other.destroySoon()
      })
      one.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestEnd(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}
