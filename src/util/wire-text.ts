/**
 * Text from a socket is latin1 in this program: letter n is byte n. Text from a configuration file is Unicode. To compare
 * the two, the configuration's side is turned once into the letters its UTF-8 bytes have on the wire.
 */
export function wireText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
