// Signaling through TLS: only to a server that proves who it is.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { launch } from './browser.mjs';
import { Streamer } from './streamer.mjs';

let dir;
let forwarder;
let right;
let other;

// A certificate for `names`, signed by an authority of its own.
function certificate(name, names) {
  const file = (kind) => path.join(dir, `${name}.${kind}`);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca'), '-days', '2', '-subj', `/CN=${name} authority`);
  openssl('req', ...key, '-keyout', file('key'), '-out', file('csr'), '-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`);
  openssl('x509', '-req', '-in', file('csr'), '-CA', file('ca'), '-CAkey', file('ca.key'), '-days', '2', '-copy_extensions', 'copy', '-out', file('crt'));
  return { ca: file('ca'), key: readFileSync(file('key')), cert: readFileSync(file('crt')) };
}

// TLS before the forwarder, with this certificate.
async function front({ key, cert }) {
  const port = Number(new URL(forwarder.url).port);
  const server = tls.createServer({ key, cert }, (socket) => {
    const inner = net.connect(port, '127.0.0.1');
    socket.pipe(inner).pipe(socket);
    socket.on('error', () => inner.destroy());
    inner.on('error', () => socket.destroy());
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'barertc-wss-'));
  forwarder = await Streamer.start(['--forwarder'], { url: /ws:\/\/\S+/ });
  right = certificate('right', 'DNS:localhost,IP:127.0.0.1');
  other = certificate('other', 'DNS:elsewhere.example');
});

after(async () => {
  assert.equal(await forwarder?.stop(), 0);
  rmSync(dir, { recursive: true, force: true });
});

async function tries(server, host, ...args) {
  const url = `wss://${host}:${server.address().port}`;
  const streamer = await Streamer.start(['--signaling', url, ...args]);
  await streamer.waitFor(/forwarder: .*(connected|certificate)/, 5_000);
  return { streamer, said: streamer.log };
}

test('to a server with the right certificate, by name and by address', async () => {
  const server = await front(right);
  for (const host of ['localhost', '127.0.0.1']) {
    const { streamer, said } = await tries(server, host, '--ca', right.ca);
    assert.match(said, /forwarder: connected/);
    assert.equal(await streamer.stop(), 0);
  }
  server.close();
});

test('not to one with another name or another authority', async () => {
  const cases = [
    [await front(other), other.ca, /not valid for name|NotValidForName/i],
    [await front(right), other.ca, /UnknownIssuer|BadSignature/i],
    // The authorities that browsers trust have not signed this one.
    [await front(right), null, /UnknownIssuer/i],
  ];
  for (const [server, ca, why] of cases) {
    const { streamer, said } = await tries(server, 'localhost', ...(ca ? ['--ca', ca] : []));
    console.log(said);
    assert.match(said, why);
    assert.equal(await streamer.stop(), 0);
    server.close();
  }
});

test('a page is served through it', async () => {
  const server = await front(right);
  const { streamer } = await tries(server, 'localhost', '--ca', right.ca, '--id', 'secure');
  await new Promise((done) => setTimeout(done, 200));
  const browser = await launch();
  const page = await browser.newPage();
  await page.goto(streamer.url);
  const signaling = forwarder.url.replace(/\/$/, '');
  await page.goto(`${streamer.url}?signaling=${encodeURIComponent(signaling)}&id=secure`);
  await page.waitForFunction(() => window.barertc?.video?.framesDecoded > 30, null, { timeout: 15_000 });
  await browser.close();
  assert.equal(await streamer.stop(), 0);
  server.close();
});
