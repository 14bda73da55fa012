/** The version of the package this file is part of. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const VERSION: string = readVersion(dirname(fileURLToPath(import.meta.url)))

/** The nearest package.json upwards: sources and dist lie at different depths below it. */
function readVersion(folder: string): string {
  try {
    const content: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    if (typeof content === 'object' && content !== null && 'version' in content) return String(content.version)
  } catch {
    const parent = dirname(folder)
    if (parent !== folder) return readVersion(parent)
  }
  return 'unknown'
}
