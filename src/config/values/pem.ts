/** Where certificates and keys come from: a file, or a value of the configuration that holds the text itself. */
import type { PemSource } from '../../plan/tls-plan.ts'
import type { Argument } from '../ast.ts'
import { accept, type Read, refuse } from './read.ts'
import { readFilePath } from './words.ts'

/** A path, which is read later; or text in PEM, which may be secret: `${cred:app.key}`. */
export function readPemSource(argument: Argument): Read<PemSource> {
  const { text, secret } = argument
  if (text.includes('-----BEGIN ')) return accept({ kind: 'text', text, secret })
  if (secret) return refuse(argument, 'bad-pem', 'the secret is no text in PEM', 'it begins with "-----BEGIN"')
  const path = readFilePath(argument)
  return path.ok ? accept({ kind: 'file', path: path.value }) : path
}
