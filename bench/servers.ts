/** The servers compared: how each is started on core 0, from its template in `peers/`, in front of the origin. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort, listens } from '../test/support/ports.ts'
import { cases, pathOf } from './cases.ts'
import { look } from './http.ts'
import { type Started, startPinned, versionOf } from './process.ts'

/** Core of the server under test, and core of origin and load generator. */
export const SERVER_CORE = '0'
export const LOAD_CORE = '1'

export type ServerName = 'shellac' | 'nginx' | 'haproxy' | 'varnish'

export interface RunningServer extends Started {
  readonly port: number
}

export interface Origin extends RunningServer {
  /** Requests it has answered so far, this question not counted. */
  requests(): Promise<number>
}

/** What a start needs to know beyond the server's own template. */
export interface StartOptions {
  /** Port of the origin. */
  readonly origin: number
  readonly cores?: string
  /** Shellac only. */
  readonly workers?: number
}

interface Server {
  readonly template: string
  /** The command line, given the path of the filled-in template and the server's folder. */
  command(config: string, dir: string, port: number): string[]
  version(): string
}

/** The one place that says how Shellac is run when it is measured. */
export const shellacCommand = (config: string): string[] => [process.execPath, MAIN, '-c', config]

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

/** Shellac first: the report divides by the others in this order. */
export const servers: Readonly<Record<ServerName, Server>> = {
  shellac: {
    template: 'shellac.conf',
    command: shellacCommand,
    version: shellacVersion,
  },
  nginx: {
    template: 'nginx.conf',
    command: (config, dir) => ['nginx', '-p', dir, '-e', 'stderr', '-c', config],
    version: () => versionOf('nginx', '-v'),
  },
  haproxy: {
    template: 'haproxy.cfg',
    command: (config) => ['haproxy', '-db', '-f', config],
    version: () => versionOf('haproxy', '-v'),
  },
  varnish: {
    template: 'varnish.vcl',
    command: (config, dir, port) => [
      'varnishd',
      ...['-F', '-n', join(dir, 'varnish'), '-f', config, '-a', `127.0.0.1:${port}`, '-s', 'malloc,256m'],
      ...['-p', 'thread_pools=1', '-p', 'thread_pool_min=100', '-p', 'thread_pool_max=2000'],
      ...['-p', 'timeout_idle=3600', '-p', 'listen_depth=4096'],
    ],
    version: () => versionOf('varnishd', '-V'),
  },
}

export function shellacVersion(): string {
  return `${versionOf(process.execPath, MAIN, 'version')} on Node ${process.version}`
}

let scratch: string | undefined

/** A folder on tmpfs for everything the servers write; made when first needed, gone with the process. */
export function scratchFolder(): string {
  if (scratch !== undefined) return scratch
  const made = mkdtempSync('/dev/shm/shellac-bench-')
  chmodSync(made, 0o755) // varnishd reads its VCL as a user of its own
  process.on('exit', () => rmSync(made, { recursive: true, force: true }))
  scratch = made
  return made
}

export async function startServer(name: ServerName, options: StartOptions): Promise<RunningServer> {
  const { template, command } = servers[name]
  const port = await freePort()
  const words = { port, origin: options.origin, workers: options.workers ?? 1 }
  const { config, dir } = fillTemplate(name, template, words)
  return untilListening(name, port, startPinned(options.cores ?? SERVER_CORE, command(config, dir, port)))
}

export async function startOrigin(): Promise<Origin> {
  const port = await freePort()
  const { config, dir } = fillTemplate('origin', 'origin.conf', { port })
  for (const { kind, bodyBytes } of cases) {
    const file = join(dir, 'www', pathOf({ kind, bodyBytes }))
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, Buffer.alloc(bodyBytes, 'shellac '))
  }
  const command = ['nginx', '-p', dir, '-e', 'stderr', '-c', config]
  const server = await untilListening('origin', port, startPinned(LOAD_CORE, command))
  let asked = 0
  return {
    ...server,
    async requests() {
      const status = await look(port, '/requests')
      asked++
      const total = /^\s*\d+\s+\d+\s+(\d+)\s*$/m.exec(status.body)?.[1]
      return Number(total) - asked
    },
  }
}

/** The template of `peers/` with its words filled in, in a folder of its own for each `name`. */
export function fillTemplate(
  name: string,
  template: string,
  words: Readonly<Record<string, string | number>>,
): { readonly config: string; readonly dir: string } {
  const dir = join(scratchFolder(), name)
  mkdirSync(dir, { recursive: true })
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const all: Record<string, string | number> = { ...words, dir, user }
  const text = readFileSync(new URL(`./peers/${template}`, import.meta.url), 'utf8')
  const config = join(dir, template)
  writeFileSync(
    config,
    text.replaceAll(/%([a-z]+)%/g, (whole, word: string) => `${all[word] ?? whole}`),
  )
  return { config, dir }
}

export async function untilListening(name: string, port: number, started: Started): Promise<RunningServer> {
  for (let tries = 0; tries < 300; tries++) {
    if (await listens(port)) return { ...started, port }
    if (!started.isRunning()) break
    await sleep(50)
  }
  await started.stop()
  throw new Error(`${name} does not start:\n${started.output()}`)
}
