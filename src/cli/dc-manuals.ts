/** The manual pages of the distcache programs, and what that of dc-server says beside its options. */
import { dcServerProgram } from './commands/dc-server.ts'
import type { DcManual } from './dc-man.ts'
import { dcClientManual, dcSnoopManual, dcTestManual } from './dc-tool-manuals.ts'

const dcServerManual: DcManual = {
  program: dcServerProgram,
  section: 8,
  title: 'keep the TLS sessions of a fleet',
  synopsis: '-listen ADDRESS [-OPTION [VALUE]] ...',
  paragraphs: [
    'Keeps TLS sessions, so that any machine of a fleet can resume what any other has negotiated. It speaks the protocol of ' +
      'distcache: Apache httpd (SSLSessionCache dc:UNIX:/path), the agent shellac dc-client, the listeners of shellac itself, ' +
      'and programs that use the library shellac/distcache are its clients. With -sessiond it serves stunnel besides.',
    'Sessions lie in memory, and are gone when it ends; clients then negotiate anew, which costs time and nothing else. What is ' +
      'stored under an id is never replaced. A session ends with the time its client gave it, at most seven days, to the ' +
      'millisecond, on a clock that nobody sets. When the server is full the session that would end soonest makes room. A ' +
      'session is overwritten when it goes. None is ever printed.',
    'An operation costs the same with 60,000 sessions as with none. What a client sends can end its own connection and nothing else; ' +
      'who asks and does not read is not read either.',
  ],
  sections: [
    {
      title: 'ADDRESSES',
      paragraphs: [
        'IP:host:port is a name or an IPv4 address, looked up once at the start; IP:[address]:port an IPv6 address; IP:port every ' +
          'IPv4 address of the machine, IPv6:port every address of both families; UNIX:/path a socket in the file system, with ' +
          'at most 107 bytes. IPv4: is another word for IP:.',
        'The file of a unix socket is made with mode 600, and removed at the end. A socket that is left over is replaced; one that ' +
          'somebody listens on, and anything that is no socket, is in the way and stays.',
        'TCP carries every session in the clear, to whoever connects: beyond this machine there is a warning, unless -tls-cert, ' +
          '-tls-key and -tls-ca are given. Then both sides show certificates, and who has none of that authority is not served.',
      ],
    },
    {
      title: 'SESSIONS IN A MEMCACHED POOL',
      paragraphs: [
        'With -store memcached:POOL the server keeps nothing itself: sessions lie in a pool that a memcached block of shellac.conf(5) ' +
          'describes. Several servers with one pool and one seal are one server, none of which must live.',
        'Nothing in the pool can be read or forged without the seal: ids are keys as HMAC-SHA-256, sessions are values as AES-256-GCM ' +
          'with the id authenticated. Make a seal with "openssl rand -base64 32", and give all servers the same. With another seal ' +
          'nothing is found.',
        'While the pool cannot be reached every answer is NOT OK, after -wait at most. Times are those of memcached, in whole ' +
          'seconds, rounded up.',
      ],
    },
    {
      title: 'REPORTS',
      paragraphs: [
        'Once a second at most, when the number of sessions has changed, and with -progress at every so many operations, there is a line:',
        'Info, total operations =     500  (+   500), total sessions =     8  (+  8)',
        'It shows the operations since the start and since the line before, the sessions, and how many more, fewer or equally many they are.',
      ],
    },
    {
      title: 'DIFFERENCES',
      paragraphs: [
        'The original dc_server exits with 1 when it is told to end and with 0 when it cannot listen, ends with the first byte of another ' +
          'version of the protocol, unlinks whatever is at the path of its socket, changes its user but not its groups, and closes a ' +
          'connection that asks for more before a large answer is read. This one does none of that. Paths of sockets that are too ' +
          'long are refused, not cut.',
        'Programs of the original misread a response whose data is 2048k + 2021 to 2024 bytes long, k from 1. Real sessions are ' +
          'shorter. -careful sends the end of such a response some milliseconds later, which they understand.',
      ],
    },
  ],
  examples: [
    { command: 'shellac dc-server -listen IP:10.0.0.9:9001 -sessions 20000', doc: 'Serve the agents of a fleet.' },
    {
      command: 'shellac dc-server -listen UNIX:/run/shellac/dc.sock -sockgroup www-data -sockperms 660',
      doc: 'Serve the programs of this machine that belong to a group.',
    },
    {
      command: 'shellac dc-server -listen UNIX:/run/dc.sock -sessiond 10.0.0.9:9002',
      doc: 'Serve stunnels with "sessiond = 10.0.0.9:9002".',
    },
    {
      command: 'shellac dc-server -listen IP:10.0.0.9:9001 -store memcached:edge -seal /etc/shellac/seal',
      doc: 'Keep sessions in the pool "edge" of /etc/shellac/shellac.conf.',
    },
  ],
  seeAlso: ['shellac (8)', 'shellac-dc-client (8)', 'shellac-dc-test (1)', 'shellac-dc-snoop (1)', 'shellac.conf (5)'],
}

export const dcManuals: readonly DcManual[] = [dcServerManual, dcClientManual, dcTestManual, dcSnoopManual]
