/**
 * What other programs import as `shellac/distcache`: the server, the agent and the clients of distcache's protocol, its codec,
 * and TLS servers of Node that share their sessions. It is the one file of src that only hands on what others define, since a
 * package has one entry; in here everybody imports the files themselves.
 */
export { type Address, parseAddress, resolveAddress } from './address.ts'
export { Agent, type AgentOptions } from './agent.ts'
export {
  type AttachedSessionCache,
  attachSessionCache,
  type SessionCacheCounters,
  type SessionCacheOptions,
} from './attach-session-cache.ts'
export { BlockingClient, type BlockingClientOptions } from './blocking-client.ts'
export { type ClientOptions, SessionClient, type SessionRequest } from './client.ts'
export { type ClientHello, MAX_CLIENT_HELLO_BYTES, readClientHello } from './client-hello.ts'
export { Code, Operation } from './message.ts'
export { CORRUPT, MessageDecoder, type MessageHandler } from './message-decoder.ts'
export { MessageOutput } from './message-output.ts'
export { type Answer, type Failure, type Outcome, SessionServiceError } from './outcome.ts'
export { DistcacheServer, type ServerOptions } from './server.ts'
export { SessionStore } from './session-store.ts'
export { Uids } from './uids.ts'
