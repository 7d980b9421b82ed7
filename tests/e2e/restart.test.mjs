// The browser restarts ICE in the middle of the call, as it does when its network changes, and the picture goes on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, stats, until } from './browser.mjs';
import { Streamer } from './streamer.mjs';

let browser;
let streamer;

before(async () => {
  browser = await launch();
  streamer = await Streamer.start();
});

after(async () => {
  await browser?.close();
  await streamer?.stop();
});

// Runs in the page: asks the streamer for its offer, answers, and leaves the means for more of that in `window.barertc`.
async function connect() {
  const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws/restarter`);
  const pc = new RTCPeerConnection();
  const send = (message) => socket.send(JSON.stringify({ id: 'server', ...message }));
  const video = Object.assign(document.createElement('video'), { muted: true, autoplay: true, srcObject: new MediaStream() });
  document.body.replaceChildren(video);
  pc.ontrack = (e) => video.srcObject.addTrack(e.track);
  pc.onicecandidate = ({ candidate }) => candidate?.candidate && send({ type: 'candidate', candidate: candidate.candidate, mid: candidate.sdpMid });
  socket.onmessage = async ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === 'offer' || message.type === 'answer') await pc.setRemoteDescription({ type: message.type, sdp: message.sdp });
    if (message.type !== 'offer') return;
    await pc.setLocalDescription();
    send({ type: 'answer', sdp: pc.localDescription.sdp });
  };
  await new Promise((done) => { socket.onopen = done; });
  send({ type: 'request' });
  window.barertc = { pc, send };
}

const ufrag = (page, side) => page.evaluate((s) => /a=ice-ufrag:(\S+)/.exec(window.barertc.pc[s].sdp)[1], side);

test('restartIce() keeps the picture running', async () => {
  const page = await browser.newPage();
  // From the streamer itself: a page that comes from nowhere may not open sockets to this machine.
  await page.goto(streamer.url);
  await page.waitForFunction(() => window.barertc.pc);
  await page.evaluate(() => window.barertc.pc.close());
  await page.evaluate(connect);
  await until(page, (s) => s.video?.framesDecoded > 60, 15_000, 'two seconds of video');
  for (let n = 0; n < 2; n += 1) {
    const before = [await ufrag(page, 'localDescription'), await ufrag(page, 'remoteDescription')];
    const from = await stats(page);
    await page.evaluate(async () => {
      const { pc, send } = window.barertc;
      pc.restartIce();
      await pc.setLocalDescription();
      send({ type: 'offer', sdp: pc.localDescription.sdp });
    });
    await page.waitForFunction(() => window.barertc.pc.signalingState === 'stable', null, { timeout: 5_000 });
    await page.waitForTimeout(4_000);
    const to = await stats(page);
    const now = [await ufrag(page, 'localDescription'), await ufrag(page, 'remoteDescription')];
    assert.ok(now[0] !== before[0] && now[1] !== before[1], 'both sides have new credentials');
    assert.equal(to.connection, 'connected');
    assert.equal(to.transport.iceState, 'connected');
    const seconds = (to.video.timestamp - from.video.timestamp) / 1000;
    const fps = (to.video.framesDecoded - from.video.framesDecoded) / seconds;
    console.log(`restart ${n + 1}: ${fps.toFixed(1)} frames/s over it, ${to.video.freezeCount - from.video.freezeCount} freezes`);
    assert.ok(fps > 28, `${fps} frames a second`);
    // It is the same connection: the picture did not begin again.
    assert.equal(to.transport.dtlsState, 'connected');
    assert.ok(to.video.framesDecoded > from.video.framesDecoded + 90);
  }
  await page.close();
});
