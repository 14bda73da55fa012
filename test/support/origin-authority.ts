/** A certificate authority for origins under test, made with the openssl program in a folder of its own. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { tempDir } from './temp.ts'

/** Paths of PEM files. */
export interface Issued {
  readonly certificate: string
  readonly key: string
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export class OriginAuthority {
  readonly dir = tempDir('origin-ca-')
  /** Its own certificate. */
  readonly ca: string = join(this.dir, 'ca.crt')
  readonly #key = join(this.dir, 'ca.key')
  #count = 0

  constructor(name = 'Test CA') {
    run('req', '-x509', ...KEY, '-keyout', this.#key, '-out', this.ca, '-days', '30', '-subj', `/CN=${name}`)
  }

  /** `names`: as in a subjectAltName, `DNS:app.internal` or `IP:127.0.0.1`. `days` -1: it ended yesterday. */
  issue(names: readonly string[], days = 30): Issued {
    const base = join(this.dir, `issued-${this.#count++}`)
    const [key, request, certificate] = [`${base}.key`, `${base}.csr`, `${base}.crt`]
    const alternatives = ['-addext', `subjectAltName=${names.join(',')}`]
    run('req', ...KEY, '-keyout', key, '-out', request, '-subj', `/CN=${names[0]?.split(':')[1]}`, ...alternatives)
    const signer = ['-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial', '-copy_extensions', 'copy']
    run('x509', '-req', '-in', request, '-out', certificate, '-days', `${days}`, ...signer)
    return { certificate, key }
  }
}

function run(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}
