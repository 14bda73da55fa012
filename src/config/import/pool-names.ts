/** Names and addresses of the pools of one file: ours for names that our language does not take, and nothing twice. */
import type { ListenAddress } from '../../plan/plan.ts'
import type { OptionReader } from './option-reader.ts'
import type { YamlText } from './yaml-pools.ts'

/** Of our language. */
const MAX_NAME = 64

export class PoolNames {
  readonly #taken = new Set<string>()
  readonly #listening = new Set<string>()

  /** The name itself if it will do, else one like it; a remark tells so. */
  nameOf(given: string, remarks: string[]): string {
    const fit = plainName(given)
    let name = fit
    for (let n = 2; this.#taken.has(name); n++) name = `${fit.slice(0, MAX_NAME - 6)}-${n}`
    this.#taken.add(name)
    if (name !== given) remarks.push(`called ${JSON.stringify(given)} there`)
    return name
  }

  checkListen(at: YamlText, listen: ListenAddress, reader: OptionReader): void {
    const text = listen.kind === 'unix' ? listen.path : `${listen.host}:${listen.port}`
    if (this.#listening.has(text)) reader.error(at, 'duplicate-address', `another pool listens on "${text}" too`)
    this.#listening.add(text)
  }
}

/** A letter, then letters, digits, `-` and `_`. */
function plainName(given: string): string {
  const plain = given.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, MAX_NAME)
  return /^[A-Za-z]/.test(plain) ? plain : `pool-${plain}`.slice(0, MAX_NAME)
}
