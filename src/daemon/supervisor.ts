/**
 * The daemon's main thread, from the first Plan to the exit code. It serves no request: it keeps the workers that do,
 * gives them the newest Plan that works, and answers signals and the admin socket.
 *
 * Its states: starting -> serving -> draining -> ended. Signals may come in each of them.
 */
import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import type { AdminCommand } from '../admin/commands.ts'
import { CommandTable } from '../admin/commands.ts'
import type { AdminRequest } from '../admin/protocol.ts'
import { AdminServer } from '../admin/server.ts'
import { createCounters } from '../log/counters.ts'
import { DaemonLog } from '../log/daemon-log.ts'
import { describeError } from '../log/errno.ts'
import type { PoolContext } from '../memcached/pool.ts'
import { PoolSet } from '../memcached/pool-set.ts'
import { MAIN_THREAD } from '../memcached/pool-state.ts'
import { addressText } from '../net/listener.ts'
import type { Plan } from '../plan/plan.ts'
import type { TlsMaterials } from '../tls/material.ts'
import { collectGarbageSoon } from '../util/collect-garbage.ts'
import { probeAddresses } from './address-probe.ts'
import { adminCommands } from './admin-commands.ts'
import { Certificates } from './certificates.ts'
import { ConfigWatch } from './config-watch.ts'
import { EXIT_CONFIG, EXIT_FAILED, EXIT_FORCED, EXIT_OK, EXIT_START } from './exit-codes.ts'
import { FleetPurges } from './fleet-purges.ts'
import { HeldSockets } from './held-sockets.ts'
import { addressesOf } from './listen-points.ts'
import type { Load, Loaded } from './loaded.ts'
import type { Target } from './messages.ts'
import { reportObject } from './object-report.ts'
import { removePidFile, writePidFile } from './pid-file.ts'
import { describeDiff, diffPlans } from './plan-diff.ts'
import { type DrainResult, describePools, findKeys, reportPools, runDrain } from './pool-commands.ts'
import { dropPrivileges, findIdentity, portsLostWithRoot } from './privileges.ts'
import { runPurge } from './purge-command.ts'
import { PurgeSweeper } from './purge-sweeper.ts'
import { Reloader, type ReloadPreview, type ReloadResult } from './reloader.ts'
import type { CountedPlan } from './route-tallies.ts'
import { losesCache, releaseWorker, SharedStateFactory } from './shared-state.ts'
import { SignalTable } from './signals.ts'
import type { DaemonStats, DaemonStatus } from './status.ts'
import {
  describeBackends,
  describeCaches,
  describeListeners,
  describeProxies,
  describeStats,
  describeWorkers,
} from './status.ts'
import { checkWorld } from './strict.ts'
import { type PreparedSessions, TlsSessionsKeepers } from './tls-sessions.ts'
import { workerHeapBytes } from './worker-heap.ts'
import { resolveWorkers, WorkerPool } from './worker-pool.ts'

export interface DaemonOptions {
  readonly version: string
  /** What is being served, for people: the path of the file, or what stands for it. */
  readonly configuration: string
  readonly load: Load
  /** Diagnostics, and why there is no start, go here. */
  readonly printError: (text: string) => void
  /** The module a worker thread runs; the daemon's own when absent. */
  readonly workerEntry?: URL
}

/** A worker that does not answer this fast is shown as down. */
const FACTS_TIMEOUT_MS = 1000

/** Runs until it is told to stop; resolves with the exit code. */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  return new Supervisor(options).run()
}

class Supervisor {
  readonly #options: DaemonOptions
  readonly #reloader = new Reloader((cause) => this.#reload(cause))
  readonly #watch: ConfigWatch
  readonly #signals: SignalTable
  readonly #sweeper = new PurgeSweeper(
    () => this.#target.shared,
    (cache, folds) => {
      const message = 'purges come faster than there is room for: everything older is stale'
      this.#log.log('warn', message, { cache, folds, help: 'purge by tag or prefix, or enlarge "tier memory"' })
    },
  )
  readonly #fleets = new FleetPurges((level, message, fields) => this.#log.log(level, message, fields))
  readonly #sessions = new TlsSessionsKeepers((level, message, fields) => this.#log.log(level, message, fields))
  readonly #certificates = new Certificates({
    log: (level, message, fields) => this.#log.log(level, message, fields),
    renew: (materials) => void this.#renewCertificates(materials),
  })
  readonly #startedMs = performance.now()
  #state: DaemonStatus['state'] = 'starting'
  readonly #finished = Promise.withResolvers<number>()
  /** Resolves when the start has ended, with whether the daemon serves; what is asked for meanwhile waits for it. */
  readonly #started = Promise.withResolvers<boolean>()
  // Set by #start, in this order; what follows uses them only after it.
  #log!: DaemonLog
  #pool!: WorkerPool
  #workers = 0
  #counters!: SharedArrayBuffer
  #sharedStates!: SharedStateFactory
  readonly #held = new HeldSockets()
  #target!: Target
  /** The memcached pools of the main thread: for commands, and for what all nodes of a fleet do alike. */
  #pools!: PoolSet
  /** Counts every attempt, so that no two Plans ever have one number. */
  #generation = 0
  #admin: AdminServer | undefined
  #pidFile: string | undefined

  constructor(options: DaemonOptions) {
    this.#options = options
    this.#watch = new ConfigWatch({
      onChange: () => void this.#reloader.request('files changed'),
      onError: (error) => this.#log.log('warn', 'cannot watch the configuration', { error: describeError(error) }),
    })
    this.#signals = new SignalTable({
      reload: () => void this.#whenStarted(() => this.#reloader.request('SIGHUP')),
      reopenLogs: () => void this.#whenStarted(() => this.#reopenLogs()),
      stop: (signal) => this.#stopBySignal(signal),
    })
  }

  async run(): Promise<number> {
    const release = this.#signals.install()
    try {
      const exitCode = await this.#start()
      return exitCode === EXIT_OK ? await this.#finished.promise : exitCode
    } finally {
      release()
    }
  }

  /** EXIT_OK when the daemon serves; else the code to end with, and nothing is left running. */
  async #start(): Promise<number> {
    const loaded = this.#options.load()
    const { plan } = loaded
    // Whoever reads stderr finds warnings and failed tests in the log there, once the daemon serves.
    if (plan?.logs.daemon.to.kind !== 'stderr' && loaded.text !== '') this.#options.printError(loaded.text)
    if (plan === undefined) return EXIT_CONFIG
    this.#log = new DaemonLog(plan.logs.daemon)
    this.#catchStrays()
    try {
      await this.#bringUp(plan)
    } catch (error) {
      this.#options.printError(`shellac: ${describeError(error)}\n`)
      // Whoever reads stderr has just been told.
      if (plan.logs.daemon.to.kind !== 'stderr') {
        this.#log.log('error', 'cannot start', { error: describeError(error) })
      }
      await this.#takeDown()
      this.#started.resolve(false)
      return EXIT_START
    }
    if (this.#state === 'starting') await this.#announce(loaded)
    this.#started.resolve(true)
    return EXIT_OK
  }

  async #whenStarted<T>(action: () => T | Promise<T>): Promise<T | undefined> {
    return (await this.#started.promise) ? action() : undefined
  }

  async #bringUp(configured: Plan): Promise<void> {
    const identity = findIdentity(configured.process)
    this.#workers = resolveWorkers(configured.process.workers)
    this.#counters = createCounters(this.#workers)
    this.#sharedStates = new SharedStateFactory(this.#workers)
    if (configured.reload.strict) await checkWorld(configured)
    const plan = await probeAddresses(configured, undefined)
    const shared = this.#sharedStates.build(plan, undefined)
    const certificates = this.#certificates.prepare(plan)
    this.#target = { generation: ++this.#generation, plan, shared, materials: certificates.materials }
    this.#pools = this.#poolsOf(this.#target, undefined)
    this.#pools.commit()
    if (plan.process.pidFile !== undefined) {
      const pidFile = resolve(plan.process.pidFile)
      writePidFile(pidFile)
      this.#pidFile = pidFile
    }
    this.#pool = new WorkerPool({
      workers: this.#workers,
      counters: this.#counters,
      heapBytes: workerHeapBytes(this.#workers),
      entry: this.#options.workerEntry ?? ownWorkerEntry(),
      log: (level, message, fields) => this.#log.log(level, message, fields),
      release: (worker) => this.#release(worker),
      publish: (worker, publication) => this.#fleets.publish(worker, publication),
      takeSockets: () => this.#held.take(addressesOf(this.#target.plan)),
      onHopeless: () => this.#giveUp(),
    })
    this.#admin = await this.#openAdmin(plan)
    const fleets = await this.#fleets.prepare(this.#target, this.#pools)
    const sessions = await this.#sessions.prepare(this.#target, this.#pools)
    try {
      await this.#pool.start(this.#target)
    } catch (error) {
      sessions.rollback()
      throw error
    }
    fleets.commit()
    sessions.commit()
    certificates.commit()
    if (identity !== undefined) {
      this.#holdPorts(plan)
      dropPrivileges(identity, this.#ownedFiles())
    }
  }

  async #announce(loaded: Loaded): Promise<void> {
    this.#state = 'serving'
    this.#sweeper.start()
    this.#fleets.start()
    const { plan, generation } = this.#target
    if (loaded.failedTests > 0) this.#log.log('error', 'tests of the configuration fail', { diagnostics: loaded.text })
    else if (loaded.warnings > 0) this.#log.log('warn', 'the configuration has warnings', { diagnostics: loaded.text })
    await this.#follow(loaded, plan)
    this.#log.log('info', 'ready', {
      version: this.#options.version,
      generation,
      workers: this.#workers,
      listeners: describeListeners(plan),
      configuration: this.#options.configuration,
    })
  }

  /** Never rejects: what goes wrong is the result, and the old generation goes on. */
  async #reload(cause: string): Promise<ReloadResult> {
    const startedMs = performance.now()
    const loaded = this.#options.load()
    const end = (ok: boolean, summary: string): ReloadResult => {
      const durationMs = Math.round(performance.now() - startedMs)
      const generation = this.#target.generation
      const result: ReloadResult = {
        ok,
        cause,
        generation,
        summary,
        diagnostics: loaded.text,
        configErrors: loaded.errors + loaded.failedTests,
        atMs: Date.now(),
        durationMs,
      }
      this.#logReload(result)
      return result
    }
    // A failed load too: the correction will come to one of these files.
    await this.#follow(loaded, loaded.plan ?? this.#target.plan)
    if (this.#state !== 'serving') return end(false, 'the daemon is stopping')
    if (loaded.plan === undefined) {
      return end(false, `${countOf(loaded.errors, 'error')} in the configuration; the old one stays`)
    }
    if (loaded.failedTests > 0) {
      return end(false, `${countOf(loaded.failedTests, 'test')} failed; the old configuration stays`)
    }
    try {
      return end(true, await this.#replacePlan(loaded.plan))
    } catch (error) {
      return end(false, `${describeError(error)}; the old configuration stays`)
    }
  }

  #preview(): ReloadPreview {
    const { plan, text, errors, failedTests } = this.#options.load()
    const summary = plan === undefined || failedTests > 0 ? '' : describeDiff(diffPlans(this.#target.plan, plan), true)
    return { summary, diagnostics: text, configErrors: errors + failedTests }
  }

  /** The one line that says what changed. Rejects, and has changed nothing, when the new Plan cannot be served. */
  async #replacePlan(configured: Plan): Promise<string> {
    const before = this.#target
    if (configured.reload.strict) await checkWorld(configured)
    const plan = await probeAddresses(configured, before.plan)
    const shared = this.#sharedStates.build(plan, before)
    const certificates = this.#certificates.prepare(plan)
    const target: Target = { generation: ++this.#generation, plan, shared, materials: certificates.materials }
    const admin = await this.#replaceAdmin(plan)
    const pools = this.#poolsOf(target, this.#pools)
    const fleets = await this.#fleets.prepare(target, pools)
    let sessions: PreparedSessions | undefined
    try {
      sessions = await this.#sessions.prepare(target, pools)
      await this.#pool.apply(target)
    } catch (error) {
      sessions?.rollback()
      fleets.rollback()
      pools.rollback()
      admin.undo()
      throw error
    }
    admin.commit()
    pools.commit()
    fleets.commit()
    sessions.commit()
    this.#pools = pools
    this.#target = target
    certificates.commit()
    this.#sharedStates.tallies.retire(counted(before), counted(target))
    this.#held.retain(addressesOf(plan))
    if (losesCache(before.shared, shared)) collectGarbageSoon()
    this.#log.configure(plan.logs.daemon)
    return describeDiff(diffPlans(before.plan, plan))
  }

  /** Between two reloads, as one that is under way has read the files itself. */
  async #renewCertificates(materials: TlsMaterials): Promise<void> {
    await this.#reloader.idle()
    if (this.#state !== 'serving' || !this.#certificates.isCurrent(materials)) return
    this.#target = { ...this.#target, materials }
    this.#pool.renewCertificates(this.#target)
  }

  #poolsOf({ plan, shared }: Pick<Target, 'plan' | 'shared'>, before: PoolSet | undefined): PoolSet {
    const context: PoolContext = {
      worker: MAIN_THREAD,
      log: (level, message, fields) => this.#log.log(level, message, fields),
      onFault: (error) =>
        this.#log.log('error', 'unexpected error in the main thread', { error: describeError(error) }),
    }
    return new PoolSet(plan.memcached, shared.pools, context, before)
  }

  #logReload(result: ReloadResult): void {
    const { ok, summary, ...fields } = result
    const message = ok ? 'reloaded' : 'reload failed'
    this.#log.log(ok ? 'info' : 'error', message, { ...fields, [ok ? 'changes' : 'error']: summary })
  }

  #stopBySignal(signal: string): void {
    if (this.#state === 'draining') {
      this.#log.log('warn', 'stopped at once by a second signal', { signal })
      this.#cleanFiles()
      process.exit(EXIT_FORCED)
    }
    void this.#stop(signal)
  }

  async #stop(cause: string): Promise<void> {
    if (this.#state === 'draining') return
    this.#state = 'draining'
    this.#log.log('info', 'stopping', { cause })
    if (!(await this.#started.promise)) return
    await this.#watch.close()
    await this.#reloader.idle()
    const { drainMs } = this.#target.plan.process
    if (!(await this.#pool.drain(drainMs))) await this.#logCutConnections()
    await this.#takeDown()
    this.#finished.resolve(EXIT_OK)
  }

  async #logCutConnections(): Promise<void> {
    const facts = await this.#pool.facts(FACTS_TIMEOUT_MS)
    const connections = facts.reduce((sum, one) => sum + (one?.connections ?? 0), 0)
    this.#log.log('warn', 'the drain deadline has passed; open connections are cut', { connections })
  }

  #release(worker: number): void {
    releaseWorker(this.#target.shared, worker)
    this.#fleets.releaseWorker(worker)
    // A unix socket is listened on by the first worker alone, and its file is in the way of the next.
    if (worker !== 0) return
    for (const address of addressesOf(this.#target.plan)) {
      if (address.kind === 'unix') rmSync(address.path, { force: true })
    }
  }

  #giveUp(): void {
    this.#log.log('error', 'no worker can be kept alive; the daemon ends', {})
    this.#state = 'draining'
    void this.#takeDown().then(() => this.#finished.resolve(EXIT_FAILED))
  }

  async #takeDown(): Promise<void> {
    this.#sweeper.close()
    this.#fleets.close()
    this.#sessions.close()
    await this.#certificates.close()
    await this.#watch.close()
    await this.#pool?.terminate()
    this.#pools?.destroy()
    this.#held.retain([])
    this.#cleanFiles()
    this.#log.log('info', 'stopped', { uptimeSec: this.#uptimeSec() })
    this.#log.close()
  }

  #cleanFiles(): void {
    this.#admin?.close()
    if (this.#pidFile !== undefined) removePidFile(this.#pidFile)
  }

  #reopenLogs(): void {
    this.#log.reopen()
    this.#pool.reopenLogs()
    this.#log.log('info', 'logs reopened', {})
  }

  async #follow(loaded: Loaded, plan: Plan): Promise<void> {
    if (!plan.reload.watch) return this.#watch.close()
    try {
      await this.#watch.follow(loaded.files, loaded.atMs, plan.reload.debounceMs)
    } catch (error) {
      this.#log.log('warn', 'cannot watch the configuration', { error: describeError(error) })
    }
  }

  #openAdmin(plan: Plan): Promise<AdminServer> | undefined {
    const { socketPath, mode } = plan.admin
    return socketPath === undefined ? undefined : AdminServer.open(socketPath, mode, new CommandTable(this.#commands()))
  }

  /** Opens the new socket, if it is another one; the old one closes when the rest of the Plan is live. */
  async #replaceAdmin(plan: Plan): Promise<{ commit: () => void; undo: () => void }> {
    const before = this.#admin
    if (before?.path === plan.admin.socketPath) {
      return { commit: () => before?.setMode(plan.admin.mode), undo: () => {} }
    }
    const after = await this.#openAdmin(plan)
    return {
      commit: () => {
        this.#admin = after
        before?.close()
      },
      undo: () => after?.close(),
    }
  }

  #commands(): AdminCommand[] {
    return adminCommands({
      status: () => this.#status(),
      stats: (withRoutes) => this.#stats(withRoutes),
      reload: () => this.#whenStarted(() => this.#reloader.request('command')),
      diff: () => this.#whenStarted(() => this.#preview()),
      purge: (given) => this.#whenStarted(() => runPurge(given, { ...this.#target, fleets: this.#fleets })),
      reopenLogs: () => this.#whenStarted(() => this.#reopenLogs()),
      pools: (given) => reportPools(given, this.#target),
      poolRing: (given) => findKeys(given, this.#target),
      poolDrain: (given) => this.#whenStarted(() => this.#drainServer(given)),
      object: (given) => reportObject(this.#target, given, Date.now()),
      stop: () => void this.#stop('command'),
    })
  }

  /** Between two reloads, as one that is under way has copied already what it keeps. */
  async #drainServer(given: AdminRequest['arguments']): Promise<DrainResult> {
    await this.#reloader.idle()
    const result = runDrain(given, { ...this.#target, pools: this.#pools })
    const { pool, server, drained, changed } = result
    if (changed)
      this.#log.log('info', drained ? 'memcached server drained' : 'memcached server undrained', { pool, server })
    return result
  }

  async #status(): Promise<DaemonStatus> {
    const workers = describeWorkers(await this.#pool.facts(FACTS_TIMEOUT_MS))
    return {
      version: this.#options.version,
      pid: process.pid,
      state: this.#state,
      uptimeSec: this.#uptimeSec(),
      generation: this.#target.generation,
      configuration: this.#options.configuration,
      lastReload: this.#reloader.last ?? null,
      rssBytes: process.memoryUsage.rss(),
      connections: workers.reduce((sum, worker) => sum + worker.connections, 0),
      workerRestarts: this.#pool.restarts,
      workers,
      listeners: describeListeners(this.#target.plan),
      caches: describeCaches(this.#target.shared, this.#fleets),
      backends: describeBackends(this.#target, Date.now()),
      pools: describePools(this.#target, Date.now()),
      memcachedProxies: describeProxies(this.#target),
      certificates: this.#certificates.status(),
      tlsSessions: this.#sessions.status(this.#target),
    }
  }

  #stats(withRoutes: boolean): DaemonStats {
    const { tallies } = this.#sharedStates
    const stats = describeStats(
      this.#counters,
      { ...this.#target, fleets: this.#fleets, certificates: this.#certificates, sessions: this.#sessions },
      tallies,
      this.#uptimeSec(),
    )
    return withRoutes ? { ...stats, routes: tallies.ofRoutes(counted(this.#target)) } : stats
  }

  #uptimeSec(): number {
    return Math.round((performance.now() - this.#startedMs) / 1000)
  }

  /** An error in this thread stops no worker, so it is logged and the daemon goes on. */
  #catchStrays(): void {
    const log = (error: unknown): void => {
      const stack = error instanceof Error ? error.stack : undefined
      this.#log.log('error', 'unexpected error in the main thread', { error: describeError(error), stack })
    }
    process.on('uncaughtException', log)
    process.on('unhandledRejection', log)
  }

  #ownedFiles(): string[] {
    const { access, daemon } = this.#target.plan.logs
    const logs = [access?.to, daemon.to].flatMap((target) => (target?.kind === 'file' ? [target.path] : []))
    return [...logs, this.#admin?.path, this.#pidFile, ...this.#sessions.paths].filter((path) => path !== undefined)
  }

  /** For the workers that are to replace others when this is no longer root. */
  #holdPorts(plan: Plan): void {
    if (process.geteuid!() !== 0) return
    const lost = this.#held.hold(portsLostWithRoot(addressesOf(plan)))
    if (lost.length === 0) return
    this.#log.log('warn', 'a worker that dies cannot open its privileged ports again without root', {
      addresses: lost.map(addressText),
      help: 'write the address in numbers, or start as that user with CAP_NET_BIND_SERVICE',
    })
  }
}

function counted({ plan, shared }: Target): CountedPlan {
  return { plan, routes: shared.routes }
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** Beside this module: `.ts` in the sources, `.js` in dist. */
function ownWorkerEntry(): URL {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  return new URL(`./worker${extension}`, import.meta.url)
}
