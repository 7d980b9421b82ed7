// What each further viewer costs the streamer: 1, 2, 4 and 8 of them, who are libdatachannel's and decode nothing, so that
// the machine has time for all.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import library from 'node-datachannel';
import { Streamer } from '../streamer.mjs';

const SECONDS = Number(process.env.VIEWERS_SECONDS ?? 10);
// Of /proc's clock: 100 ticks a second on every Linux that Node runs on.
const TICK_MS = 10;

// Milliseconds of processor time that the process has used.
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

// A viewer that takes what comes, and how many bytes that were.
function viewer(url, n) {
  const viewer = { bytes: 0, frames: 0, closed: false };
  const connection = viewer.connection = new library.PeerConnection(`viewer ${n}`, { iceServers: [] });
  const socket = viewer.socket = new library.WebSocket();
  const send = (message) => socket.sendMessage(JSON.stringify({ id: 'server', ...message }));
  viewer.playing = new Promise((done, fail) => {
    connection.onTrack((track) => {
      track.setMediaHandler(new library.RtcpReceivingSession());
      track.onMessage((packet) => { viewer.bytes += packet.length; done(); });
      (viewer.tracks ??= []).push(track);
    });
    setTimeout(() => fail(new Error(`viewer ${n} sees nothing`)), 15_000).unref();
  });
  connection.onGatheringStateChange((state) => {
    const { type, sdp } = connection.localDescription() ?? {};
    if (state === 'complete' && type === 'answer') send({ type: 'answer', sdp });
  });
  socket.onOpen(() => send({ type: 'request' }));
  socket.onMessage((data) => {
    const message = JSON.parse(data);
    if (message.type === 'offer') connection.setRemoteDescription(message.sdp, 'offer');
  });
  socket.open(`${url.replace('http', 'ws')}ws/viewer${n}`);
  return viewer;
}

const streamer = await Streamer.start(['--stats']);
const psram = () => Number([...streamer.log.matchAll(/ large memory (\d+) B/g)].at(-1)[1]);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const rows = [];
try {
  await wait(6_000);
  const idle = psram();
  const all = [];
  for (const count of [1, 2, 4, 8]) {
    while (all.length < count) {
      const next = viewer(streamer.url, all.length);
      await next.playing;
      all.push(next);
    }
    await wait(2_000);
    const [from, at, bytes] = [cpu(streamer.pid), performance.now(), all.map((v) => v.bytes)];
    await wait(SECONDS * 1000);
    const seconds = (performance.now() - at) / 1000;
    const rate = all.map((v, n) => ((v.bytes - bytes[n]) * 8) / seconds / 1000);
    await wait(5_000);
    rows.push({
      count,
      memory: psram() - idle,
      cpu: (cpu(streamer.pid) - from) / ((performance.now() - at) / 1000) / 10,
      least: Math.min(...rate),
    });
  }
  console.log('| viewers | PSRAM | a viewer | processor | a viewer | the slowest gets |\n|---|---|---|---|---|---|');
  for (const { count, memory, cpu, least } of rows) {
    console.log(`| ${count} | ${(memory / 1024).toFixed(0)} KiB | ${(memory / 1024 / count).toFixed(0)} KiB | ${cpu.toFixed(1)} % | ${(cpu / count).toFixed(2)} % | ${least.toFixed(0)} kbit/s |`);
  }
  // What is shared (frames on their way) is divided by more, so a viewer costs less and not more.
  assert.ok(rows[3].memory / 8 <= rows[0].memory, JSON.stringify(rows));
} finally {
  await streamer.stop();
}
process.exit(0);
