/** A session server in a thread of its own, which goes on while the test's is busy. Posts its port. */
import { parentPort } from 'node:worker_threads'
import { DistcacheServer } from '../../src/distcache/server.ts'
import { SessionStore } from '../../src/distcache/session-store.ts'

const address = { kind: 'tcp', host: '127.0.0.1', port: 0, family: 4 } as const
const server = await DistcacheServer.open(address, { sessions: new SessionStore(4096) })
parentPort!.postMessage(server.port)
