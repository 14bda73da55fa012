/** Networks and single addresses: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`. */
import { isIPv4, isIPv6 } from 'node:net'
import type { Network } from '../../plan/plan.ts'
import type { Argument } from '../ast.ts'
import { accept, type Read, refuse, refuseAs, shown } from './read.ts'

const FORM = 'write an address or a network: 192.0.2.1, 10.0.0.0/8, 2001:db8::/32'

/** A network in its canonical form; a single address is a network of one. Host bits that are set are an error. */
export function readNetwork(argument: Argument): Read<Network> {
  const slash = argument.text.indexOf('/')
  const address = slash === -1 ? argument.text : argument.text.slice(0, slash)
  const bits = addressBits(address)
  if (bits === undefined) return refuseAs(argument, 'bad-network', 'address or network', correct(argument.text) ?? FORM)
  const width = isIPv4(address) ? 32 : 128
  const family = width === 32 ? 'ipv4' : 'ipv6'
  if (slash === -1) return accept({ address: formatAddress(bits, width), prefix: width, family })
  const digits = argument.text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > width) {
    const help = `the number of bits is a whole number from 0 to ${width}`
    return refuse(argument, 'bad-network', `${shown(argument)} has a bad prefix length`, help)
  }
  const prefix = Number(digits)
  const hostBits = BigInt(width - prefix)
  const network = (bits >> hostBits) << hostBits
  const canonical = formatAddress(network, width)
  if (network === bits) return accept({ address: canonical, prefix, family })
  const message = `${shown(argument)} has bits set behind the first ${prefix}`
  return refuse(argument, 'host-bits-set', message, `did you mean "${canonical}/${prefix}" or "${address}"?`)
}

function correct(text: string): string | undefined {
  if (text === 'all' || text === 'any' || text === '*') return 'write 0.0.0.0/0 and ::/0 for every address'
  if (text === 'localhost') return 'write 127.0.0.1 or ::1'
  const short = /^(\d{1,3}(?:\.\d{1,3}){0,2})\.?\/(\d{1,2})$/.exec(text)
  if (short === null) return undefined
  const parts = short[1]!.split('.')
  while (parts.length < 4) parts.push('0')
  return isIPv4(parts.join('.')) ? `did you mean "${parts.join('.')}/${short[2]}"?` : undefined
}

/** The address as a number; undefined: it is none. An address with a zone is none. */
function addressBits(address: string): bigint | undefined {
  if (isIPv4(address)) return ipv4Bits(address)
  if (!isIPv6(address) || address.includes('%')) return undefined
  let groups = address
  const lastColon = address.lastIndexOf(':')
  if (address.includes('.')) {
    const low = ipv4Bits(address.slice(lastColon + 1))
    groups = `${address.slice(0, lastColon + 1)}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`
  }
  const [head = '', tail] = groups.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n)
}

function ipv4Bits(address: string): bigint {
  return address.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n)
}

function formatAddress(bits: bigint, width: 32 | 128): string {
  if (width === 32) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => ((bits >> BigInt(112 - 16 * index)) & 0xffffn).toString(16))
  return compressZeros(groups)
}

/** The longest run of two zero groups or more becomes `::`, the first of equals (RFC 5952 §4.2). */
function compressZeros(groups: readonly string[]): string {
  let bestStart = 0
  let bestLength = 1
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === '0') length++
    if (length > bestLength) {
      bestStart = start
      bestLength = length
    }
  }
  if (bestLength === 1) return groups.join(':')
  return `${groups.slice(0, bestStart).join(':')}::${groups.slice(bestStart + bestLength).join(':')}`
}
