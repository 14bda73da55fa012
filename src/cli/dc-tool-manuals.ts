/** What the manual pages of dc-client, dc-test and dc-snoop say beside their options. */
import { dcClientProgram } from './commands/dc-client.ts'
import { dcSnoopProgram } from './commands/dc-snoop.ts'
import { dcTestProgram } from './commands/dc-test.ts'
import type { DcManual } from './dc-man.ts'

const ADDRESSES =
  'IP:host:port is a name or an IPv4 address, looked up once at the start; IP:[address]:port an IPv6 address; UNIX:/path a ' +
  'socket in the file system, with at most 107 bytes. Where it listens, IP:port is every IPv4 address of the machine.'

const seeAlso = (own: string) =>
  [
    'shellac (8)',
    'shellac-dc-server (8)',
    'shellac-dc-client (8)',
    'shellac-dc-test (1)',
    'shellac-dc-snoop (1)',
  ].filter((name) => !name.includes(own))

export const dcClientManual: DcManual = {
  program: dcClientProgram,
  section: 8,
  title: 'reach a server of TLS sessions for all programs of a machine',
  synopsis: '-server ADDRESS [-OPTION [VALUE]] ...',
  paragraphs: [
    'The agent of one machine: local programs speak to it as to a session server, shellac dc-server, and it keeps one connection ' +
      'to that server for all of them. Apache httpd, the listeners of shellac, and programs that use the library ' +
      'shellac/distcache connect for each operation or stay connected; both cost little on a unix socket.',
    'A client has one request under way, and its answers come in order; the requests of different clients are under way together, ' +
      '512 at most, and are served in turn. There may be 1024 clients; the next is closed at once.',
    'It starts without a server. While there is none, and when one is lost with requests under way, these are answered at once ' +
      'with the code for that (2), which every client takes for a failure: a full handshake, never a hang. Clients stay connected. ' +
      'The next attempt is made -retry milliseconds later. A server that is connected and says nothing is waited for; clients bound ' +
      'their own waits.',
    'It looks into no session and prints none. A client that sends what is no request is closed, and nobody else notices.',
  ],
  sections: [
    {
      title: 'ADDRESSES',
      paragraphs: [
        ADDRESSES,
        'The file of a unix socket is made with mode 600, and removed at the end. A socket that is left over is replaced; one that ' +
          'somebody listens on, and anything that is no socket, is in the way and stays.',
        'TCP carries every session in the clear. Beyond this machine there is a warning, unless -tls-cert, -tls-key and -tls-ca are ' +
          'given: then agent and server show each other certificates, and that of the server bears the name given with -server.',
      ],
    },
    {
      title: 'DIFFERENCES',
      paragraphs: [
        'The original dc_client answers with nothing at all while it has no server, which leaves persistent clients waiting for ever; ' +
          'ends with the first client that goes while its request is under way, or that speaks another version of the protocol; passes ' +
          'on an ADD that is too short, for which the server closes the connection of everybody; and takes a socket that is in use.',
        'The original dc_server reads into 4096 bytes and misreads what is cut at the end of that, as happens when many clients ask at a ' +
          'time, and closes the connection when it is asked for more before a large answer is read. -careful asks it one thing at a time.',
      ],
    },
  ],
  examples: [
    {
      command:
        'shellac dc-client -listen UNIX:/run/shellac/dc.sock -server IP:10.0.0.9:9001 -daemon -pidfile /run/shellac/dc.pid',
      doc: 'Serve this machine in the background.',
    },
    {
      command: 'shellac dc-client -server IP:sessions.internal:9001 -tls-cert a.pem -tls-key a.key -tls-ca fleet.pem',
      doc: 'Reach the server over TLS; local programs connect to /tmp/scache.',
    },
  ],
  seeAlso: seeAlso('dc-client'),
}

export const dcTestManual: DcManual = {
  program: dcTestProgram,
  section: 1,
  title: 'try and measure a server of TLS sessions',
  synopsis: '-connect ADDRESS [-OPTION [VALUE]] ...',
  paragraphs: [
    'Makes sessions with random ids (10 to 63 bytes) and random data, picks one of them and one of ADD, GET, REMOVE and HAVE at ' +
      'random, asks the server or agent, and checks the answer and every byte of data against what it has done so far. The first ' +
      'answer that is not right ends the run, and so does one that does not come within ten seconds.',
    'It knows neither expiry nor eviction: give the server room for the sessions of all runs at a time and of those before, which ' +
      'stay until they expire, and a -timeout that outlasts the run.',
    'With -concurrency so many clients work at a time, each on its part of the sessions; with -pipeline each has so many operations ' +
      'unanswered. A server answers the requests of a connection in order, so what each must be answered is known when it is asked.',
  ],
  sections: [
    { title: 'ADDRESSES', paragraphs: [ADDRESSES] },
    {
      title: 'OUTPUT',
      paragraphs: [
        'A line with the number of sessions and operations at the start; with -progress a line at every so many operations; at the end ' +
          '"Info, all tests complete", or "Error, get failed!" (add, remove, have), the number of operations that were right before, ' +
          'and what was expected and what came instead: ok, absent, present, other data, or why there was no answer.',
        'With -rates, operations per second, and the latencies that 50, 90, 99 and 99.9 in a hundred operations did not exceed, in ' +
          'milliseconds. -json prints these as one JSON object on standard output.',
      ],
    },
    {
      title: 'DIFFERENCES',
      paragraphs: [
        'The original dc_test takes a lost connection for a right answer where it expected a failure, such as an ADD of a session that is ' +
          'present. This one tells them apart. Sessions with certificates (-withcert) are not in it.',
      ],
    },
  ],
  examples: [
    {
      command: 'shellac dc-test -connect UNIX:/run/shellac/dc.sock',
      doc: 'Try the agent of this machine: 1000 operations.',
    },
    {
      command:
        'shellac dc-test -connect IP:10.0.0.9:9001 -sessions 96 -persistent -concurrency 8 -pipeline 32 -ops 1000000 -rates',
      doc: 'See how many operations a server does in a second.',
    },
  ],
  seeAlso: seeAlso('dc-test'),
}

export const dcSnoopManual: DcManual = {
  program: dcSnoopProgram,
  section: 1,
  title: 'show what clients and a server of TLS sessions say',
  synopsis: '-listen ADDRESS -server ADDRESS [-OPTION [VALUE]] ...',
  paragraphs: [
    'Listens, connects to the server (or agent) for each connection it accepts, passes on all bytes unchanged in both directions, and ' +
      'prints a line for each frame: the number of the connection, who speaks, the number of the request and the length of the frame; ' +
      'then the operation, and what it is about.',
    'An id is shown as the beginning of its SHA-256 and its length, and of data only the length: whoever has a session can read the ' +
      'connections it belongs to. -show-secrets prints both in full.',
    'So many connections as -connections says are served at a time; others wait. When one side ends its stream the other is told; what ' +
      'cannot be a frame, since it says that it has more than 2048 bytes of data, ends the connection.',
  ],
  sections: [
    { title: 'ADDRESSES', paragraphs: [ADDRESSES] },
    {
      title: 'OUTPUT',
      paragraphs: [
        'SNOOP_DBG_MSG: connection 0, client->server, message completed (request_uid = 3), total_len=46, HAVE id ae216c2ef524/32',
        'SNOOP_DBG_MSG: connection 0, server->client, message completed (request_uid = 3), total_len=15, HAVE code 0 (ok)',
        'With -json each frame is an object: connection, direction, uid, operation, first and complete (whether it is the first and the ' +
          'last of its message), bytes, and where it has them timeoutMs, idHash, idBytes, dataBytes, code.',
      ],
    },
  ],
  examples: [
    {
      command: 'shellac dc-snoop -listen UNIX:/tmp/snoop -server UNIX:/run/shellac/dc.sock',
      doc: 'Stand before the agent of this machine.',
    },
  ],
  seeAlso: seeAlso('dc-snoop'),
}
