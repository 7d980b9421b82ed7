// What strangers try while somebody watches: it is refused and counted, and the one who watches does not notice.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { launch, open, stats, until } from './browser.mjs';
import { Streamer } from './streamer.mjs';

const TOKEN = 'open sesame';

let streamer;
let browser;
let watching;
let origin;

before(async () => {
  browser = await launch();
  streamer = await Streamer.start(['--token', TOKEN, '--stats']);
  origin = new URL(streamer.url).origin;
  watching = await open(browser, `${origin}/?token=${encodeURIComponent(TOKEN)}`);
  await watching.page.waitForFunction(() => window.barertc.device);
});

after(async () => {
  await browser?.close();
  assert.equal(await streamer?.stop(), 0, streamer?.log);
});

// What the streamer's figures say now, on the page of the one who watches.
async function figures() {
  const before = await watching.page.evaluate(() => window.barertc.device.t);
  await watching.page.waitForFunction((t) => window.barertc.device.t > t + 1000, before);
  return watching.page.evaluate(() => window.barertc.device);
}

// Runs `attack` and makes sure that it disturbed nobody.
async function undisturbed(attack) {
  const from = [await stats(watching.page), await figures()];
  const result = await attack();
  await watching.page.waitForTimeout(1_000);
  const to = [await stats(watching.page), await figures()];
  const seconds = (to[0].video.timestamp - from[0].video.timestamp) / 1000;
  const frames = to[0].video.framesDecoded - from[0].video.framesDecoded;
  // How many a busy machine decodes is not the question.
  assert.ok(frames > 20, `${frames} frames in ${seconds} s`);
  assert.equal(to[0].video.packetsLost, from[0].video.packetsLost);
  assert.equal(to[0].connection, 'connected');
  assert.deepEqual(watching.errors, []);
  return { result, before: from[1], after: to[1] };
}

// A signaling socket as any program could open one; `send` writes a masked text frame of WebSocket.
function socket(path) {
  return new Promise((done, failed) => {
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    const request = http.get(`${origin}${path}`, { headers }, (response) => done({ status: response.statusCode }));
    request.on('error', failed);
    request.on('upgrade', (response, stream) => {
      let heard = Buffer.alloc(0);
      stream.on('data', (bytes) => (heard = Buffer.concat([heard, bytes])));
      stream.on('error', () => {});
      const closed = new Promise((end) => stream.on('close', end));
      const send = (text) => {
        const head = Buffer.alloc(14);
        head[0] = 0x81;
        head[1] = 0xff;
        head.writeBigUInt64BE(BigInt(text.length), 2);
        stream.write(Buffer.concat([head, Buffer.from(text)]));
      };
      done({ status: response.statusCode, stream, send, closed, heard: () => heard });
    });
  });
}

const good = `/ws/stranger?token=${encodeURIComponent(TOKEN)}`;

test('a wrong token', async () => {
  const { result, before, after } = await undisturbed(async () => {
    const whep = (headers) => fetch(`${origin}/whep`, { method: 'POST', body: 'v=0\r\n', headers: { 'content-type': 'application/sdp', ...headers } });
    return [
      (await socket('/ws/stranger')).status,
      (await socket('/ws/stranger?token=wrong')).status,
      (await whep({})).status,
      (await whep({ authorization: 'Bearer wrong' })).status,
    ];
  });
  assert.deepEqual(result, [401, 401, 401, 401]);
  assert.equal(after.refused - before.refused, 4);
});

test('a message of a megabyte, and one that is no JSON', async () => {
  const { before, after } = await undisturbed(async () => {
    const large = await socket(good);
    large.send(`{"id":"server","type":"offer","sdp":"${'a'.repeat(1 << 20)}"}`);
    const nested = await socket(good);
    nested.send('['.repeat(5_000));
    await large.closed;
    // A close frame of two bytes: 1009, too big (RFC 6455 §7.4.1).
    assert.deepEqual([...large.heard().subarray(-4)], [0x88, 2, 1009 >> 8, 1009 & 255]);
    assert.equal(nested.heard().length, 0, 'nothing is said to what is no message');
    nested.stream.destroy();
  });
  assert.equal(after.refused - before.refused, 2);
  assert.ok(after.psram.peak < after.psram.bound);
});

test('checks in the name of the one who watches, and media from nowhere', async () => {
  const { before, after } = await undisturbed(async () => {
    const { ours, theirs, port } = await watching.page.evaluate(() => {
      const { localDescription, remoteDescription } = window.barertc.pc;
      const ufrag = (sdp) => /a=ice-ufrag:(\S+)/.exec(sdp)[1];
      const [, port] = /a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+)/i.exec(remoteDescription.sdp);
      return { ours: ufrag(remoteDescription.sdp), theirs: ufrag(localDescription.sdp), port: Number(port) };
    });
    const stranger = dgram.createSocket('udp4');
    const answers = [];
    stranger.on('message', (message) => answers.push(message));
    const send = (message) => new Promise((done) => stranger.send(message, port, '127.0.0.1', done));
    for (let n = 0; n < 50; n += 1) {
      await send(check(`${ours}:${theirs}`, 'a password that was not in any description'));
      await send(Buffer.concat([Buffer.from([0x80, 102, 0, n, 0, 0, 0, n, 0, 0, 0, 1]), randomBytes(200)]));
      await send(Buffer.concat([Buffer.from([22, 0xfe, 0xfd]), randomBytes(100)]));
    }
    await new Promise((done) => setTimeout(done, 300));
    stranger.close();
    const accepted = answers.filter((a) => a.readUInt16BE(0) === 0x0101);
    assert.equal(accepted.length, 0, 'no check is answered as if it were right');
  });
  // Fifty checks; what comes from an address that belongs to nobody does not even reach a connection.
  assert.ok(after.dropped - before.dropped >= 50, `${after.dropped - before.dropped} dropped`);
});

// A connectivity check with a wrong key (RFC 8445 §7.1, RFC 8489 §14.5).
function check(username, password) {
  const attribute = (type, value) => {
    const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
    padded.writeUInt16BE(type, 0);
    padded.writeUInt16BE(value.length, 2);
    value.copy(padded, 4);
    return padded;
  };
  const body = Buffer.concat([attribute(0x0006, Buffer.from(username)), attribute(0x0024, Buffer.from([110, 0, 0, 255])), attribute(0x8029, randomBytes(8)), attribute(0x0025, Buffer.alloc(0))]);
  const head = Buffer.concat([Buffer.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]), randomBytes(12)]);
  head.writeUInt16BE(body.length + 24, 2);
  const integrity = createHmac('sha1', password).update(Buffer.concat([head, body])).digest();
  return Buffer.concat([head, body, attribute(0x0008, integrity)]);
}

test('a second session with the description of the one who watches', async () => {
  const { result } = await undisturbed(async () => {
    // Its credentials, its candidates and its certificate, which belongs to a key that the stranger has not.
    const offer = await watching.page.evaluate(async () => {
      const other = new RTCPeerConnection();
      other.addTransceiver('video', { direction: 'recvonly' });
      other.createDataChannel('x');
      const { sdp } = await other.createOffer();
      other.close();
      const mine = window.barertc.pc.localDescription.sdp;
      const line = (name) => new RegExp(`a=${name}:.*`).exec(mine)[0];
      const take = (text, name) => text.replace(new RegExp(`a=${name}:.*`, 'g'), line(name));
      return ['ice-ufrag', 'ice-pwd', 'fingerprint'].reduce(take, sdp);
    });
    const headers = { 'content-type': 'application/sdp', authorization: `Bearer ${TOKEN}` };
    const answer = await fetch(`${origin}/whep`, { method: 'POST', body: offer, headers });
    assert.equal(answer.status, 201);
    await new Promise((done) => setTimeout(done, 2_000));
    const ended = await fetch(new URL(answer.headers.get('location'), origin), { method: 'DELETE', headers });
    return [ended.status, (await figures()).viewers];
  });
  assert.deepEqual(result, [200, 1], 'the stranger never counts as a viewer');
});

test('a fingerprint that was tampered with', async () => {
  const { before, after } = await undisturbed(async () => {
    const page = await browser.newPage();
    await page.addInitScript(() => {
      const real = WebSocket.prototype.send;
      // Somebody in between changes the certificate's hash in the answer.
      WebSocket.prototype.send = function send(text) {
        real.call(this, text.replace(/(fingerprint:sha-256 )(..)/g, (_, name, byte) => name + (byte === '00' ? '11' : '00')));
      };
    });
    await page.goto(`${origin}/?token=${encodeURIComponent(TOKEN)}`);
    await page.waitForTimeout(2_500);
    const frames = (await stats(page))?.video?.framesDecoded ?? 0;
    assert.equal(frames, 0, 'nothing is shown to whom the signaling did not name');
    await page.close();
  });
  assert.ok(after.failed > before.failed, 'the failed handshake is counted');
  await until(watching.page, (s) => s.connection === 'connected', 1_000, 'still connected');
});

// How long the page takes now.
async function pageTime() {
  const start = Date.now();
  const response = await fetch(origin, { signal: AbortSignal.timeout(20_000) });
  await response.text();
  assert.equal(response.status, 200);
  return Date.now() - start;
}

function raw(bytes) {
  const url = new URL(origin);
  return new Promise((done, failed) => {
    const stream = net.connect(Number(url.port), url.hostname, () => { stream.write(bytes); done(stream); });
    stream.on('error', failed);
  });
}

test('sockets that say one byte don\'t keep the page away', async () => {
  const slow = await Promise.all(Array.from({ length: 16 }, () => raw('G')));
  slow.forEach((stream) => stream.on('error', () => {}));
  await new Promise((done) => setTimeout(done, 1_500));
  const took = await pageTime();
  slow.forEach((stream) => stream.destroy());
  assert.ok(took < 2_000, `the page came after ${took} ms`);
});

test('idle signaling sockets don\'t keep others out', async () => {
  const idle = await Promise.all(Array.from({ length: 16 }, () => socket(good).catch(() => null)));
  await new Promise((done) => setTimeout(done, 1_500));
  const took = await pageTime();
  const next = await socket(good);
  assert.equal(next.status, 101);
  [...idle, next].forEach((one) => one?.stream?.destroy());
  assert.ok(took < 2_000, `the page came after ${took} ms`);
});

test('requests on sockets that close at once hold no places', async () => {
  await undisturbed(async () => {
    for (let n = 0; n < 16; n += 1) {
      const one = await socket(good);
      one.send('{"id":"server","type":"request"}');
      one.stream.end();
      await new Promise((done) => setTimeout(done, 20));
      one.stream.destroy();
    }
    const other = await open(browser, `${origin}/?token=${encodeURIComponent(TOKEN)}`);
    assert.ok(other.firstPictureMs < 5_000, `a picture after ${other.firstPictureMs} ms`);
    await other.page.close();
  });
});

test('guessing is slow', async () => {
  const from = Date.now();
  const tries = await Promise.all(Array.from({ length: 60 }, (_, n) => fetch(`${origin}/whep`, {
    method: 'POST', body: 'v=0\r\n', headers: { 'content-type': 'application/sdp', authorization: `Bearer guess${n}` },
  }).then((response) => response.status, () => 0)));
  const looked = tries.filter((status) => status === 401).length;
  assert.ok(looked <= 10 + (Date.now() - from) / 2_000 + 1, `${looked} of 60 were compared`);
  assert.ok(tries.includes(429), tries.join());
});
