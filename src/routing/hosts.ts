/**
 * Host patterns: exact names, `*.example.com` for any depth below (not example.com itself), `*` for the rest.
 * Exact beats wildcard, a longer wildcard beats a shorter one, `*` comes last.
 */

export class HostMap<Value> {
  readonly #exact = new Map<string, Value>()
  /** By what follows the star: `.example.com`. */
  readonly #below = new Map<string, Value>()
  #rest: Value | undefined = undefined

  /** Returns false, and changes nothing, when the pattern has a value already. `pattern` is in lower case. */
  add(pattern: string, value: Value): boolean {
    if (pattern === '*') {
      if (this.#rest !== undefined) return false
      this.#rest = value
      return true
    }
    const isWildcard = pattern.startsWith('*.')
    const map = isWildcard ? this.#below : this.#exact
    const key = isWildcard ? pattern.slice(1) : pattern
    if (map.has(key)) return false
    map.set(key, value)
    return true
  }

  /** The value of the strongest pattern `host` (lower case, without port) matches; an exact one costs one Map look-up. */
  find(host: string): Value | undefined {
    return this.#exact.get(host) ?? this.#findSlowly(host)
  }

  /** The dot that ends a fully qualified name does not count. */
  #findSlowly(host: string): Value | undefined {
    const isQualified = host.endsWith('.')
    const name = isQualified ? host.slice(0, -1) : host
    return (isQualified ? this.#exact.get(name) : undefined) ?? this.#findBelow(name) ?? this.#rest
  }

  #findBelow(name: string): Value | undefined {
    if (this.#below.size === 0) return undefined
    for (let dot = name.indexOf('.', 1); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      const value = this.#below.get(name.slice(dot))
      if (value !== undefined) return value
    }
    return undefined
  }
}
