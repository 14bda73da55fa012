/**
 * Sets of networks, asked once or more per request whether they hold the client's address.
 *
 * IPv4 networks are merged into sorted, disjoint ranges of 32-bit numbers and searched by halving; IPv6 goes to
 * net.BlockList. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`, what a dual-stack socket reports) is the IPv4
 * address, so that no rule can be passed by connecting over the other family.
 */
import { BlockList, isIPv6 } from 'node:net'
import type { Network } from '../plan/plan.ts'

const MAPPED_PREFIX = '::ffff:'

export class NetworkSet {
  /** First and last addresses of the ranges, both inclusive, ascending and disjoint. */
  readonly #starts: Uint32Array
  readonly #ends: Uint32Array
  /** undefined: no IPv6 network in the set. */
  readonly #ipv6: BlockList | undefined

  constructor(networks: readonly Network[]) {
    const ranges = mergeRanges(networks.filter((network) => network.family === 'ipv4').map(rangeOf))
    this.#starts = Uint32Array.from(ranges, (range) => range.start)
    this.#ends = Uint32Array.from(ranges, (range) => range.end)
    this.#ipv6 = buildBlockList(networks.filter((network) => network.family === 'ipv6'))
  }

  /** Whether the set holds `address`; false for what is no IP address, such as the peer of a unix socket. */
  has(address: string): boolean {
    const dotted = address.startsWith(MAPPED_PREFIX) ? address.slice(MAPPED_PREFIX.length) : address
    const number = parseIpv4(dotted)
    if (number !== -1) return this.#hasIpv4(number)
    return this.#ipv6 !== undefined && isIPv6(address) && this.#ipv6.check(address, 'ipv6')
  }

  #hasIpv4(address: number): boolean {
    let low = 0
    let high = this.#starts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#starts[middle]! <= address) low = middle + 1
      else high = middle
    }
    return low > 0 && address <= this.#ends[low - 1]!
  }
}

/** The number of a dotted quad, 0 to 2^32-1; -1 for anything else, also for octets with leading zeros. */
export function parseIpv4(text: string): number {
  let address = 0
  let octet = -1
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x2e) {
      if (octet === -1 || ++dots > 3) return -1
      address = address * 256 + octet
      octet = -1
    } else {
      if (code < 0x30 || code > 0x39 || octet === 0) return -1
      octet = (octet === -1 ? 0 : octet * 10) + code - 0x30
      if (octet > 255) return -1
    }
  }
  return dots === 3 && octet !== -1 ? address * 256 + octet : -1
}

interface Range {
  readonly start: number
  readonly end: number
}

function rangeOf(network: Network): Range {
  const size = 2 ** (32 - network.prefix)
  const address = parseIpv4(network.address)
  const start = address - (address % size)
  return { start, end: start + size - 1 }
}

function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: Range[] = []
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last === undefined || range.start > last.end + 1) merged.push(range)
    else if (range.end > last.end) merged[merged.length - 1] = { start: last.start, end: range.end }
  }
  return merged
}

function buildBlockList(networks: readonly Network[]): BlockList | undefined {
  if (networks.length === 0) return undefined
  const list = new BlockList()
  for (const network of networks) list.addSubnet(network.address, network.prefix, 'ipv6')
  return list
}
