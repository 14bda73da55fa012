/**
 * Certificate authorities and what they sign, made by the openssl program in a temporary folder.
 *
 *     const ca = makeAuthority()
 *     const shop = ca.issue({ names: ['shop.example.com'] })
 *     // shop.certificate, shop.key: paths; shop.chain: the certificate with the intermediate one behind it
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempDir } from './temp.ts'

export type KeyType = 'ec' | 'p384' | 'secp112r1' | 'rsa' | 'rsa1024' | 'ed25519'

export interface IssueOptions {
  /** Alternative names; `DNS:` unless they begin with a kind. Empty: the certificate has none. */
  readonly names?: readonly string[]
  /** Without it, the first name. */
  readonly commonName?: string
  /** Of the subject beside CN, as openssl takes it: `/O=Example/OU=Staff`. */
  readonly subject?: string
  readonly keyType?: KeyType
  /** Whole days from now; negative: in the past. */
  readonly fromDays?: number
  readonly untilDays?: number
  readonly usage?: 'serverAuth' | 'clientAuth'
  /** Lines of openssl.cnf for the extensions. */
  readonly extensions?: readonly string[]
}

/** Paths. */
export interface Issued {
  readonly certificate: string
  readonly key: string
  /** The certificate, and behind it those of the authorities below the root. */
  readonly chain: string
  /** The text of `chain` and `key` in one. */
  readonly both: string
}

const keyOptions: Readonly<Record<KeyType, readonly string[]>> = {
  ec: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  secp112r1: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp112r1'],
  rsa: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  rsa1024: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
  ed25519: ['-algorithm', 'ED25519'],
}

export class Authority {
  readonly certificate: string
  readonly key: string
  readonly #dir: string
  /** Of the authorities between this one and the root, PEM. */
  readonly #chain: string
  #count = 0

  constructor(dir: string, certificate: string, key: string, chain: string) {
    this.#dir = dir
    this.certificate = certificate
    this.key = key
    this.#chain = chain
    writeFileSync(join(dir, 'index.txt'), '')
    writeFileSync(join(dir, 'index.txt.attr'), 'unique_subject = no\n')
    writeFileSync(join(dir, 'serial'), '1000\n')
  }

  issue(options: IssueOptions = {}): Issued {
    const usage = options.usage ?? 'serverAuth'
    const names = (options.names ?? []).map((name) => (/^[A-Za-z]+:/.test(name) ? name : `DNS:${name}`))
    const lines = [
      'basicConstraints = critical, CA:FALSE',
      `extendedKeyUsage = ${usage}`,
      ...(names.length > 0 ? [`subjectAltName = ${names.join(', ')}`] : []),
      ...(options.extensions ?? []),
    ]
    const commonName = options.commonName ?? options.names?.[0] ?? 'nobody'
    const made = this.#sign(`${options.subject ?? ''}/CN=${commonName}`, options, lines)
    const chain = `${made.certificate}.chain`
    writeFileSync(chain, readFileSync(made.certificate, 'utf8') + this.#chain)
    const both = `${made.certificate}.both`
    writeFileSync(both, readFileSync(chain, 'utf8') + readFileSync(made.key, 'utf8'))
    return { ...made, chain, both }
  }

  /** An authority that this one has signed. */
  intermediate(name: string, options: IssueOptions = {}): Authority {
    const lines = ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign, cRLSign']
    const { certificate, key } = this.#sign(`/CN=${name}`, options, lines)
    return new Authority(tempDir('ca-'), certificate, key, readFileSync(certificate, 'utf8') + this.#chain)
  }

  /** What it says about a certificate of its own, in DER: the path of the file. */
  ocspResponse(issued: Issued, options: { readonly days?: number; readonly revoked?: boolean } = {}): string {
    const file = join(this.#dir, `${++this.#count}`)
    const serial = openssl(['x509', '-in', issued.certificate, '-noout', '-serial']).trim().replace('serial=', '')
    const index = `${file}.index`
    const [state, until] = options.revoked === true ? ['R', '250101000000Z'] : ['V', '']
    writeFileSync(index, `${state}\t490101000000Z\t${until}\t${serial}\tunknown\t/CN=x\n`)
    const request = ['-issuer', this.certificate, '-cert', issued.certificate, '-reqout', `${file}.req`]
    openssl(['ocsp', ...request])
    const signer = ['-rsigner', this.certificate, '-rkey', this.key, '-CA', this.certificate]
    const span = options.days === undefined ? ['-ndays', '7'] : ['-ndays', `${options.days}`]
    openssl(['ocsp', '-index', index, ...signer, '-reqin', `${file}.req`, '-respout', `${file}.der`, ...span])
    return `${file}.der`
  }

  #sign(subject: string, options: IssueOptions, extensions: readonly string[]): { certificate: string; key: string } {
    const base = join(this.#dir, `${++this.#count}`)
    openssl(['genpkey', ...keyOptions[options.keyType ?? 'ec'], '-out', `${base}.key`])
    openssl(['req', '-new', '-key', `${base}.key`, '-subj', subject, '-out', `${base}.csr`, '-utf8'])
    writeFileSync(
      `${base}.cnf`,
      `[ca]\ndefault_ca = this\n[this]\ndatabase = ${this.#dir}/index.txt\nserial = ${this.#dir}/serial\n` +
        `new_certs_dir = ${this.#dir}\ndefault_md = sha256\npolicy = any\nunique_subject = no\nemail_in_dn = yes\n` +
        `[any]\ncommonName = supplied\norganizationName = optional\norganizationalUnitName = optional\n` +
        `emailAddress = optional\n[extensions]\n${extensions.join('\n')}\n`,
    )
    const span = ['-startdate', timeText(options.fromDays ?? -1), '-enddate', timeText(options.untilDays ?? 90)]
    const paths = ['-cert', this.certificate, '-keyfile', this.key, '-in', `${base}.csr`, '-out', `${base}.crt`]
    openssl([
      'ca',
      '-batch',
      '-preserveDN',
      '-notext',
      '-config',
      `${base}.cnf`,
      '-extensions',
      'extensions',
      ...span,
      ...paths,
    ])
    return { certificate: `${base}.crt`, key: `${base}.key` }
  }
}

/** A root of its own. */
export function makeAuthority(name = 'Test Root'): Authority {
  const dir = tempDir('ca-')
  const [key, certificate] = [join(dir, 'root.key'), join(dir, 'root.crt')]
  openssl(['genpkey', ...keyOptions.ec, '-out', key])
  const extensions = ['-addext', 'keyUsage = critical, keyCertSign, cRLSign, digitalSignature']
  openssl([
    'req',
    '-x509',
    '-new',
    '-key',
    key,
    '-days',
    '3650',
    '-subj',
    `/CN=${name}`,
    '-out',
    certificate,
    ...extensions,
  ])
  return new Authority(dir, certificate, key, '')
}

/** Appended to a file: what stands between a certificate and a root, or a second key. */
export function append(path: string, ...others: readonly string[]): void {
  for (const other of others) appendFileSync(path, readFileSync(other))
}

/** `YYYYMMDDHHMMSSZ`. */
function timeText(days: number): string {
  const time = new Date(Date.now() + days * 86_400_000).toISOString()
  return `${time.slice(0, 19).replaceAll(/[-:T]/g, '')}Z`
}

/** Runs openssl to its end; throws what it complains about. */
export function openssl(args: readonly string[], input?: string): string {
  const ended = spawnSync('openssl', args, { encoding: 'utf8', input, env: { ...process.env, OPENSSL_CONF: '' } })
  if (ended.status !== 0) throw new Error(`openssl ${args.join(' ')}: ${ended.stderr}`)
  return ended.stdout
}
