/** `$tls...` in header edits: empty where there is nothing to tell, and of a certificate that is not valid only that it is not. */
import type { VariableName } from '../plan/plan.ts'
import type { TlsFacts } from '../plan/tls-facts.ts'

export type TlsVariable = Extract<VariableName, `tls.${string}`>

export function tlsVariable(tls: TlsFacts | undefined, name: TlsVariable): string {
  if (tls === undefined) return ''
  const client = tls.client?.isVerified === true ? tls.client : undefined
  switch (name) {
    case 'tls.version':
      return tls.version
    case 'tls.cipher':
      return tls.cipher
    case 'tls.protocol':
      return tls.protocol
    case 'tls.sni':
      return tls.sni
    case 'tls.client.state':
      return client !== undefined ? 'verified' : tls.client === undefined ? 'absent' : 'untrusted'
    case 'tls.client.subject':
      return client?.subject ?? ''
    case 'tls.client.common-name':
      return client?.commonName ?? ''
    case 'tls.client.issuer':
      return client?.issuer ?? ''
    case 'tls.client.serial':
      return client?.serial ?? ''
    case 'tls.client.fingerprint':
      return client?.fingerprint ?? ''
  }
}
