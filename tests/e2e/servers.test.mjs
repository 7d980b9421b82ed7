// The streamer and what others stand between a publisher and its viewers: Janus, with WHIP and WHEP before it, and a client of
// WHIP and WHEP that others wrote. `cargo xtask servers` runs it; SECONDS is how long it is watched.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch, stats, until } from './browser.mjs';
import { Program, stopAll } from './program.mjs';
import { figures, sound } from './recording.mjs';
import { Streamer, target } from './streamer.mjs';

const SECONDS = Number(process.env.SECONDS ?? 60);
const VIEWERS = 3;
const FOLDER = path.join(import.meta.dirname, 'servers');
const desktop = { program: path.join(target, 'debug', 'barertc-desktop') };
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

let browser;
let pages;

before(async () => {
  browser = await launch(['--allow-loopback-in-peer-connection', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream']);
  pages = http.createServer((request, response) => {
    const file = { '/whip.js': 'whip.js', '/whep.js': 'whep.js' }[request.url];
    response.setHeader('content-type', file ? 'text/javascript' : 'text/html');
    response.end(file ? readFileSync(path.join(FOLDER, 'node_modules/whip-whep', file)) : '<video autoplay muted></video>');
  });
  await new Promise((done) => pages.listen(0, '127.0.0.1', done));
});

after(async () => {
  await browser?.close();
  pages?.close();
  await stopAll();
});

const newPage = async () => {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${pages.address().port}/`);
  return page;
};

// Watches by WHEP as janus-whep-server has it for video rooms: the server offers (406), and PATCH takes the answer.
async function watch(endpoint) {
  const page = await newPage();
  const since = Date.now();
  const asked = await fetch(endpoint, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: 'v=0\r\n' });
  assert.equal(asked.status, 406, await asked.clone().text());
  const session = new URL(asked.headers.get('location'), endpoint);
  const answer = await page.evaluate(async (sdp) => {
    const pc = new RTCPeerConnection();
    window.barertc = { pc };
    pc.ontrack = ({ streams }) => { document.querySelector('video').srcObject = streams[0]; };
    await pc.setRemoteDescription({ type: 'offer', sdp });
    await pc.setLocalDescription(await pc.createAnswer());
    while (pc.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 10));
    return pc.localDescription.sdp;
  }, await asked.text());
  const taken = await fetch(session, { method: 'PATCH', headers: { 'content-type': 'application/sdp' }, body: answer });
  assert.equal(taken.status, 204);
  await until(page, (s) => s.video?.framesDecoded > 0, 20_000, 'first picture');
  return { page, firstPictureMs: Date.now() - since };
}

// Processor time of a process so far, in seconds.
function busy(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

// How it went for one page from `from` to `to`.
function figuresOf(from, to, seconds) {
  const [a, b] = [from.video, to.video];
  const emitted = b.jitterBufferEmittedCount - a.jitterBufferEmittedCount;
  return {
    frames: b.framesDecoded - a.framesDecoded,
    freezes: b.freezeCount - a.freezeCount,
    frozen: Number((b.totalFreezesDuration - a.totalFreezesDuration).toFixed(2)),
    lost: b.packetsLost - a.packetsLost,
    kbits: Math.round(((b.bytesReceived - a.bytesReceived) * 8) / seconds / 1000),
    buffer: Math.round((1000 * (b.jitterBufferDelay - a.jitterBufferDelay)) / emitted),
    sound: Math.round((to.audio.totalSamplesReceived - from.audio.totalSamplesReceived) / 480) / 100,
  };
}

async function measure(viewers, streamer, seconds) {
  const packets = () => Number(streamer.log.match(/sent (\d+) video/g)?.at(-1).match(/\d+/)[0] ?? 0);
  const [began, first, sent] = [busy(streamer.pid), await Promise.all(viewers.map(({ page }) => stats(page))), packets()];
  const since = Date.now();
  await wait(seconds * 1000);
  const last = await Promise.all(viewers.map(({ page }) => stats(page)));
  const took = (Date.now() - since) / 1000;
  return {
    device: { cpu: `${((100 * (busy(streamer.pid) - began)) / took).toFixed(1)} %`, packets: Math.round((packets() - sent) / took) },
    viewers: viewers.map(({ firstPictureMs }, n) => ({ firstPictureMs, ...figuresOf(first[n], last[n], took) })),
  };
}

function isWatched({ viewers }, seconds) {
  for (const v of viewers) {
    // Four decoders on a machine of two processors: how smooth it is, is told and not demanded.
    assert.ok(v.frames > seconds * 30 * 0.6, `${v.frames} frames in ${seconds} s`);
    assert.ok(v.sound > seconds * 0.8, `${v.sound} s of sound`);
  }
}

test('Janus: the device publishes once, three browsers watch', { timeout: 300_000 + 3_000 * SECONDS }, async () => {
  const janus = new Program(['node', path.join(FOLDER, 'janus.mjs')]);
  const events = () => janus.lines.slice(1).map(({ line }) => JSON.parse(line));
  const { version, whip, whep, token } = JSON.parse(await janus.until((lines) => lines[0], 30_000));

  const wrong = await Streamer.start(['--whip', whip, '--whip-token', 'wrong'], desktop);
  await wrong.waitFor(/WHIP: .*401/, 5_000);
  assert.equal(await wrong.stop(), 0);

  const streamer = await Streamer.start(['--whip', whip, '--whip-token', token, '--stats'], desktop);
  await streamer.waitFor(/viewer whip: connected after \d+ ms.*/, 15_000);
  const viewers = [];
  for (let n = 0; n < VIEWERS; n += 1) viewers.push(await watch(whep));
  const through = await measure(viewers, streamer, SECONDS);
  console.log(`Janus ${version}, through: ${JSON.stringify(through, null, 1)}`);
  isWatched(through, SECONDS);

  // Janus loses the session: the device hears it and comes back by itself. The viewers subscribe to what is there.
  const sessions = () => events().filter(({ event }) => event === 'published').length;
  const before = Date.now();
  janus.say('lose\n');
  for (const end = Date.now() + 60_000; sessions() < 2; await wait(50)) assert.ok(Date.now() < end, streamer.log);
  console.log(`published again after ${Date.now() - before} ms`);
  await Promise.all(viewers.map(({ page }) => page.close()));
  const again = await watch(whep);
  console.log(`a picture after ${again.firstPictureMs} ms`);
  await again.page.close();

  assert.equal(await streamer.stop(), 0, streamer.log);
  await janus.until(() => events().some(({ event }) => event === 'deleted') || undefined, 10_000);
  const refused = events().filter(({ event }) => event === 'refused').map(({ status }) => status);
  assert.ok(refused.every((status) => status === 401 || status === 404), `refused with ${refused}`);
  await janus.stop();
});

test('beside it: three browsers watch the device itself', { timeout: 300_000 + 3_000 * SECONDS }, async () => {
  const streamer = await Streamer.start(['--stats'], desktop);
  const viewers = [];
  for (let n = 0; n < VIEWERS; n += 1) {
    const page = await browser.newPage();
    const since = Date.now();
    await page.goto(streamer.url);
    await until(page, (s) => s.video?.framesDecoded > 0, 20_000, 'first picture');
    viewers.push({ page, firstPictureMs: Date.now() - since });
  }
  const itself = await measure(viewers, streamer, SECONDS);
  console.log(`itself: ${JSON.stringify(itself, null, 1)}`);
  isWatched(itself, SECONDS);
  await Promise.all(viewers.map(({ page }) => page.close()));
  assert.equal(await streamer.stop(), 0, streamer.log);
});

test('npm whip-whep, by the author of RFC 9725: it publishes to the streamer, and watches it', { timeout: 300_000 }, async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'barertc-whip-client-'));
  const streamer = await Streamer.start(['--record', dir, '--token', 'sesame'], desktop);
  const url = (name) => new URL(name, streamer.url).href;
  const watcher = await newPage();
  await watcher.evaluate(async ([endpoint, token]) => {
    const { WHEPClient } = await import('/whep.js');
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    window.barertc = { pc, client: new WHEPClient() };
    for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
    const stream = new MediaStream();
    pc.ontrack = ({ track }) => { stream.addTrack(track); document.querySelector('video').srcObject = stream; };
    await window.barertc.client.view(pc, endpoint, token);
  }, [url('whep'), 'sesame']);
  await until(watcher, (s) => s.video?.framesDecoded > 60 && s.audio?.totalSamplesReceived > 96_000, 20_000, 'a picture');

  const publisher = await newPage();
  await publisher.evaluate(async ([endpoint, token]) => {
    const { WHIPClient } = await import('/whip.js');
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    window.barertc = { pc, client: new WHIPClient() };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480 } });
    for (const track of stream.getTracks()) pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    await window.barertc.client.publish(pc, endpoint, token);
  }, [url('whip'), 'sesame']);
  await wait(5_000);
  // An ICE restart, as that client asks for it: the streamer has none over HTTP, says so (422), and the sessions go on.
  for (const page of [watcher, publisher]) {
    await assert.rejects(page.evaluate(() => window.barertc.client.restart()), /Request rejected with status 422/);
  }
  const { video: { framesDecoded } } = await stats(watcher);
  await until(watcher, (s) => s.video.framesDecoded > framesDecoded + 60, 10_000, 'pictures after the refusal');
  await wait(3_000);
  for (const page of [watcher, publisher]) await page.evaluate(() => window.barertc.client.stop());
  assert.equal(await streamer.stop(), 0, streamer.log);
  const [seen, heard] = [figures(path.join(dir, '0.h264')), sound(path.join(dir, '0.ogg'))];
  console.log(`${seen.frames} frames of ${seen.width}x${seen.height}, ${heard.seconds} s of sound`);
  assert.ok(seen.frames > 120 && seen.errors === '', JSON.stringify(seen));
  assert.ok(heard.seconds > 6, JSON.stringify(heard));
  rmSync(dir, { recursive: true, force: true });
});
