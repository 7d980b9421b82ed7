// The emulated device speaks TLS: it publishes by WHIP over https, is found through a wss forwarder, and says why it refuses a
// certificate. TLS, HTTP and the authorities are Node's and OpenSSL's, who watches is Chromium; the time comes by SNTP.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { launch, open, stats } from './browser.mjs';
import { certificate, setting } from './certificates.mjs';
import { freeTcpPort } from './ports.mjs';
import { Streamer, target } from './streamer.mjs';

// This machine, as the device sees it.
const HOST = '10.0.2.2';
const DAY = 86_400;

let dir;
let browser;
let right;

const files = ({ key, cert }) => ({ key: readFileSync(key), cert: readFileSync(cert) });
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// TLS before what listens at a port of this machine.
async function front(keys, inside, { at = 0, ...options } = {}) {
  const sockets = new Set();
  const server = tls.createServer({ ...files(keys), ...options }, (socket) => {
    const inner = net.connect(inside, '127.0.0.1');
    sockets.add(socket);
    socket.pipe(inner).pipe(socket);
    socket.on('error', () => inner.destroy());
    inner.on('error', () => socket.destroy());
  });
  server.on('tlsClientError', () => {});
  server.listen(at, '127.0.0.1');
  await once(server, 'listening');
  return { server, end: () => { server.close(); sockets.forEach((socket) => socket.destroy()); } };
}

// An SNTP server whose clock is so many seconds wrong, and who says other things first.
async function clock(wrong = 0, chatty = false) {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (question, from) => {
    const say = (bytes) => socket.send(bytes, from.port, from.address);
    const answer = Buffer.alloc(48);
    answer.writeUInt8(0x24, 0);
    answer.writeUInt8(2, 1);
    question.copy(answer, 24, 40, 48);
    answer.writeUInt32BE((Math.floor(Date.now() / 1000) + wrong + 2_208_988_800) % 2 ** 32, 40);
    if (chatty) {
      // Too short, to another question, and too long.
      say(Buffer.from('hello'));
      say(Buffer.concat([answer.subarray(0, 24), Buffer.alloc(24)]));
      say(Buffer.alloc(300));
    }
    say(answer);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

async function device(...settings) {
  const program = path.join(target, 'debug', 'xtask');
  const image = process.env.QEMU_PROGRAM ? ['--program', process.env.QEMU_PROGRAM] : [];
  const words = settings.flatMap((line) => ['--set', line]);
  const device = await Streamer.start(['qemu', ...image, ...words], { program, listen: false, patience: 240_000 });
  await device.waitFor(/ready at/, 60_000);
  return device;
}

// A WHIP server whose other half is in the browser: it watches what is published.
async function whip(keys, at) {
  const page = await browser.newPage();
  const server = https.createServer(files(keys), async (request, response) => {
    if (request.method === 'DELETE') return response.writeHead(200).end();
    const parts = [];
    for await (const part of request) parts.push(part);
    const answer = await page.evaluate(async (sdp) => {
      window.barertc?.pc.close();
      const pc = new RTCPeerConnection();
      window.barertc = { pc };
      pc.ontrack = ({ track }) => {
        const element = document.body.appendChild(document.createElement(track.kind));
        element.srcObject = new MediaStream([track]);
        element.play();
      };
      await pc.setRemoteDescription({ type: 'offer', sdp });
      await pc.setLocalDescription(await pc.createAnswer());
      if (pc.iceGatheringState !== 'complete') await new Promise((done) => (pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done()));
      return pc.localDescription.sdp;
    }, Buffer.concat(parts).toString());
    response.writeHead(201, { 'Content-Type': 'application/sdp', Location: '/whip/1' }).end(answer);
  });
  server.listen(at, '127.0.0.1');
  await once(server, 'listening');
  return { page, end: () => { server.close(); server.closeAllConnections(); } };
}

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'barertc-tls-'));
  browser = await launch(['--disable-features=WebRtcHideLocalIpsWithMdns']);
  right = certificate(dir, 'right', `IP:${HOST}`);
});

after(async () => {
  await browser?.close();
  rmSync(dir, { recursive: true, force: true });
});

test('Chromium watches what is published over https, and another one finds the device through wss', async () => {
  const forwarder = await Streamer.start([], { program: path.join(target, 'release', 'barertc-forwarder'), listen: false, url: /ws:\/\/\S+/ });
  const [http1, ws1] = [await freeTcpPort(), await freeTcpPort()];
  const time = await clock(0, true);
  const streamer = await device(
    `ca=${setting(right)}`, `ntp=${HOST}:${time.address().port}`, `whip=https://${HOST}:${http1}/whip`, `signaling=wss://${HOST}:${ws1}/camera`,
  );
  try {
    console.log(await streamer.waitFor(/ntp=.*; 3 datagrams before were no answers/, 30_000));
    // Nobody listens yet.
    await streamer.waitFor(/WHIP: .*does not answer/, 60_000);
    const before = await streamer.idle();
    const watching = await whip(right, http1);
    const wss = await front(right, Number(new URL(forwarder.url).port), { at: ws1 });
    await streamer.waitFor(/WHIP: sending to https/, 60_000);
    await streamer.waitFor(/forwarder: connected/, 60_000);
    let seen;
    for (const end = Date.now() + 120_000; !(seen?.video?.framesDecoded > 20 && seen.audio?.totalAudioEnergy > 0); await wait(200)) {
      assert.ok(Date.now() < end, `what is published is not seen: ${JSON.stringify(seen?.video)} ${streamer.log.slice(-3_000)}`);
      seen = await stats(watching.page);
    }
    console.log(`published: ${seen.video.framesDecoded} pictures of ${seen.video.frameWidth}x${seen.video.frameHeight}, sound`);
    const token = new URL(streamer.url).searchParams.get('token');
    const { page, firstPictureMs } = await open(browser, `${new URL(streamer.url).origin}/?id=camera&token=${token}&signaling=${encodeURIComponent(forwarder.url)}`);
    console.log(`through wss: first picture after ${firstPictureMs} ms`);
    await page.waitForFunction(() => window.barertc.device, null, { timeout: 30_000 });
    const peak = await page.evaluate(() => window.barertc.device.peaks.signaling);
    await page.close();
    watching.end();
    wss.end();
    await watching.page.close();
    const left = await streamer.idle();
    console.log(`PSRAM: ${before} B before, ${left} B after; signaling and two TLS connections: ${peak} B at most`);
    assert.equal(left, before, 'all memory comes back');
  } finally {
    await streamer.stop();
    await forwarder.stop();
    time.close();
  }
});

test('says on the page and in the log why it refuses a server', async () => {
  const made = (name, names, more) => certificate(dir, name, names, more);
  const other = made('other', `IP:${HOST}`);
  const twin = made('twin', `IP:${HOST}`, { authority: 'right authority' });
  const cases = [
    ['expired', made('expired', `IP:${HOST}`, { from: -3, to: -1 }), {}, /its certificate has expired/],
    ['expired by a clock that is fast', right, { wrong: 30 * DAY }, /its certificate has expired/],
    ['not yet valid', made('early', `IP:${HOST}`, { from: 1, to: 2 }), {}, /its certificate is not valid yet/],
    ['not yet valid by a clock that is slow', right, { wrong: -30 * DAY }, /its certificate is not valid yet/],
    ['another name', made('elsewhere', 'DNS:elsewhere.example'), {}, /its certificate is for another name/],
    ['another authority', right, { ca: other }, /nobody that is trusted vouches for its certificate/],
    ['another key of the same name', right, { ca: twin }, /a signature of its certificate, or by it, is wrong/],
    ['TLS 1.2', right, { tls: { maxVersion: 'TLSv1.2' } }, /TLS 1\.3 is needed/],
    ['no time', right, { wrong: null }, /the time is not known/],
  ];
  for (const [index, [name, own, { ca = own, wrong = 0, tls: options = {} }, why]] of cases.entries()) {
    const server = await front(own, 9, options);
    const time = await clock(wrong ?? 0);
    const times = wrong === null ? [] : [`ntp=${HOST}:${time.address().port}`];
    // The two ways out are refused alike: by https in one case, by wss in the next.
    const at = `${HOST}:${server.server.address().port}`;
    for (const way of [`whip=https://${at}/whip`, `signaling=wss://${at}/camera`].filter((_, n) => name === 'expired' || n === index % 2)) {
      const streamer = await device(`ca=${setting(ca)}`, ...times, way);
      try {
        await streamer.waitFor(why, 60_000);
        const page = await browser.newPage();
        await page.goto(streamer.url);
        await page.waitForFunction((text) => new RegExp(text).test(document.querySelector('#outward').textContent), why.source, { timeout: 30_000 });
        console.log(`${name}: ${await page.textContent('#outward')}`);
        await page.close();
      } finally {
        await streamer.stop();
      }
    }
    server.end();
    time.close();
  }
});
