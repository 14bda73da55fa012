/** Facts about a process from /proc. */
import { readdirSync, readFileSync } from 'node:fs'

/** Resident set, bytes. */
export function rssBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  if (!match) throw new Error(`process ${pid} has no VmRSS`)
  return Number(match[1]) * 1024
}

/** Open file descriptors. */
export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}
