/**
 * The certificates that listeners show, for as long as the daemon lives: loaded with each Plan, loaded again when a file
 * changes, and given to the workers without a reload. Whatever is wrong with new ones is said, and the old ones go on.
 *
 * Tools that renew certificates swap links or rename files, one after the other, so a look at the wrong moment may find a key
 * beside the certificate of yesterday. That is a problem like any other: nothing changes, and the next change is looked at.
 */
import { isDeepStrictEqual } from 'node:util'
import { describeError } from '../log/errno.ts'
import type { Plan } from '../plan/plan.ts'
import { type Expiry, expiryOf } from '../tls/expiry.ts'
import { type CertificateMaterial, noMaterials, type TlsMaterials } from '../tls/material.ts'
import { ConfigWatch } from './config-watch.ts'
import { type MaterialProblem, problemText } from './material-problem.ts'
import { StrictError } from './strict.ts'
import { filesOf, type LoadedMaterials, loadMaterials, materialsOf } from './tls-material.ts'

export type CertificateLog = (level: 'info' | 'warn' | 'error', message: string, fields: object) => void

export interface CertificatesOptions {
  readonly log: CertificateLog
  /** Gives the workers what a change of files brought. */
  readonly renew: (materials: TlsMaterials) => void
}

/** One certificate as it is shown, for people and monitors. */
export interface CertificateStatus {
  readonly listener: string
  /** null: a value of the configuration. */
  readonly file: string | null
  readonly names: readonly string[]
  readonly keyType: string
  /** SHA-256, hexadecimal. */
  readonly fingerprint: string
  readonly notAfter: string
  /** Negative: since when it has been expired. */
  readonly expiresInSec: number
  readonly expiry: Expiry
  /** Until when the stapled OCSP response is valid; null: none is stapled. */
  readonly ocspUntil: string | null
  /** What is wrong with the files as they are now, so that this one is not the newest; null: nothing. */
  readonly problem: string | null
}

/** What a Plan would change, if it becomes the one that is served. */
export interface PreparedCertificates {
  readonly materials: TlsMaterials
  commit(): void
}

/** Renewals on file systems that give no word of changes, and certificates that come to their end, are seen this soon. */
const LOOK_EVERY_MS = 3_600_000
/** How often one certificate is complained about. */
const REMIND_EVERY_MS = 86_400_000

const nothingLoaded: LoadedMaterials = { listeners: new Map(), origins: new Map(), problems: [], unusable: [] }

export class Certificates {
  readonly #options: CertificatesOptions
  readonly #watch: ConfigWatch
  #plan: Plan | undefined
  #loaded: LoadedMaterials = nothingLoaded
  /** What the workers have, or are about to be given. */
  #given: TlsMaterials = noMaterials
  #timer: NodeJS.Timeout | undefined
  /** By fingerprint: when its end was last spoken of. */
  readonly #remindedMs = new Map<string, number>()

  constructor(options: CertificatesOptions) {
    this.#options = options
    this.#watch = new ConfigWatch({
      onChange: () => this.look('files changed'),
      onError: (error) => options.log('warn', 'cannot watch the certificates', { error: describeError(error) }),
    })
  }

  /** Reads what the Plan names. Throws an Error, and changes nothing, when a listener or backend cannot do with what is there. */
  prepare(plan: Plan, nowMs = Date.now()): PreparedCertificates {
    const loaded = loadMaterials(plan, this.#loaded, nowMs)
    const [unusable] = loaded.unusable
    if (unusable !== undefined) throw new Error(describeUnusable(unusable.kind, unusable.name, loaded.problems))
    if (plan.reload.strict && loaded.problems.length > 0) {
      throw new StrictError(`${loaded.problems.map(problemText).join('; ')} (reload { strict; })`)
    }
    const materials = materialsOf(loaded)
    return {
      materials,
      commit: () => {
        const before = this.#loaded
        this.#plan = plan
        this.#loaded = loaded
        this.#given = materials
        this.#report(loaded.problems, before.problems)
        this.#remind(nowMs)
        void this.#follow(plan, nowMs)
      },
    }
  }

  /** Reads all files anew, and gives the workers what differs. */
  look(cause: string, nowMs = Date.now()): void {
    if (this.#plan === undefined) return
    const before = this.#loaded
    const loaded = loadMaterials(this.#plan, before, nowMs)
    this.#loaded = loaded
    this.#report(loaded.problems, before.problems)
    const materials = materialsOf(loaded)
    if (!isDeepStrictEqual(materials, this.#given)) {
      this.#given = materials
      this.#announce(cause, before)
      this.#options.renew(materials)
    }
    this.#remind(nowMs)
    // Links may lead elsewhere now.
    void this.#follow(this.#plan, nowMs)
  }

  /** False: a reload has replaced them meanwhile. */
  isCurrent(materials: TlsMaterials): boolean {
    return this.#given === materials
  }

  status(nowMs = Date.now()): readonly CertificateStatus[] {
    return [...this.#loaded.listeners].flatMap(([listener, { entries }]) =>
      entries.map(({ plan, material }) => {
        const { certificate, key, ocspPath, place } = plan
        const files = [certificate, key].flatMap((source) => (source.kind === 'file' ? source.path : []))
        const problem = this.#loaded.problems.find(
          (one) => one.name === listener && one.kind === 'listener' && isDeepStrictEqual(one.place, place),
        )
        return {
          listener,
          file: files[0] ?? ocspPath ?? null,
          ...describe(material, nowMs),
          problem: problem === undefined ? null : problemText(problem),
        }
      }),
    )
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#plan = undefined
    await this.#watch.close()
  }

  async #follow(plan: Plan, loadedAtMs: number): Promise<void> {
    const files = plan.reload.watch ? filesOf(plan) : []
    if (files.length === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
      await this.#watch.close()
      return
    }
    this.#timer ??= setInterval(() => this.look('hourly look'), LOOK_EVERY_MS).unref()
    try {
      await this.#watch.follow(files, loadedAtMs, plan.reload.debounceMs)
    } catch (error) {
      this.#options.log('warn', 'cannot watch the certificates', { error: describeError(error) })
    }
  }

  /** Problems that were there before are not told again. */
  #report(problems: readonly MaterialProblem[], before: readonly MaterialProblem[]): void {
    const told = new Set(before.map(textOf))
    for (const problem of problems) {
      if (told.has(textOf(problem))) continue
      const { severity, kind, name, file, place, message, stays } = problem
      const text = severity === 'warn' ? 'certificate is doubtful' : 'certificate cannot be used'
      this.#options.log(severity, stays ? `${text}; the old one stays` : text, {
        [kind]: name,
        file,
        place: `${place.file}:${place.line}`,
        error: message,
      })
    }
  }

  #announce(cause: string, before: LoadedMaterials): void {
    for (const [backend, { material }] of this.#loaded.origins) {
      const old = before.origins.get(backend)
      if (old === undefined || isDeepStrictEqual(old.material, material)) continue
      this.#options.log('info', 'certificates of a backend renewed', { backend, cause })
    }
    for (const [listener, { entries }] of this.#loaded.listeners) {
      const old = new Set(before.listeners.get(listener)?.entries.map(({ material }) => material.fingerprint))
      for (const { material } of entries) {
        if (old.has(material.fingerprint)) continue
        const { names, notAfterMs, fingerprint } = material
        const notAfter = new Date(notAfterMs).toISOString()
        this.#options.log('info', 'certificate renewed', { listener, names, notAfter, fingerprint, cause })
      }
    }
  }

  #remind(nowMs: number): void {
    for (const { listener, expiry, expiresInSec, fingerprint, ...one } of this.status(nowMs)) {
      const last = this.#remindedMs.get(fingerprint)
      if (expiry === 'valid' || (last !== undefined && nowMs - last < REMIND_EVERY_MS)) continue
      this.#remindedMs.set(fingerprint, nowMs)
      const { names, notAfter, file } = one
      const fields = { listener, file, names, notAfter, days: Math.floor(expiresInSec / 86_400) }
      if (expiry === 'expired') this.#options.log('error', 'certificate has expired', fields)
      else this.#options.log('warn', 'certificate expires soon', fields)
    }
  }
}

function describe(
  { names, keyType, fingerprint, notAfterMs, ocsp }: CertificateMaterial,
  nowMs: number,
): Omit<CertificateStatus, 'listener' | 'file' | 'problem'> {
  const isStapled = ocsp !== undefined && ocsp.untilMs > nowMs
  return {
    names,
    keyType,
    fingerprint,
    notAfter: new Date(notAfterMs).toISOString(),
    expiresInSec: Math.floor((notAfterMs - nowMs) / 1000),
    expiry: expiryOf(notAfterMs, nowMs),
    ocspUntil: isStapled && Number.isFinite(ocsp.untilMs) ? new Date(ocsp.untilMs).toISOString() : null,
  }
}

function textOf(problem: MaterialProblem): string {
  return `${problem.kind} ${problem.name} ${problem.severity} ${problem.stays} ${problemText(problem)}`
}

function describeUnusable(kind: MaterialProblem['kind'], name: string, problems: readonly MaterialProblem[]): string {
  const errors = problems.filter((one) => one.kind === kind && one.name === name && one.severity === 'error')
  const what = kind === 'listener' ? 'has no certificate that can be used' : 'cannot be spoken to over TLS'
  return `${kind} "${name}" ${what}: ${errors.map(problemText).join('; ')}`
}
