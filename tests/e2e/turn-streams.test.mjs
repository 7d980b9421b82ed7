// Through a TURN server over TCP and over TLS, without a browser: the viewer reaches nothing but the relay.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { certificate } from './certificates.mjs';
import { freeTcpPort } from './ports.mjs';
import { Streamer, target } from './streamer.mjs';

const IP = '127.0.0.1';
let dir;

// coturn, which listens to no UDP.
class Coturn {
  log = '';

  static async start({ key, cert } = {}) {
    const coturn = new Coturn();
    [coturn.port, coturn.tlsPort] = [await freeTcpPort(), await freeTcpPort()];
    const tls = cert ? [`--tls-listening-port=${coturn.tlsPort}`, `--cert=${cert}`, `--pkey=${key}`] : ['--no-tls'];
    coturn.child = spawn('turnserver', [
      '-n', '--no-cli', ...tls, '--no-dtls', '--no-udp', '--lt-cred-mech', '--fingerprint', `--listening-ip=${IP}`, `--relay-ip=${IP}`,
      '--allow-loopback-peers', '--log-file=stdout', '--user=user:secret', '--realm=example.org', '--simple-log', '--verbose',
      `--listening-port=${coturn.port}`, `--pidfile=${path.join(dir, `pid${coturn.port}`)}`, '--min-port=51000', '--max-port=51999',
    ]);
    coturn.child.stdout.on('data', (text) => (coturn.log += text));
    for (const port of cert ? [coturn.port, coturn.tlsPort] : [coturn.port]) await coturn.listens(port);
    return coturn;
  }

  async listens(port) {
    const end = Date.now() + 5_000;
    for (;;) {
      const socket = net.connect(port, IP);
      const [event] = await Promise.race([once(socket, 'connect').then(() => ['connect']), once(socket, 'error').then(() => ['error'])]).catch(() => ['error']);
      socket.destroy();
      if (event === 'connect') return;
      assert.ok(Date.now() < end, `coturn listens at ${port}: ${this.log}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  async until(pattern, what) {
    const end = Date.now() + 5_000;
    while (!pattern.test(this.log)) {
      assert.ok(Date.now() < end, `${what}: ${this.log.slice(-2_000)}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  async stop() {
    const ended = once(this.child, 'exit');
    this.child.kill();
    await ended;
  }
}

// A viewer without a browser, and what it has got.
async function view(streamer, seconds) {
  const program = path.join(target, 'release', 'barertc-viewer');
  const { stdout } = await promisify(execFile)(program, [streamer.url, String(seconds)]);
  const [, video] = stdout.match(/frames \[(\d+), \d+\]/) ?? assert.fail(stdout);
  const [, pings] = stdout.match(/(\d+) pings/);
  return { video: Number(video), pings: Number(pings), stdout };
}

before(() => (dir = mkdtempSync(path.join(tmpdir(), 'barertc-turn-'))));
after(() => rmSync(dir, { recursive: true, force: true }));

async function plays(coturn, ...args) {
  const streamer = await Streamer.start(['--stats', '--relay-only', ...args]);
  const { video, pings, stdout } = await view(streamer, 6);
  console.log(stdout.trim());
  assert.ok(video > 100, `${video} pictures: ${streamer.log}`);
  assert.ok(pings >= 3, `${pings} pings`);
  assert.match(coturn.log, /tcp|tls/i);
  await coturn.until(/REFRESH processed, success/, 'the relay is given back');
  assert.equal(await streamer.stop(), 0, streamer.log);
  const [, before, end] = streamer.log.match(/large memory: (\d+) B in use before, (\d+) B after/) ?? assert.fail(streamer.log);
  assert.equal(end, before, 'all memory comes back');
}

test('pictures and a data channel through a relay that is reached over TCP', async () => {
  const coturn = await Coturn.start();
  await plays(coturn, '--turn', `turn:user:secret@${IP}:${coturn.port}?transport=tcp`);
  await coturn.stop();
});

test('and over TLS, by the name in its certificate', async () => {
  const right = certificate(dir, 'right', `DNS:localhost,IP:${IP}`);
  const coturn = await Coturn.start(right);
  await plays(coturn, '--turn', `turns:localhost:${coturn.tlsPort}`, '--turn-account', 'user:secret', '--ca', right.ca);
  await coturn.stop();
});

test('of several servers the first that answers is used', async () => {
  const coturn = await Coturn.start();
  const account = ['--turn-account', 'user:secret'];
  // Nobody is at the first, and coturn hears no UDP.
  const servers = [`turn:${IP}:${await freeTcpPort()}?transport=tcp`, `turn:${IP}:${coturn.port}`, `turn:${IP}:${coturn.port}?transport=tcp`];
  await plays(coturn, ...servers.flatMap((server) => ['--turn', server]), ...account);
  await coturn.stop();
});

test('a relay that is lost with its connection is had again', async () => {
  let coturn = await Coturn.start();
  const sockets = new Set();
  const front = net.createServer((socket) => {
    const inner = net.connect(coturn.port, IP);
    sockets.add(socket);
    socket.pipe(inner).pipe(socket);
    socket.on('error', () => inner.destroy());
    inner.on('error', () => socket.destroy());
  });
  front.listen(0, IP);
  await once(front, 'listening');
  const turn = ['--turn', `turn:user:secret@${IP}:${front.address().port}?transport=tcp`];
  const streamer = await Streamer.start(['--stats', '--relay-only', ...turn]);
  const viewing = view(streamer, 4).catch(() => {});
  await coturn.until(/ALLOCATE processed, success/, 'a relay');
  await new Promise((done) => setTimeout(done, 1_000));
  for (const socket of sockets) socket.destroy();
  await coturn.until(/ALLOCATE processed, success[\s\S]*ALLOCATE processed, success/, 'another relay');
  await viewing;
  assert.equal(await streamer.stop(), 0, streamer.log);
  front.close();
  await coturn.stop();
});

test('each fault of a certificate has its own reason in the log', async () => {
  const other = certificate(dir, 'authority', 'DNS:localhost');
  const cases = [
    [certificate(dir, 'expired', 'DNS:localhost', { from: -3, to: -1 }), null, /its certificate has expired/],
    [certificate(dir, 'early', 'DNS:localhost', { from: 1, to: 3 }), null, /its certificate is not valid yet/],
    [certificate(dir, 'elsewhere', 'DNS:elsewhere.example'), null, /its certificate is for another name/],
    [certificate(dir, 'untrusted', 'DNS:localhost'), other, /nobody that is trusted vouches for its certificate/],
  ];
  for (const [server, authority, reason] of cases) {
    const coturn = await Coturn.start(server);
    const turn = ['--turn', `turns:localhost:${coturn.tlsPort}`, '--turn-account', 'user:secret'];
    const streamer = await Streamer.start(['--relay-only', ...turn, '--ca', (authority ?? server).ca]);
    const viewing = view(streamer, 3).catch(() => {});
    await streamer.waitFor(reason, 5_000);
    assert.doesNotMatch(coturn.log, /ALLOCATE/, 'nothing was said to it');
    await viewing;
    assert.equal(await streamer.stop(), 0, streamer.log);
    await coturn.stop();
  }
});
