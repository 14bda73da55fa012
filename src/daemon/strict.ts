/**
 * `reload { strict; }`: what the world must give before a configuration is served. Names and folders are asked for here,
 * in the daemon, and never by the checker, which would otherwise answer differently from one minute to the next.
 *
 * Addresses to listen on, the pid file and the admin socket need no statement: without them nothing can be served, so
 * they stop a start or a reload always.
 */

import { lookup } from 'node:dns/promises'
import { accessSync, constants } from 'node:fs'
import { isIP } from 'node:net'
import { dirname } from 'node:path'
import { describeError, errorCode } from '../log/errno.ts'
import type { LogTarget, Place, Plan, ServerPlan } from '../plan/plan.ts'

/** What does not hold, one sentence for each; the configuration itself is right. */
export class StrictError extends Error {
  override readonly name = 'StrictError'
}

/** Resolves when the name has an address, and rejects with the error of the resolver. */
export type Resolve = (host: string) => Promise<unknown>

/** The system's resolver may take half a minute for a dead name server; an operator should not have to wait for that. */
const RESOLVE_TIMEOUT_MS = 10_000
/** `dns.lookup` runs on the few threads of libuv's pool, which files need too. */
const NAMES_AT_ONCE = 4

/** Rejects with a StrictError that tells everything the Plan wants and the machine does not have. */
export async function checkWorld(plan: Plan, resolve: Resolve = lookup, timeoutMs = RESOLVE_TIMEOUT_MS): Promise<void> {
  const problems = [...(await namesThatFail(plan, resolve, timeoutMs)), ...logsThatFail(plan)]
  if (problems.length > 0) throw new StrictError(`${problems.join('; ')} (reload { strict; })`)
}

async function namesThatFail(plan: Plan, resolve: Resolve, timeoutMs: number): Promise<string[]> {
  const hosts = [...new Set(namedServers(plan).map(({ host }) => host))]
  const failures = new Map<string, string>()
  const deadline = AbortSignal.timeout(timeoutMs)
  const resolveNext = async (): Promise<void> => {
    for (let host = hosts.pop(); host !== undefined; host = hosts.pop()) {
      const failure = await failureOf(host, resolve, deadline, timeoutMs)
      if (failure !== undefined) failures.set(host, failure)
    }
  }
  await Promise.all(Array.from({ length: NAMES_AT_ONCE }, resolveNext))
  return namedServers(plan).flatMap(({ group, server, host, place }) => {
    const failure = failures.get(host)
    if (failure === undefined) return []
    return [`cannot resolve "${host}" (${group}, server "${server}", ${placeText(place)}): ${failure}`]
  })
}

interface NamedServer {
  /** `backend "app"`, `memcached "edge"`. */
  readonly group: string
  readonly server: string
  readonly host: string
  readonly place: Place
}

/** The servers whose address is a name. */
function namedServers(plan: Plan): NamedServer[] {
  return [
    ...plan.backends.flatMap(({ name, servers }) =>
      servers.flatMap((server) => namedServer(`backend "${name}"`, server.name, server)),
    ),
    ...plan.memcached.flatMap(({ name, servers }) =>
      servers.flatMap((server) => namedServer(`memcached "${name}"`, server.label, server)),
    ),
  ]
}

function namedServer(
  group: string,
  server: string,
  { address, place }: Pick<ServerPlan, 'address' | 'place'>,
): NamedServer[] {
  if (address.kind === 'unix' || isIP(address.host) !== 0) return []
  return [{ group, server, host: address.host, place }]
}

/** undefined: the name resolves. */
function failureOf(
  host: string,
  resolve: Resolve,
  deadline: AbortSignal,
  timeoutMs: number,
): Promise<string | undefined> {
  return new Promise((answer) => {
    const late = (): void => answer(`no answer within ${timeoutMs / 1000} s`)
    if (deadline.aborted) return late()
    deadline.addEventListener('abort', late, { once: true })
    resolve(host).then(
      () => answer(undefined),
      (error: unknown) => answer(describeLookupError(error)),
    )
  })
}

function describeLookupError(error: unknown): string {
  const code = errorCode(error)
  const words = code === undefined ? undefined : lookupErrors.get(code)
  return words === undefined ? describeError(error) : `${words} (${code})`
}

const lookupErrors: ReadonlyMap<string, string> = new Map([
  ['ENOTFOUND', 'the name has no address'],
  ['EAI_AGAIN', 'no name server answers'],
  ['EAI_FAIL', 'the name server failed'],
])

function logsThatFail(plan: Plan): string[] {
  const { daemon, access } = plan.logs
  return [fileOf('daemon', daemon.to), fileOf('access', access?.to)].flatMap((log) => {
    const failure = log === undefined ? undefined : writeFailure(log.path)
    return failure === undefined ? [] : [`cannot write the ${log!.kind} log "${log!.path}": ${failure}`]
  })
}

function fileOf(kind: string, target: LogTarget | undefined): { kind: string; path: string } | undefined {
  return target?.kind === 'file' ? { kind, path: target.path } : undefined
}

/** undefined: the file can be appended to, or made. */
function writeFailure(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK)
    return undefined
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') return describeError(error)
  }
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return `its folder: ${describeError(error)}`
  }
}

function placeText({ file, line }: Place): string {
  return `${file}:${line}`
}
