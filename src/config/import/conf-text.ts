/** Imported pools in our language: for each a pool and the proxy in front of it. */
import type { ListenAddress } from '../../plan/plan.ts'
import type { ImportedPool, ImportedServer } from './imported-pool.ts'

/** Where both programs have no limit but that of open files, we must name one; theirs is 1,024 to a million by system. */
const MANY_CONNECTIONS = 65_536

/** A file that `shellac check` accepts; `from`: what it was made of, for the comment at its head. */
export function confText(pools: readonly ImportedPool[], from: string): string {
  const head = [
    `# Made by "shellac import" from ${from.replaceAll(/[^ -~]/g, '?')}. Keys have the owners they had there.`,
    '# For statistics as nutcracker gives them: "stats 127.0.0.1:22222;" in a memcached-proxy.',
    '',
    'shellac 1;',
  ]
  return `${head.join('\n')}\n${pools.map((pool) => `\n${poolBlock(pool)}\n${proxyBlock(pool)}`).join('')}`
}

function poolBlock(pool: ImportedPool): string {
  const statements = [
    ...pool.remarks.map((remark) => `# ${remark}`),
    ...pool.servers.map(serverStatement),
    `hash ${pool.hash};`,
    pool.hashTag === undefined ? [] : `hash-tag ${bareOrQuoted(pool.hashTag)};`,
    `distribution ${pool.distribution};`,
    pool.timeoutMs === undefined ? [] : `timeout ${pool.timeoutMs}ms;`,
    pool.serverConnections === 1 ? [] : `connections ${pool.serverConnections};`,
    pool.preconnect ? 'preconnect;' : [],
    pool.keepAlive ? 'tcp-keepalive;' : [],
    pool.eject === undefined ? 'eject off;' : `eject after ${pool.eject.afterFailures} for ${pool.eject.forMs}ms;`,
  ].flat()
  return block(`memcached ${pool.name}`, statements)
}

function proxyBlock(pool: ImportedPool): string {
  const statements = [
    `listen ${addressText(pool.listen)}${pool.mode === undefined ? '' : ` mode ${modeText(pool.mode)}`};`,
    isWildcard(pool.listen) ? ['# Everybody, as before; better say here who may connect.', 'allow all;'] : [],
    `pool ${pool.name};`,
    pool.failover === undefined ? [] : `failover ${pool.failover};`,
    `connections ${pool.clientConnections ?? MANY_CONNECTIONS};`,
    pool.backlog === undefined ? [] : `backlog ${pool.backlog};`,
    pool.keepAlive ? 'tcp-keepalive;' : [],
  ].flat()
  return block(`memcached-proxy ${pool.name}`, statements)
}

function isWildcard(listen: ListenAddress): boolean {
  return listen.kind === 'tcp' && (listen.host === '0.0.0.0' || listen.host === '::')
}

function block(head: string, statements: readonly string[]): string {
  return `${head} {\n${statements.map((statement) => `    ${statement}\n`).join('')}}\n`
}

function serverStatement({ name, address, weight }: ImportedServer): string {
  const named = name === undefined ? '' : `${nameText(name)} `
  return `server ${named}${addressText(address)}${weight === 1 ? '' : ` weight ${weight}`};`
}

/** In quotes where a bare word could be taken for `HOST:PORT:WEIGHT`. */
function nameText(name: string): string {
  return /^[^:/]+(?::\d+)?$/.test(name) ? bareOrQuoted(name) : inQuotes(name)
}

function addressText(address: ListenAddress): string {
  if (address.kind === 'unix') return bareOrQuoted(`unix:${address.path}`)
  return bareOrQuoted(`${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`)
}

function modeText(mode: number): string {
  return `0${mode.toString(8).padStart(3, '0')}`
}

/** As a bare word where the language takes it for one. */
function bareOrQuoted(text: string): string {
  return /^[A-Za-z0-9_/[][A-Za-z0-9._:/[\]-]*$/.test(text) ? text : inQuotes(text)
}

/** In quotes, only `${` has a meaning beside quotes and escapes. */
function inQuotes(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&').replaceAll('${', () => '$${')}"`
}
