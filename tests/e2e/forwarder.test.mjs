// The streamer of libdatachannel's examples, as seen by the other parts of that example: it connects out to a forwarding
// server, and pages that speak exactly that protocol find it there.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { WebSocketServer } from 'ws';
import { launch } from './browser.mjs';
import { Streamer } from './streamer.mjs';

const TOKEN = 'open sesame';

let browser;
let forwarder;
let streamer;
let server;
let page;

before(async () => {
  browser = await launch();
  forwarder = await Streamer.start(['--forwarder', '--stats'], { url: /ws:\/\/\S+/ });
  streamer = await Streamer.start(['--signaling', forwarder.url, '--id', 'server', '--stats']);
  await streamer.waitFor(/forwarder: connected/, 5_000);
  // A page of somebody else's: from another port, with nothing on it.
  server = http.createServer((_, response) => response.setHeader('content-type', 'text/html').end('<video autoplay muted></video>'));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  page = `http://127.0.0.1:${server.address().port}/`;
});

after(async () => {
  await browser?.close();
  server?.close();
  assert.equal(await streamer?.stop(), 0, streamer?.log);
  assert.equal(await forwarder?.stop(), 0, forwarder?.log);
});

// Runs in the page. `offers` says who makes the offer; either way descriptions are sent when they are whole.
async function connect({ url, offers, key }) {
  const id = Math.random().toString(36).slice(2, 12).padEnd(10, 'x');
  const peer = (window.peer = new RTCPeerConnection());
  window.pings = [];
  peer.ontrack = (e) => {
    const video = document.querySelector('video');
    if (e.track.kind === 'video') video.srcObject = e.streams[0] ?? new MediaStream([e.track]);
  };
  peer.ondatachannel = ({ channel }) => {
    if (channel.label !== 'ping-pong') return;
    channel.onmessage = ({ data }) => {
      window.pings.push(data);
      setTimeout(() => channel.send(`Pong ${window.pings.length}`), 100);
    };
  };
  const whole = () => new Promise((done) => {
    if (peer.iceGatheringState === 'complete') done();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done();
  });
  const socket = new WebSocket(`${url}${id}`);
  await new Promise((done, failed) => { socket.onopen = done; socket.onerror = () => failed(new Error('refused')); });
  const send = (message) => socket.send(JSON.stringify({ id: 'server', ...message }));
  const heard = new Promise((done) => {
    socket.onmessage = async ({ data }) => {
      const message = JSON.parse(data);
      if (message.type !== 'offer' && message.type !== 'answer') return;
      await peer.setRemoteDescription({ type: message.type, sdp: message[key] });
      if (message.type === 'offer') {
        await peer.setLocalDescription(await peer.createAnswer());
        await whole();
        send({ type: 'answer', [key]: peer.localDescription.sdp });
      }
      done(Object.keys(message).sort().join());
    };
  });
  if (offers) {
    peer.addTransceiver('video', { direction: 'recvonly' });
    peer.addTransceiver('audio', { direction: 'recvonly' });
    peer.createDataChannel('dummy');
    await peer.setLocalDescription(await peer.createOffer());
    await whole();
    send({ type: 'offer', [key]: peer.localDescription.sdp });
  } else {
    send({ type: 'request' });
  }
  return heard;
}

async function plays(options) {
  const tab = await browser.newPage();
  await tab.goto(page);
  const keys = await tab.evaluate(connect, options);
  const playing = async () => tab.evaluate(async () => {
    let video = null;
    let audio = null;
    (await window.peer.getStats()).forEach((s) => {
      if (s.type === 'inbound-rtp' && s.kind === 'video') video = s;
      if (s.type === 'inbound-rtp' && s.kind === 'audio') audio = s;
    });
    return { frames: video?.framesDecoded ?? 0, sound: audio?.packetsReceived ?? 0, pings: window.pings };
  });
  const end = Date.now() + 15_000;
  let seen = await playing();
  while (seen.frames < 60 || seen.sound < 50 || seen.pings.length < 2) {
    assert.ok(Date.now() < end, `it plays: ${JSON.stringify(seen)}`);
    await tab.waitForTimeout(100);
    seen = await playing();
  }
  assert.equal(seen.pings[0], 'Ping');
  await tab.close();
  return keys;
}

test('a page requests, the streamer offers', async () => {
  assert.equal(await plays({ url: forwarder.url, offers: false, key: 'sdp' }), 'id,sdp,type');
});

test('a page offers, the streamer answers, in the dialect of the other examples', async () => {
  assert.equal(await plays({ url: forwarder.url, offers: true, key: 'description' }), 'description,id,type');
});

test('a server that speaks in the segment with its 101 is heard', { timeout: 30_000 }, async () => {
  const [server, sockets] = [http.createServer(), new WebSocketServer({ noServer: true })];
  let connections = 0;
  const heard = new Promise((done) => {
    server.on('upgrade', (request, socket, head) => {
      connections += 1;
      // What is written until the socket is uncorked leaves together.
      socket.cork();
      sockets.handleUpgrade(request, socket, head, (ws) => {
        ws.on('message', (data) => done(JSON.parse(data)));
        ws.send(JSON.stringify({ id: 'impatience', type: 'request' }));
        process.nextTick(() => socket.uncork());
      });
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const own = await Streamer.start(['--signaling', `ws://127.0.0.1:${server.address().port}/`, '--id', 'server']);
  try {
    const { id, type, sdp } = await heard;
    assert.deepEqual([id, type, sdp.startsWith('v=0'), connections], ['impatience', 'offer', true, 1]);
  } finally {
    assert.equal(await own.stop(), 0);
    sockets.clients.forEach((ws) => ws.terminate());
    server.close();
  }
});

test('a forwarder with a token lets in those who show it', async () => {
  const guarded = await Streamer.start(['--forwarder', '--token', TOKEN, '--stats'], { url: /ws:\/\/\S+/ });
  const shown = `?token=${encodeURIComponent(TOKEN)}`;
  const own = await Streamer.start(['--signaling', `${guarded.url}${shown}`, '--id', 'server']);
  await own.waitFor(/forwarder: connected/, 5_000);
  const status = (path) => new Promise((done, failed) => {
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    const url = new URL(path, guarded.url.replace('ws:', 'http:'));
    const request = http.get(url, { headers }, (response) => done(response.statusCode));
    request.on('upgrade', (response, socket) => { socket.destroy(); done(response.statusCode); });
    request.on('error', failed);
  });
  assert.equal(await status('/somebody'), 401);
  assert.equal(await status('/somebody?token=wrong'), 401);
  assert.equal(await status(`/somebody${shown}`), 101);
  assert.equal(await own.stop(), 0);
  assert.equal(await guarded.stop(), 0);
  assert.match(guarded.log, /refused 2 times: no token or a wrong one/);
});

test('the token is asked of viewers who come through a forwarder', async () => {
  const guarded = await Streamer.start(['--signaling', forwarder.url, '--id', 'guarded', '--token', TOKEN]);
  await guarded.waitFor(/forwarder: connected/, 5_000);
  const tab = await browser.newPage();
  await tab.goto(page);
  const said = (token) => tab.evaluate(({ url, token }) => new Promise((done, failed) => {
    const socket = new WebSocket(`${url}${Math.random().toString(36).slice(2)}`);
    socket.onerror = () => failed(new Error('refused'));
    socket.onopen = () => socket.send(JSON.stringify({ id: 'guarded', type: 'request', ...token }));
    socket.onmessage = ({ data }) => { socket.close(); done(JSON.parse(data)); };
  }), { url: forwarder.url, token });
  const refused = await said({});
  assert.deepEqual([refused.type, refused.reason], ['refused', 'The streamer wants a token.']);
  assert.equal((await said({ token: 'wrong' })).type, 'refused');
  assert.equal((await said({ token: TOKEN })).type, 'offer');
  await tab.close();
  assert.equal(await guarded.stop(), 0);
});
