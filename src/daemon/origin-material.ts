/** What TLS to the servers of a backend needs, read from the machine: who is trusted, and what the proxy shows of itself. */
import { X509Certificate } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { OriginTls, type OriginTlsMaterial } from '../net/origin-tls.ts'
import type { OriginTlsPlan } from '../plan/origin-tls-plan.ts'
import type { BackendPlan } from '../plan/plan.ts'
import type { PemSource } from '../plan/tls-plan.ts'
import { MAX_CHAIN, PemError, parseCertificates, parsePrivateKey } from '../tls/pem.ts'
import type { MaterialProblem } from './material-problem.ts'
import { readSecretFile, UnreadableError } from './secret-file.ts'

/** What is in use for one backend. */
export interface LoadedOrigin {
  readonly plan: OriginTlsPlan
  readonly material: OriginTlsMaterial
}

/** As many as the trust stores of browsers hold, and then some. */
const MAX_AUTHORITIES = 1000

/** A source, and what is wrong with it. */
class SourceError extends Error {
  /** undefined: no file and no text in PEM. */
  readonly source: PemSource | undefined

  constructor(source: PemSource | undefined, message: string) {
    super(message)
    this.source = source
  }
}

/**
 * Reads what `plan` names. What cannot be used is added to `problems`, and `before` goes on in its place, if that was
 * loaded for the same statements; undefined: nothing can.
 */
export function loadOrigin(
  { name, place }: BackendPlan,
  plan: OriginTlsPlan,
  before: LoadedOrigin | undefined,
  problems: MaterialProblem[],
): LoadedOrigin | undefined {
  const kept = before !== undefined && isDeepStrictEqual(before.plan, plan) ? before : undefined
  try {
    const material = read(plan)
    tryContext(plan, material)
    return { plan, material }
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    const { source, message } = error
    const file = source?.kind === 'file' ? source.path : undefined
    problems.push({ severity: 'error', kind: 'backend', name, file, place, message, stays: kept !== undefined })
    return kept
  }
}

/** Every file it is read from. */
export function originFilesOf({ ca, certificate }: OriginTlsPlan): readonly string[] {
  return [ca, certificate?.certificate, certificate?.key].flatMap((source) =>
    source?.kind === 'file' ? source.path : [],
  )
}

function read({ ca, certificate }: OriginTlsPlan): OriginTlsMaterial {
  return {
    ca: ca && certificatesOf(ca, MAX_AUTHORITIES).join(''),
    certificate: certificate && certificatesOf(certificate.certificate, MAX_CHAIN).join(''),
    key: certificate && keyOf(certificate.key, certificate.certificate),
  }
}

function certificatesOf(source: PemSource, most: number): string[] {
  return about(source, () => parseCertificates(textOf(source), most).map((one) => one.toString()))
}

function keyOf(source: PemSource, certificate: PemSource): string {
  return about(source, () => {
    const { key, pem } = parsePrivateKey(textOf(source))
    const [own] = parseCertificates(textOf(certificate), MAX_CHAIN)
    if (!new X509Certificate(own!.raw).checkPrivateKey(key)) throw new PemError('holds the key of another certificate')
    return pem
  })
}

/** What OpenSSL refuses is found out here, not in every worker. */
function tryContext(plan: OriginTlsPlan, material: OriginTlsMaterial): void {
  try {
    new OriginTls(plan, material)
  } catch (error) {
    const { reason = 'no reason given' } = error as { reason?: string }
    const isAboutCiphers = /cipher/.test(reason)
    const source = isAboutCiphers ? undefined : (plan.certificate?.certificate ?? plan.ca)
    throw new SourceError(source, `is refused by OpenSSL: ${reason}`)
  }
}

function textOf(source: PemSource): string {
  return source.kind === 'text' ? source.text : readSecretFile(source.path).toString('latin1')
}

function about<T>(source: PemSource, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof PemError || error instanceof UnreadableError) throw new SourceError(source, error.message)
    throw error
  }
}
