/** URLs that people type, as requests for them would have it. */
import type { RequestFacts } from '../../plan/facts.ts'

/** Scheme, authority, path and query; nothing is normalised, since clients' URLs are not either until the key is made. */
const urlShape = /^(https?):\/\/([!-.0->A-~]{1,300})(\/[!->@-~]*)?(?:\?([!-~]*))?$/

/** A GET without any field. */
export class UrlRequest implements RequestFacts {
  readonly method = 'GET'
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly authority: string
  readonly path: string
  readonly query: string
  readonly hasQuery: boolean
  readonly clientAddress = ''
  readonly tls = undefined

  private constructor(scheme: 'http' | 'https', authority: string, path: string, query: string | undefined) {
    this.scheme = scheme
    this.authority = authority.toLowerCase()
    this.host = this.authority.replace(/:[0-9]*$/, '')
    this.path = path
    this.query = query ?? ''
    this.hasQuery = query !== undefined
  }

  /** undefined: it is no http or https URL with a host, or holds a blank, `#` or letters beyond ASCII. */
  static parse(url: string): UrlRequest | undefined {
    const parts = url.includes('#') ? null : urlShape.exec(url)
    if (parts === null) return undefined
    return new UrlRequest(parts[1] === 'https' ? 'https' : 'http', parts[2]!, parts[3] ?? '/', parts[4])
  }

  header(): undefined {
    return undefined
  }

  headers(): readonly string[] {
    return []
  }
}

/** `http://HOST/PATH`, or `/PATH` for every host, as a pattern of url-pattern.ts; undefined: neither. */
export function urlPattern(text: string): string | undefined {
  if (/^\/[!-~]*$/.test(text)) return text
  const request = UrlRequest.parse(text)
  if (request === undefined) return undefined
  const { authority, host, scheme } = request
  const isDefault = authority === `${host}${scheme === 'https' ? ':443' : ':80'}`
  return `${isDefault ? host : authority}${request.path}${request.hasQuery ? `?${request.query}` : ''}`
}
