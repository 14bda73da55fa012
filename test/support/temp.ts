/** Temporary folders, each gone when its test ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestEnd } from './cleanup.ts'

/** A new empty folder; its path is short enough for a unix socket in it. */
export function tempDir(prefix = 'shellac-'): string {
  const dir = mkdtempSync(join(tmpdir(), prefix))
  onTestEnd(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
