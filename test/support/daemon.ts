/**
 * The real daemon in a process and a temporary folder of its own.
 *
 *     const shellac = await startShellac({
 *       config: `shellac 1;
 *         listener web { address %listen%; }
 *         backend app { server a 127.0.0.1:${origin.port}; }
 *         site * { on web; proxy app; }`,
 *     })
 *     const client = await connectClient(shellac.port)
 *
 * In configuration, files and arguments `%listen%` is 127.0.0.1 and a free port (`%listen:NAME%`: one more), `%dir%` the folder.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, listens } from './ports.ts'
import { openFiles, rssBytes } from './proc.ts'
import { Background, type Finished, runProgram } from './process.ts'
import { tempDir } from './temp.ts'

export const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface DaemonOptions {
  /** Text of the configuration, or `{ file }` for one of the repository. Absent: arguments alone, as in the quick start. */
  readonly config?: string | { readonly file: string }
  /** Further files in the folder: path relative to it, and text. */
  readonly files?: Readonly<Record<string, string>>
  /** Arguments after `-c FILE`. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Arguments for Node itself, such as `--import`. */
  readonly nodeArgs?: readonly string[]
}

/** A line of the daemon's log. */
export interface LogRecord {
  readonly level: number | string
  readonly msg: string
  readonly [field: string]: unknown
}

/** Gives the text with every `%...%` replaced. */
type Fill = (text: string) => Promise<string>

export class Daemon {
  readonly dir: string
  /** The configuration file in `dir`; undefined without one. */
  readonly configFile: string | undefined
  readonly process: Background
  readonly #env: Readonly<Record<string, string>>
  readonly #ports: ReadonlyMap<string, number>
  readonly #fill: Fill

  constructor(made: {
    dir: string
    configFile: string | undefined
    process: Background
    env: Readonly<Record<string, string>>
    ports: ReadonlyMap<string, number>
    fill: Fill
  }) {
    this.dir = made.dir
    this.configFile = made.configFile
    this.process = made.process
    this.#env = made.env
    this.#ports = made.ports
    this.#fill = made.fill
  }

  /** Port of `%listen%`. */
  get port(): number {
    return this.portOf('')
  }

  /** Port of `%listen:NAME%`. */
  portOf(name: string): number {
    const port = this.#ports.get(name)
    if (port === undefined) throw new Error(`nothing listens on %listen${name && `:${name}`}%`)
    return port
  }

  get pid(): number {
    return this.process.pid
  }

  /** Where tests put the admin socket: `admin { listen unix:%dir%/admin.sock; }`. */
  get adminSocket(): string {
    return join(this.dir, 'admin.sock')
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`
  }

  /** The daemon's log so far; lines that are not JSON (diagnostics) are left out, `process.lines` has them. */
  logs(): LogRecord[] {
    return this.process.lines.flatMap((line) => parseRecord(line) ?? [])
  }

  /** Wait for a record with this message; `after`: of those behind the first so many records. */
  waitForLog(message: string | RegExp, after = 0): Promise<LogRecord> {
    const matches = (record: LogRecord) =>
      typeof message === 'string' ? record.msg === message : message.test(record.msg)
    return this.process.waitFor(`the log line ${message}`, () => this.logs().slice(after).find(matches))
  }

  /** Replace the configuration as an editor saves it. The daemon is not told. */
  async writeConfig(text: string): Promise<void> {
    if (this.configFile === undefined) throw new Error('started without a configuration file')
    writeFileSync(this.configFile, await this.#fill(text))
  }

  /** Replace the configuration, SIGHUP, and wait until it is live; rejects when it was refused. */
  async reload(text?: string): Promise<void> {
    if (text !== undefined) await this.writeConfig(text)
    const answer = await this.command('reload')
    if (answer.code !== 0) throw new Error(`reload refused:\n${answer.stdout}${answer.stderr}`)
  }

  /** Run `shellac -c FILE COMMAND ...` against this daemon and in its environment, to its end. */
  command(...args: readonly string[]): Promise<Finished> {
    const file = this.configFile === undefined ? [] : ['-c', this.configFile]
    return runShellac([...file, ...args], { cwd: this.dir, env: this.#env })
  }

  rssBytes(): number {
    return rssBytes(this.pid)
  }

  openFiles(): number {
    return openFiles(this.pid)
  }

  /** SIGTERM, SIGKILL after five seconds. */
  stop(): Promise<void> {
    return this.process.stop()
  }
}

/** Start the daemon and wait until it serves. Stopped when the test ends; its output is printed when the test fails. */
export async function startShellac(options: DaemonOptions): Promise<Daemon> {
  const daemon = await launchShellac(options)
  const config = options.config === undefined ? '' : configText(options.config)
  await daemon.process.waitFor('ready', () => isReady(daemon, config))
  return daemon
}

/** Start the daemon and wait for nothing; for tests of starts that fail. */
export async function launchShellac(options: DaemonOptions): Promise<Daemon> {
  const dir = tempDir()
  const ports = new Map<string, number>()
  const fill = filler(dir, ports)
  const write = async (name: string, text: string) => {
    const path = join(dir, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, await fill(text))
    return path
  }
  for (const [name, text] of Object.entries(options.files ?? {})) await write(name, text)
  const configFile = options.config === undefined ? undefined : await write('shellac.conf', configText(options.config))
  const file = configFile === undefined ? [] : ['-c', configFile]
  const args = await Promise.all((options.args ?? []).map(fill))
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(options.env ?? {})) env[name] = await fill(value)
  const process_ = new Background(process.execPath, [...(options.nodeArgs ?? []), MAIN, ...file, ...args], {
    cwd: dir,
    env,
  })
  return new Daemon({ dir, configFile, process: process_, env, ports, fill })
}

/** Run a `shellac` command to its end. */
export function runShellac(
  args: readonly string[],
  options: { cwd?: string; env?: Readonly<Record<string, string>>; input?: string } = {},
): Promise<Finished> {
  return runProgram(process.execPath, [MAIN, ...args], options)
}

function configText(config: string | { readonly file: string }): string {
  return typeof config === 'string' ? config : readFileSync(config.file, 'utf8')
}

/** `%listen%`s are numbered once per daemon, so a later configuration finds its earlier ports again. */
function filler(dir: string, ports: Map<string, number>): Fill {
  return async (text) => {
    for (const [, name = ''] of text.matchAll(/%listen(?::([a-z0-9-]+))?%/g))
      if (!ports.has(name)) ports.set(name, await freePort())
    return text
      .replaceAll(/%listen(?::([a-z0-9-]+))?%/g, (_, name: string | undefined) => `127.0.0.1:${ports.get(name ?? '')}`)
      .replaceAll('%dir%', dir)
  }
}

/** The daemon's log says so. */
function isReady(daemon: Daemon, config: string): Promise<boolean> | boolean {
  if (daemon.logs().some((record) => record.msg === 'ready')) return true
  // One port that answers does not mean that every worker listens on all of them, but no more can be known here.
  return /log daemon \{ to file:/.test(config) && listens(daemon.port)
}

function parseRecord(line: string): LogRecord | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const record: unknown = JSON.parse(line)
    return typeof record === 'object' && record !== null && 'msg' in record ? (record as LogRecord) : undefined
  } catch {
    return undefined
  }
}
