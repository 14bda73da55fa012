/** What the figures were measured on. */
import { cpus, release, totalmem } from 'node:os'
import { versionOf } from './process.ts'

export interface MachineFacts {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly wrk: string
  readonly origin: string
}

export function machineFacts(): MachineFacts {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    wrk: versionOf('wrk', '-v'),
    origin: versionOf('nginx', '-v'),
  }
}
