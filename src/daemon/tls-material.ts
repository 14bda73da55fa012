/**
 * What the TLS of listeners and backends needs, read from the machine: certificates, keys, OCSP responses, authorities. Nothing here throws
 * for what a file holds: what cannot be used is a problem in words, and what was loaded before for the same statement stays.
 */
import { X509Certificate } from 'node:crypto'
import type { ListenerPlan, Place, Plan } from '../plan/plan.ts'
import type { CertificatePlan, PemSource, TlsPlan } from '../plan/tls-plan.ts'
import { CertificateError, loadCertificate } from '../tls/certificate.ts'
import type { CertificateMaterial, StapledResponse, TlsMaterial, TlsMaterials } from '../tls/material.ts'
import { OcspError, readOcspResponse } from '../tls/ocsp-response.ts'
import { PemError, parseCertificates } from '../tls/pem.ts'
import { ownSessions, shownByName, TlsServer } from '../tls/tls-server.ts'
import type { MaterialProblem } from './material-problem.ts'
import { type LoadedOrigin, loadOrigin, originFilesOf } from './origin-material.ts'
import { readSecretFile, UnreadableError } from './secret-file.ts'

/** One certificate of a listener as it is in use. */
export interface LoadedEntry {
  readonly plan: CertificatePlan
  readonly material: CertificateMaterial
}

/** What is in use for one listener. */
export interface LoadedListener {
  readonly plan: TlsPlan
  readonly entries: readonly LoadedEntry[]
  readonly clientCa: string | undefined
}

export interface LoadedMaterials {
  /** By the name of the listener; without those that cannot serve. */
  readonly listeners: ReadonlyMap<string, LoadedListener>
  /** By the name of the backend; without those that cannot be used. */
  readonly origins: ReadonlyMap<string, LoadedOrigin>
  readonly problems: readonly MaterialProblem[]
  /** Listeners that have no certificate at all, or not the authorities that would tell their clients apart; backends likewise. */
  readonly unusable: readonly { readonly kind: MaterialProblem['kind']; readonly name: string }[]
}

/** `before`: what is in use. Reads every file of the Plan's listeners and backends. */
export function loadMaterials(plan: Plan, before: LoadedMaterials | undefined, nowMs: number): LoadedMaterials {
  const listeners = new Map<string, LoadedListener>()
  const problems: MaterialProblem[] = []
  const origins = new Map<string, LoadedOrigin>()
  const unusable: { kind: MaterialProblem['kind']; name: string }[] = []
  for (const listener of plan.listeners) {
    if (listener.tls === undefined) continue
    const loaded = new ListenerLoad(
      listener,
      listener.tls,
      before?.listeners.get(listener.name),
      nowMs,
      problems,
    ).load()
    if (loaded === undefined) unusable.push({ kind: 'listener', name: listener.name })
    else listeners.set(listener.name, loaded)
  }
  for (const backend of plan.backends) {
    if (backend.tls === undefined) continue
    const loaded = loadOrigin(backend, backend.tls, before?.origins.get(backend.name), problems)
    if (loaded === undefined) unusable.push({ kind: 'backend', name: backend.name })
    else origins.set(backend.name, loaded)
  }
  return { listeners, origins, problems, unusable }
}

/** For the workers. */
export function materialsOf({ listeners, origins }: LoadedMaterials): TlsMaterials {
  return {
    listeners: new Map(
      [...listeners].map(([name, { entries, clientCa }]) => [
        name,
        { certificates: entries.map(({ material }) => material), clientCa },
      ]),
    ),
    origins: new Map([...origins].map(([name, { material }]) => [name, material])),
  }
}

/** Every file they are read from, to be watched. */
export function filesOf(plan: Plan): readonly string[] {
  const files = plan.listeners.flatMap(({ tls }) => {
    if (tls === undefined) return []
    const sources = tls.certificates.flatMap(({ certificate, key }) => [certificate, key])
    const authorities = tls.clientCertificate === undefined ? [] : [tls.clientCertificate.ca]
    const responses = tls.certificates.flatMap(({ ocspPath }) => ocspPath ?? [])
    return [
      ...[...sources, ...authorities].flatMap((source) => (source.kind === 'file' ? source.path : [])),
      ...responses,
    ]
  })
  const ofOrigins = plan.backends.flatMap(({ tls }) => (tls === undefined ? [] : originFilesOf(tls)))
  return [...new Set([...files, ...ofOrigins])]
}

class ListenerLoad {
  readonly #listener: string
  readonly #protocols: ListenerPlan['protocols']
  readonly #plan: TlsPlan
  readonly #before: LoadedListener | undefined
  readonly #nowMs: number
  readonly #problems: MaterialProblem[]

  constructor(
    { name, protocols }: ListenerPlan,
    plan: TlsPlan,
    before: LoadedListener | undefined,
    nowMs: number,
    problems: MaterialProblem[],
  ) {
    this.#listener = name
    this.#protocols = protocols
    this.#plan = plan
    this.#before = before
    this.#nowMs = nowMs
    this.#problems = problems
  }

  /** undefined: nothing of it can serve. */
  load(): LoadedListener | undefined {
    const clientCa = this.#loadAuthorities()
    const entries = this.#plan.certificates.flatMap((one) => this.#loadEntry(one, clientCa) ?? [])
    if (entries.length === 0) return undefined
    if (this.#plan.clientCertificate !== undefined && clientCa === undefined) return undefined
    this.#doubtHidden(entries)
    return { plan: this.#plan, entries, clientCa }
  }

  /** A certificate whose every name belongs to an earlier one with the same kind of key. */
  #doubtHidden(entries: readonly LoadedEntry[]): void {
    const shown = new Set([...shownByName(entries.map(({ material }) => material)).values()].flat())
    for (const { plan, material } of entries.slice(1)) {
      if (shown.has(material) || material.names.length === 0) continue
      const message = 'is never shown: its names are those of earlier certificates with the same kind of key'
      this.#report('warn', plan.certificate, plan.place, message, false)
    }
  }

  #loadAuthorities(): string | undefined {
    const rule = this.#plan.clientCertificate
    if (rule === undefined) return undefined
    const { ca, place } = rule
    const old = this.#before
    const same = old?.plan.clientCertificate !== undefined && isSameSource(old.plan.clientCertificate.ca, ca)
    const kept = same ? old.clientCa : undefined
    try {
      const text = read(ca)
      const found = parseCertificates(text, MAX_AUTHORITIES)
      const expired = found.filter((one) => one.validToDate.getTime() <= this.#nowMs).length
      if (expired > 0) this.#report('warn', ca, place, `holds ${expired} authorities that have expired`, false)
      return found.map((one) => one.toString()).join('')
    } catch (error) {
      this.#report('error', ca, place, sentenceOf(error), kept !== undefined)
      return kept
    }
  }

  /** undefined: it cannot be used, and nothing of before can be in its place. */
  #loadEntry(plan: CertificatePlan, clientCa: string | undefined): LoadedEntry | undefined {
    const kept = this.#before?.entries.find((one) => isSameEntry(one.plan, plan))
    const material = this.#loadCertificate(plan, kept?.material, clientCa)
    return material === undefined ? kept && { plan, material: kept.material } : { plan, material }
  }

  #loadCertificate(
    plan: CertificatePlan,
    kept: CertificateMaterial | undefined,
    clientCa: string | undefined,
  ): CertificateMaterial | undefined {
    const { certificate, key, place } = plan
    let source = certificate
    try {
      const texts = { certificate: read(certificate), key: '' }
      source = key
      texts.key = isSameSource(certificate, key) ? texts.certificate : read(key)
      source = certificate
      const { material, doubts } = loadCertificate(texts, plan.names, undefined, this.#nowMs)
      this.#tryContext(material, clientCa)
      if (material.notAfterMs <= this.#nowMs && kept !== undefined && kept.notAfterMs > this.#nowMs) {
        this.#report('error', certificate, place, `has expired on ${new Date(material.notAfterMs).toISOString()}`, true)
        return undefined
      }
      for (const doubt of doubts) this.#report('warn', certificate, place, doubt, false)
      return { ...material, ocsp: this.#loadResponse(plan, material) }
    } catch (error) {
      if (error instanceof CertificateError && error.about === 'key') source = key
      this.#report('error', source, place, sentenceOf(error), kept !== undefined)
      return undefined
    }
  }

  /** What OpenSSL refuses under the versions and ciphers of the listener is found out here, not in every worker. */
  #tryContext(material: CertificateMaterial, clientCa: string | undefined): void {
    const alone: TlsMaterial = { certificates: [material], clientCa }
    try {
      new TlsServer(this.#plan, alone, { protocols: this.#protocols, realm: this.#listener, sessions: ownSessions })
    } catch (error) {
      const { reason } = error as { reason?: string }
      throw new CertificateError('certificate', `is refused by OpenSSL: ${reason ?? 'no reason given'}`)
    }
  }

  /** Without one clients ask the authority themselves, so an unusable one is no reason to go without the certificate. */
  #loadResponse({ ocspPath, place }: CertificatePlan, material: CertificateMaterial): StapledResponse | undefined {
    if (ocspPath === undefined) return undefined
    try {
      const der = readSecretFile(ocspPath)
      return readOcspResponse(der, new X509Certificate(material.certificate), this.#nowMs)
    } catch (error) {
      this.#report('warn', { kind: 'file', path: ocspPath }, place, `${sentenceOf(error)}, and is not stapled`, false)
      return undefined
    }
  }

  #report(
    severity: MaterialProblem['severity'],
    source: PemSource,
    place: Place,
    message: string,
    stays: boolean,
  ): void {
    const file = source.kind === 'file' ? source.path : undefined
    this.#problems.push({ severity, kind: 'listener', name: this.#listener, file, place, message, stays })
  }
}

function read(source: PemSource): string {
  return source.kind === 'text' ? source.text : readSecretFile(source.path).toString('latin1')
}

/** As many as the trust stores of browsers hold, and then some. */
const MAX_AUTHORITIES = 1000

function sentenceOf(error: unknown): string {
  const isExpected =
    error instanceof CertificateError ||
    error instanceof PemError ||
    error instanceof OcspError ||
    error instanceof UnreadableError
  if (!isExpected) throw error
  return error.message
}

/** The same statement: what it says, not where it stands. */
function isSameEntry(a: CertificatePlan, b: CertificatePlan): boolean {
  return (
    isSameSource(a.certificate, b.certificate) &&
    isSameSource(a.key, b.key) &&
    a.names.length === b.names.length &&
    a.names.every((name, at) => name === b.names[at])
  )
}

function isSameSource(a: PemSource, b: PemSource): boolean {
  if (a.kind === 'file') return b.kind === 'file' && a.path === b.path
  return b.kind === 'text' && a.text === b.text
}
