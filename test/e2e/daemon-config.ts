/** The configuration most cases of the daemon begin with: two workers, a cache, one origin, an admin socket. */
export function config(originPort: number, more = ''): string {
  return `shellac 1;
process { workers 2; drain 5s; }
reload { debounce 30ms; }
admin { listen unix:%dir%/admin.sock; }
listener web { address %listen%; }
backend app { server a 127.0.0.1:${originPort}; }
cache main { tier memory 8MiB; }
site * { proxy app; use-cache main; }
${more}`
}
