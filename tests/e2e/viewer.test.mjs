// The viewer's page by itself: another connection of the same browser plays the streamer, behind a socket that is none.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { accessible } from './axe.mjs';
import { launch, until } from './browser.mjs';

const PAGE = new URL('../../examples/viewer/index.html', import.meta.url);

let browser;
let server;
let url;

before(async () => {
  browser = await launch(['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--allow-loopback-in-peer-connection']);
  server = http.createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(readFileSync(PAGE));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${server.address().port}/`;
});

after(async () => {
  await browser?.close();
  server?.close();
});

// Runs in the page before its own script: a WebSocket that answers a request with an offer of moving pictures.
function pretend() {
  window.WebSocket = class {
    constructor(address) {
      window.socketAddress = address;
      this.readyState = 0;
      setTimeout(() => { this.readyState = 1; this.onopen(); });
    }

    // A connection outlives the socket over which it was agreed on.
    close() {}

    say(message) { this.onmessage?.({ data: JSON.stringify({ id: 'server', ...message }) }); }

    async send(text) {
      const message = JSON.parse(text);
      if (message.type === 'request') await this.offer();
      if (message.type === 'answer') await this.peer.setRemoteDescription({ type: 'answer', sdp: message.sdp });
      if (message.type === 'candidate') {
        while (!this.peer.remoteDescription) await new Promise((done) => setTimeout(done, 5));
        await this.peer.addIceCandidate({ candidate: message.candidate, sdpMid: message.mid });
      }
    }

    async offer() {
      const peer = this.peer = window.pretended = new RTCPeerConnection();
      const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
      const context = canvas.getContext('2d');
      let n = 0;
      setInterval(() => { context.fillStyle = `hsl(${n++ * 5}, 80%, 50%)`; context.fillRect(0, 0, 320, 180); }, 33);
      for (const track of canvas.captureStream(30).getTracks()) peer.addTrack(track);
      peer.addTransceiver('audio');
      const ping = peer.createDataChannel('ping-pong');
      ping.onopen = () => ping.send('Ping');
      ping.onmessage = () => ping.send('Ping');
      const memory = { live: 1000, peak: 2000, bound: 4000 };
      const figures = JSON.stringify({ t: 1, internal: memory, psram: memory, viewers: 1, owners: { '<b>x</b>': 9 } });
      peer.ondatachannel = ({ channel }) => { if (channel.label === 'stats') channel.send(figures); };
      peer.onicecandidate = (e) => e.candidate?.candidate && this.say({ type: 'candidate', candidate: e.candidate.candidate, mid: e.candidate.sdpMid });
      await peer.setLocalDescription(await peer.createOffer());
      this.say({ type: 'offer', sdp: peer.localDescription.sdp });
    }
  };
}

test('the page is small and loads nothing from elsewhere', () => {
  const text = readFileSync(PAGE, 'utf8');
  assert.ok(text.length < 40 * 1024, `${text.length} bytes`);
  assert.doesNotMatch(text, /(?:src|href)="(?:https?:)?\/\//);
});

test('it plays, answers pings and shows what the streamer reports', async () => {
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error));
  await page.addInitScript(pretend);
  await page.goto(`${url}?token=a%20b`);
  await until(page, (s) => s.video?.framesDecoded > 30, 20_000, 'thirty frames');
  await page.waitForFunction(() => window.barertc.pingPong.pings >= 2 && window.barertc.video.fps > 0, null, { timeout: 20_000 });
  const seen = await page.evaluate(() => {
    const { state, error, timeline, video, pingPong, device } = window.barertc;
    return { state, error, timeline, video, pingPong, device, text: document.body.innerText, address: window.socketAddress };
  });
  assert.equal(seen.state, 'connected');
  assert.equal(seen.error, null);
  assert.doesNotMatch(page.url(), /token/, 'the token has left the address bar');
  assert.match(seen.address, /\/ws\/[a-z2-7]{10}\?token=a%20b$/);
  const { request, offer, ice, dtls, sctp, frame } = seen.timeline;
  assert.ok(request <= offer && offer <= ice && ice <= dtls && dtls <= sctp && frame > ice, JSON.stringify(seen.timeline));
  assert.ok(seen.pingPong.pongs >= 1 && seen.pingPong.last === 'Ping');
  assert.equal(seen.device.psram.bound, 4000);
  assert.ok(seen.text.includes('<b>x</b>'), 'names from the streamer are text, not markup');
  assert.match(await page.evaluate(() => window.barertc.pc.localDescription.sdp), /a=fmtp:111 [^\r]*stereo=1/);
  assert.deepEqual(errors, []);
  await page.close();
});

test('the token is kept for a reload and shown to no other server', async () => {
  const page = await browser.newPage();
  await page.addInitScript(pretend);
  await page.goto(`${url}?token=s3cr3t`);
  await page.waitForFunction(() => window.socketAddress);
  await page.reload();
  await page.waitForFunction(() => window.socketAddress);
  assert.match(await page.evaluate(() => window.socketAddress), /token=s3cr3t$/);
  // A link of somebody else's that names a server of his.
  const asked = [];
  await page.route('https://evil.example/**', (route) => {
    asked.push({ url: route.request().url(), headers: route.request().headers() });
    return route.fulfill({ status: 401, headers: { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' } });
  });
  await page.goto(`${url}?whep=https://evil.example/whep`, { waitUntil: 'commit' });
  // Each failure is followed by another try: words that come and go are not waited for.
  await page.waitForFunction(() => window.barertc.attempts > 1, null, { timeout: 15_000 });
  assert.ok(asked.length > 0);
  assert.doesNotMatch(JSON.stringify(asked), /s3cr3t/);
  await page.goto(`${url}?signaling=ws://evil.example`, { waitUntil: 'commit' });
  await page.waitForFunction(() => window.socketAddress);
  assert.doesNotMatch(await page.evaluate(() => window.socketAddress), /s3cr3t/);
  await page.close();
});

test('it can be used with a keyboard, and in light', async () => {
  const page = await browser.newPage({ colorScheme: 'light' });
  await page.addInitScript(pretend);
  await page.goto(url);
  await until(page, (s) => s.video?.framesDecoded > 5, 20_000, 'five frames');
  await page.waitForFunction(() => !document.getElementById('sound').hidden);
  const names = await page.evaluate(() => [...document.querySelectorAll('button:not([hidden]), video, canvas, section')]
    .filter((element) => !(element.getAttribute('aria-label') || element.innerText.trim())).map((element) => element.id || element.tagName));
  assert.deepEqual(names, [], 'everything has a name');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'BUTTON');
  await page.evaluate(() => document.getElementById('sound').focus());
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.getElementById('sound').getAttribute('aria-pressed')), 'true');
  const [ground, text] = await page.evaluate(() => {
    const style = getComputedStyle(document.body);
    return [style.backgroundColor, style.color].map((c) => c.match(/\d+/g).slice(0, 3).reduce((sum, n) => sum + Number(n), 0));
  });
  assert.ok(ground > 600 && text < 200, `dark text on light ground: ${ground}, ${text}`);
  await page.close();
});

test('axe finds nothing, neither in dark nor in light, nor where nothing plays', async () => {
  for (const colorScheme of ['dark', 'light']) {
    const page = await browser.newPage({ colorScheme });
    await page.addInitScript(pretend);
    await page.goto(url);
    await until(page, (s) => s.video?.framesDecoded > 5, 20_000, 'five frames');
    await page.waitForFunction(() => window.barertc.device);
    await accessible(page, colorScheme);
    await page.close();
    const alone = await browser.newPage({ colorScheme });
    await alone.goto(url);
    await alone.waitForFunction(() => window.barertc?.state === 'failed');
    await accessible(alone, `${colorScheme}, without a streamer`);
    await alone.close();
  }
});

test('what goes wrong is said in words', async () => {
  // Words and button in one look: a second later the page tries again by itself.
  const failed = async (query) => {
    const page = await browser.newPage();
    await page.goto(url + query, { waitUntil: 'commit' });
    const look = () => window.barertc?.state === 'failed'
      && { text: document.getElementById('veil-text').innerText, again: !document.getElementById('retry').hidden };
    const seen = await (await page.waitForFunction(look, null, { timeout: 20_000 })).jsonValue();
    await page.close();
    return seen;
  };
  const unreachable = await failed('');
  assert.match(unreachable.text, /cannot be reached.*\?token=/);
  assert.ok(unreachable.again);
  assert.match((await failed('?whep=/nowhere')).text, /refused: 200/);
});
