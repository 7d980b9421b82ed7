// libwebrtc of 2024, with grey pictures and a tone: node wrtc.mjs offer|answer vp8 BYTES.
import { readFileSync } from 'node:fs';
import wrtc from '@roamhq/wrtc';
import { run } from './lines.mjs';
import { begin } from './session.mjs';

const { RTCVideoSource, RTCAudioSource, RTCVideoSink, RTCAudioSink } = wrtc.nonstandard;
const came = { video: 0, audio: 0 };
const sinks = [];

async function tracks() {
  const [video, audio] = [new RTCVideoSource(), new RTCAudioSource()];
  let n = 0;
  setInterval(() => {
    const data = new Uint8Array(320 * 240 * 1.5).fill(128);
    data.fill(n % 256, 0, 320 * 100);
    n += 9;
    video.onFrame({ width: 320, height: 240, data });
  }, 33);
  const samples = Int16Array.from({ length: 480 }, (_, at) => 8_000 * Math.sin((at * 2 * Math.PI) / 48));
  setInterval(() => audio.onData({ samples, sampleRate: 48_000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 }), 10);
  return [video.createTrack(), audio.createTrack()];
}

function arrived({ track }) {
  const sink = track.kind === 'video' ? new RTCVideoSink(track) : new RTCAudioSink(track);
  sink.onframe = () => { came.video += 1; };
  sinks.push(sink);
}

// The sink of sound is called for silence, too: its packets are counted.
async function counts(pc) {
  (await pc.getStats()).forEach((s) => { if (s.type === 'inbound-rtp' && s.kind === 'audio') came.audio = s.packetsReceived; });
  return came;
}

const { version } = JSON.parse(readFileSync(new URL('../node_modules/@roamhq/wrtc/package.json', import.meta.url)));
await run(version, (options) => begin(options, {
  RTCPeerConnection: wrtc.RTCPeerConnection, tracks, arrived, counts,
}));
for (const sink of sinks) sink.stop();
process.exit(0);
