// werift, a stack in TypeScript, for `interop.mjs`. It has no encoders: its packets carry bytes that nobody decodes.
//
//     node werift.mjs offer|answer h264|vp8 BYTES
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MediaStreamTrack, RTCPeerConnection, RtpHeader, RtpPacket, useH264, useOPUS, useVP8 } from 'werift';
import { options, run } from './lines.mjs';
import { PICTURE, SOUND } from './packets.mjs';

const { side, codec, bytes } = options;
const MESSAGE = 16_000;
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const version = JSON.parse(readFileSync(new URL('node_modules/werift/package.json', import.meta.url))).version;

const h264 = useH264({ parameters: 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1' });
const pc = new RTCPeerConnection({
  codecs: { video: [codec === 'h264' ? h264 : useVP8()], audio: [useOPUS()] },
  iceServers: [],
});

const came = { video: 0, audio: 0 };
pc.onTrack.subscribe((track) => track.onReceiveRtp.subscribe((packet) => {
  // A frame ends with a marker, a packet of sound is one.
  if (track.kind === 'audio' || packet.header.marker) came[track.kind] += 1;
}));
const tracks = ['video', 'audio'].map((kind) => new MediaStreamTrack({ kind }));
const transceivers = tracks.map((track) => pc.addTransceiver(track, { direction: 'sendrecv' }));

function play(track, payload, every, step, marker) {
  let [sequenceNumber, timestamp] = [1, 1];
  setInterval(() => {
    if (pc.connectionState !== 'connected') return;
    const payloadType = transceivers[tracks.indexOf(track)].codecs[0].payloadType;
    track.writeRtp(new RtpPacket(new RtpHeader({ sequenceNumber, timestamp, marker, payloadType, ssrc: 1 }), payload));
    sequenceNumber = (sequenceNumber + 1) & 0xffff;
    timestamp += step;
  }, every);
}
play(tracks[0], PICTURE[codec], 33, 3_000, true);
play(tracks[1], SOUND, 20, 960, false);

const [sent, heard] = [createHash('sha256'), createHash('sha256')];
let got = 0;
function use(channel) {
  channel.onMessage.subscribe((message) => {
    heard.update(message);
    got += message.length;
  });
  const send = async () => {
    for (let left = bytes; left > 0; left -= MESSAGE) {
      while (channel.bufferedAmount > 1 << 18) await wait(5);
      const message = randomBytes(Math.min(MESSAGE, left));
      sent.update(message);
      channel.send(message);
    }
  };
  if (channel.readyState === 'open') send();
  else channel.stateChanged.subscribe((state) => state === 'open' && send());
}
pc.onDataChannel.subscribe(use);

await run(version, async ({ offer }) => {
  if (side === 'offer') {
    use(pc.createDataChannel('mirror'));
    await pc.setLocalDescription(await pc.createOffer());
  } else {
    await pc.setRemoteDescription({ type: 'offer', sdp: offer });
    await pc.setLocalDescription(await pc.createAnswer());
  }
  while (pc.iceGatheringState !== 'complete') await wait(10);
  return {
    description: pc.localDescription.sdp,
    answer: (sdp) => pc.setRemoteDescription({ type: 'answer', sdp }),
    async result() {
      for (const end = Date.now() + 55_000; Date.now() < end; await wait(20)) {
        if (got >= bytes && came.video >= 20 && came.audio >= 50) break;
      }
      return { ...came, bytes: got, same: sent.digest('hex') === heard.digest('hex') };
    },
    async close(byThem) {
      const over = () => /closed|failed|disconnected/.test(pc.connectionState);
      for (const end = Date.now() + 8_000; byThem && !over() && Date.now() < end;) await wait(20);
      const told = over();
      await pc.close();
      await wait(200);
      return told;
    },
  };
});
process.exit(0);
