/** The configuration behind `shellac --origin HOST:PORT [--listen ADDRESS]`; `shellac config show` prints it. */

/** Only this machine can connect: a quick start opens nothing to the world. */
export const QUICK_START_LISTEN = '127.0.0.1:8000'

export interface QuickStart {
  /** `HOST:PORT` of each origin, at least one. */
  readonly origins: readonly string[]
  readonly listen: string
}

/** Never fails: what is wrong with an address is found when the text is loaded, with its place. */
export function quickStartText({ origins, listen }: QuickStart): string {
  const servers = origins.map((origin, index) => `    server origin${index + 1} ${quoted(origin)};`)
  return `shellac 1;

listener main { address ${quoted(listen)}; }

backend origin {
${servers.join('\n')}
}

cache main {
    tier memory 64MiB;
    grace 10s;
    stale-if-error 1h;
}

site * {
    proxy origin;
    use-cache main;
    upgrade websocket;
}
`
}

/** An address as one argument, whatever the shell passed on. */
function quoted(text: string): string {
  if (/^[A-Za-z0-9._:*/[\]-]+$/.test(text)) return text
  return `"${text.replaceAll(/\p{Cc}/gu, '?').replaceAll(/["\\]/g, '\\$&')}"`
}
