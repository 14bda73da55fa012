/** How the words in capitals are written, for `shellac help units` and the manual. */

export interface ValueType {
  /** As the syntax of directives shows it. */
  readonly name: string
  readonly doc: string
  readonly examples: string
}

export const valueTypes: readonly ValueType[] = [
  {
    name: 'TIME',
    doc: 'A number with a unit: ms, s, m, h, d, w. Units may be combined.',
    examples: '250ms 10s 1h30m 7d',
  },
  { name: 'SIZE', doc: 'A number of bytes with a unit: B, KiB, MiB, GiB, TiB.', examples: '32KiB 512MiB 2GiB' },
  { name: 'PERCENT', doc: 'A share from 0% to 100%.', examples: '10% 0.5%' },
  { name: 'NUMBER', doc: 'A whole number.', examples: '64' },
  {
    name: 'STATUS',
    doc: 'Status codes: one, a class, or a range. Several may follow each other.',
    examples: '404 5xx 200-299',
  },
  {
    name: 'NAME',
    doc: 'The name of an object: a letter, then letters, digits, "-" and "_".',
    examples: 'app edge-1',
  },
  { name: '@NAME', doc: 'The name of a matcher.', examples: '@logged-in' },
  {
    name: 'ADDRESS',
    doc: 'Host and port, or the path of a unix socket. "*" is every address of the machine.',
    examples: '*:80 127.0.0.1:8080 [::1]:80 app.internal:8080 unix:/run/app.sock',
  },
  {
    name: 'NETWORK',
    doc: 'An address, or a network with the length of its prefix.',
    examples: '192.0.2.1 10.0.0.0/8 2001:db8::/32',
  },
  {
    name: 'URL',
    doc: 'In tests: what a client asks for, with scheme and host.',
    examples: 'https://shop.example.com/a.css?v=3',
  },
  {
    name: 'IP',
    doc: 'The address of a client.',
    examples: '192.0.2.1 2001:db8::1',
  },
  {
    name: 'HOST',
    doc: 'A host name, every name below one, or every other host.',
    examples: 'shop.example.com *.example.com *',
  },
  {
    name: 'GLOB',
    doc: 'A pattern for a whole path. "*" is any text without "/", "**" any text at all.',
    examples: '/api/** **.css /user/*/photo',
  },
  {
    name: '~"REGEX"',
    doc: 'A regular expression for a part of the text, or for all of it between "^" and "$". Look-around, back references and what could take exponential time are refused.',
    examples: '~"^/user/[0-9]+$"',
  },
  {
    name: 'VALUE',
    doc: 'Text for a header field, in quotes if it holds spaces. $client.ip, $request.id and the like are filled in; "$$" is a dollar sign.',
    examples: '"max-age=60" $request.id',
  },
  {
    name: '${...}',
    doc: 'A value from outside, in place of one argument or within quotes: ${env:NAME}, ${env:NAME:-default}, ${file:/path}, ${cred:NAME}. What comes from a file or a credential is secret and never printed.',
    examples: '${env:PORT:-8080} ${file:/run/secrets/token}',
  },
]

export function unitsText(): string {
  return valueTypes.map((type) => `${type.name}\n    ${type.doc}\n    examples: ${type.examples}\n`).join('\n')
}
