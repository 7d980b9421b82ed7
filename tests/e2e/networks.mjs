// The streamer through networks of every kind: which work, why the others do not, and when the first picture is there.
//
//     node networks.mjs [--quick] [--only WORD] [--write]
//
// Needs root: streamer and viewer are in network namespaces of their own, and a router between them drops what the row says.
// The viewer is barertc-viewer. --write puts the table into docs/networks.md.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { Spaces } from './networks/spaces.mjs';
import { Streamer, root, target } from './streamer.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});

const SECONDS = 12;
const bin = (name) => path.join(target, 'release', name);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// What each row is: the family of the addresses, what the router drops, and what both sides are told. `quick` rows are
// those that a test has time for.
const turn = (what) => ({ drop: what === 'udp' ? 'across' : 'of the streamer', turn: what });
const most = (bytes) => ({ streamer: ['--mtu', String(bytes)], viewer: ['--mtu', String(bytes)] });
const ROWS = [
  { way: 'direct UDP', quick: true },
  { way: 'direct UDP', family: 6, quick: true },
  { way: 'ICE-TCP', drop: 'all', streamer: ['--ice-tcp', '0'], viewer: ['--tcp'], quick: true },
  { way: 'ICE-TCP', family: 6, drop: 'all', streamer: ['--ice-tcp', '0'], viewer: ['--tcp'], quick: true },
  { way: 'TURN over UDP', ...turn('udp') },
  { way: 'TURN over TCP', ...turn('tcp'), quick: true },
  { way: 'TURN over TLS', ...turn('tls') },
  { way: 'TURN over UDP', family: 6, ...turn('udp'), expected: 'the relay is asked for an IPv4 address, which an IPv6 viewer cannot reach' },
  { way: 'TURN over TCP', family: 6, ...turn('tcp'), expected: 'the same' },
  { way: 'no way at all', drop: 'all', expected: 'UDP is dropped, and nothing else is offered' },
  // The smallest datagram that both sides can be told has 576 bytes; on a path of 600 the machines fragment it.
  ...[600, 1_000, 1_280].map((mtu) => ({ way: 'direct UDP', mtu, ...most(Math.max(mtu - 28, 576)) })),
  { way: 'direct UDP, nothing set', mtu: 1_000 },
  { way: 'direct UDP', family: 6, mtu: 1_280 },
  { way: 'ICE-TCP', mtu: 600, drop: 'all', streamer: ['--ice-tcp', '0'], viewer: ['--tcp'] },
  { way: 'ICE-TCP', family: 6, mtu: 1_280, drop: 'all', streamer: ['--ice-tcp', '0'], viewer: ['--tcp'] },
  { way: 'TURN over TCP', mtu: 600, ...turn('tcp') },
];

// coturn on the router, which both sides reach.
class Coturn {
  log = '';

  static async start(spaces, family) {
    const coturn = new Coturn();
    const listening = spaces.routerAt(family, 0);
    const file = (name) => path.join(spaces.dir, name);
    execFileSync('openssl', [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file('key'), '-out', file('crt'), '-days', '2',
      '-subj', '/CN=turn', '-addext', `subjectAltName=IP:${listening}`, '-addext', 'basicConstraints=critical,CA:FALSE',
    ], { stdio: 'ignore' });
    const relays = [4, 6].flatMap((f) => [`--relay-ip=${spaces.routerAt(f, 1)}`]);
    const [command, args] = spaces.within(spaces.router, 'turnserver', [
      '-n', '--no-cli', '--no-dtls', '--lt-cred-mech', '--fingerprint', `--listening-ip=${listening}`, ...relays, `--cert=${file('crt')}`,
      `--pkey=${file('key')}`, '--log-file=stdout', '--user=user:secret', '--realm=example.org', '--simple-log', '--verbose',
      '--listening-port=3478', '--tls-listening-port=5349', `--pidfile=${file('pid')}`, `--userdb=${file('users')}`,
    ]);
    coturn.child = spawn(command, args);
    coturn.child.stdout.on('data', (text) => (coturn.log += text));
    coturn.ca = file('crt');
    for (const end = Date.now() + 5_000; !/TLS.*listener.*opened|TCP listener opened/i.test(coturn.log) && Date.now() < end; ) await wait(50);
    await wait(300);
    return coturn;
  }

  async stop() {
    this.child.kill();
    await new Promise((done) => this.child.once('exit', done));
  }
}

const host = (address) => (net.isIPv6(address) ? `[${address}]` : address);

function uri(spaces, family, what) {
  const server = host(spaces.routerAt(family, 0));
  return { udp: `turn:${server}`, tcp: `turn:${server}?transport=tcp`, tls: `turns:${server}` }[what];
}

// One row: how long the first picture took and by which way it came, or why there is none.
async function measure(spaces, row) {
  const { family = 4, drop = 'nothing', mtu = 1_500, streamer: more = [], viewer: flags = [] } = row;
  spaces.drop(drop);
  spaces.mtu(mtu);
  const coturn = row.turn ? await Coturn.start(spaces, family) : null;
  const servers = coturn ? ['--turn', uri(spaces, family, row.turn), '--turn-account', 'user:secret', '--ca', coturn.ca] : [];
  const listen = ['--listen', `${host(spaces.at(family))}:0`, '--token', 'x', '--stats'];
  const [command, args] = spaces.within(spaces.streamer, bin('barertc-desktop'), [...listen, ...servers, ...more]);
  const streamer = await Streamer.start(args, { program: command, listen: false }).catch((error) => error);
  if (streamer instanceof Error) {
    await coturn?.stop();
    return { why: streamer.message.trim() };
  }
  try {
    const [program, all] = spaces.within(spaces.viewer, bin('barertc-viewer'), [streamer.url, String(SECONDS), '--until-picture', ...flags]);
    const { stdout } = await promisify(execFile)(program, all, { timeout: (SECONDS + 5) * 1_000 });
    const [, ms, protocol, local, remote] = stdout.match(/picture after (\d+) ms by (\w+) (\w+) (\w+)/) ?? [];
    if (ms === undefined) return { why: 'no picture came' };
    return { ms: Number(ms), pair: `${remote} to ${local}`, protocol };
  } catch (error) {
    return { why: (error.stderr || error.stdout || error.message).trim().split('\n').at(-1) };
  } finally {
    await streamer.stop();
    await coturn?.stop();
    if (process.env.NETWORKS_LOG) console.log(streamer.log, coturn?.log ?? '');
  }
}

const SET = (row) => [...(row.streamer ?? []), ...(row.turn ? ['--turn'] : [])].join(' ').replace('--ice-tcp 0', '--ice-tcp');
const DROPPED = { nothing: '', across: 'UDP between both', 'of the streamer': 'UDP of the streamer', all: 'all UDP' };

async function main() {
  const rows = ROWS.filter((row) => (!options.quick || row.quick) && (!options.only || row.way.includes(options.only)));
  const lines = ['| way | addresses | MTU | dropped | set | first picture | path |', '|---|---|---|---|---|---|---|'];
  const spaces = new Spaces().prepare();
  let wrong = 0;
  try {
    for (const row of rows) {
      const found = await measure(spaces, row);
      const works = found.ms !== undefined;
      if (works !== !row.expected) wrong += 1;
      const result = works ? `${found.ms} ms` : `none: ${row.expected ?? found.why}`;
      const cells = [row.way, `IPv${row.family ?? 4}`, row.mtu ?? 1_500, DROPPED[row.drop ?? 'nothing'], SET(row) && `\`${SET(row)}\``, result, works ? found.pair : ''];
      lines.push(`| ${cells.join(' | ')} |`);
      console.log(lines.at(-1), works === !row.expected ? '' : `NOT AS EXPECTED: ${found.why ?? ''}`);
    }
  } finally {
    spaces.close();
  }
  if (options.write) {
    const file = path.join(root, 'docs/networks.md');
    const [begin, end] = ['<!-- networks -->', '<!-- /networks -->'];
    const text = readFileSync(file, 'utf8');
    const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
    writeFileSync(file, `${text.slice(0, from)}\n${lines.join('\n')}\n${text.slice(to)}`);
  }
  if (wrong > 0) process.exitCode = 1;
}

await main();
