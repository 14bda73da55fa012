/** Versions, ciphers and groups of the Plan in the words of OpenSSL. */
import { constants } from 'node:crypto'
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls'
import type { TlsPlan, TlsVersion } from '../plan/tls-plan.ts'

const versions: Readonly<Record<TlsVersion, SecureVersion>> = { '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' }

/** What every context of the listener has in common; `hasTickets` false: sessions are kept by their ids alone. */
export function policyOptions(plan: TlsPlan, hasTickets: boolean): SecureContextOptions {
  return {
    minVersion: versions[plan.minVersion],
    maxVersion: versions[plan.maxVersion],
    ciphers: [...plan.suites, ...plan.ciphers].join(':'),
    ecdhCurve: knownGroups(plan.groups).join(':'),
    honorCipherOrder: plan.cipherOrder === 'server',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (hasTickets ? 0 : constants.SSL_OP_NO_TICKET),
  }
}

const known = new Map<string, boolean>()

/** Those that the OpenSSL of this Node has; X25519MLKEM768 came with 3.5. */
export function knownGroups(groups: readonly string[]): readonly string[] {
  return groups.filter((group) => {
    if (!known.has(group)) known.set(group, isKnown(group))
    return known.get(group)
  })
}

function isKnown(group: string): boolean {
  try {
    createSecureContext({ ecdhCurve: group, ca: [] })
    return true
  } catch {
    return false
  }
}
