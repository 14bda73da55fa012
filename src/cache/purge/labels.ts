/**
 * The labels of an object: the URL it was fetched for, and its tags. They lie beside its key as latin1 lines:
 *
 *     #22 LF node-17 LF frontpage        the URL is the last 22 letters of the key, as it is by default
 *     shop.example.com|/a LF node-17     the URL itself, where the key ends otherwise
 *
 * A purge and an object meet by the keyed hash of a label, so a tag never stands for a URL: each has its letter in front. So has
 * a URL that an unsafe request has changed, of which this machine alone has heard.
 */

export type LabelKind = 'url' | 'changed' | 'tag'

export interface Labels {
  /** As `urlText` makes it. */
  readonly url: string
  readonly tags: readonly string[]
}

const letters: Readonly<Record<LabelKind, string>> = { url: 'u', changed: 'c', tag: 't' }

/** Carried by what has more tags than are kept, and purged with every tag: such an object is purged too often, never too seldom. */
export const UNKNOWN_TAGS = ''

/** What is hashed. */
export function labelText(kind: LabelKind, text: string): string {
  return letters[kind] + text
}

/** What purges are looked for by that concern an object of this machine. */
export function labelTexts(labels: Labels): string[] {
  return [labelText('changed', labels.url), ...sharedLabelTexts(labels)]
}

/**
 * The same for one of a tier that machines share. What it carries of the log is the number of the fleet's last purge, which
 * does not grow with the purges of one machine; so it would be judged by those for ever.
 */
export function sharedLabelTexts({ url, tags }: Labels): string[] {
  return [labelText('url', url), ...tags.map((tag) => labelText('tag', tag))]
}

export function encodeLabels(key: string, { url, tags }: Labels): Buffer {
  const first = key.endsWith(url) ? `#${url.length}` : url
  return Buffer.from([first, ...tags].join('\n'), 'latin1')
}

/** `text`: what `encodeLabels` made for the same key. */
export function decodeLabels(key: string, text: string): Labels {
  const [first = '', ...tags] = text.split('\n')
  if (!first.startsWith('#')) return { url: first, tags }
  return { url: key.slice(key.length - Number.parseInt(first.slice(1), 10)), tags }
}
