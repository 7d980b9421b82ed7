// libdatachannel for `interop.mjs`. It has no encoders: its packets carry bytes that nobody decodes.
//
//     node libdatachannel.mjs offer|answer h264|vp8 BYTES
import { randomBytes } from 'node:crypto';
import library from 'node-datachannel';
import { options, run } from './lines.mjs';
import { PICTURE, SOUND, packet } from './packets.mjs';

const { side, codec, bytes } = options;
const MESSAGE = 16_000;
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const until = async (what, is, ms = 10_000) => {
  for (const end = Date.now() + ms; !is(); await wait(10)) if (Date.now() > end) throw new Error(`no ${what}`);
};

const pc = new library.PeerConnection(side, { iceServers: [], disableAutoNegotiation: true });
const came = { video: 0, audio: 0 };
let over = false;
pc.onStateChange((state) => { over ||= /closed|failed|disconnected/.test(state); });

function play(track, kind, every, step, payload) {
  let [sequence, type] = [1, null];
  setInterval(() => {
    if (over || !track.isOpen()) return;
    // The payload type is that of the first codec that both have.
    type ??= Number(pc.localDescription().sdp.split(/\r?\nm=/).find((text) => text.startsWith(kind)).match(/ (\d+)/g)[1]);
    track.sendMessageBinary(packet({ type, marker: kind === 'video', sequence, timestamp: sequence * step, ssrc: kind === 'video' ? 11 : 12 }, payload));
    sequence += 1;
  }, every);
}
const tracks = [];
function useTrack(track) {
  tracks.push(track);
  const kind = track.type();
  track.onMessage((data) => {
    if (data.length < 13 || (data[1] >= 192 && data[1] <= 223)) return;
    if (kind === 'audio' || data[1] & 0x80) came[kind] += 1;
  });
  if (tracks.filter((t) => t.type() === kind).length > 1) return;
  if (kind === 'video') play(track, kind, 33, 3_000, PICTURE[codec]);
  else play(track, kind, 20, 960, SOUND);
}
pc.onTrack(useTrack);
function addAudio(mid, direction) {
  const audio = new library.Audio(mid, direction);
  audio.addOpusCodec(111);
  if (direction === 'SendRecv') audio.addSSRC(12, 'lib', 'lib', mid);
  return pc.addTrack(audio);
}

const expected = [];
let [got, same, mirror] = [0, true, null];
function use(channel) {
  mirror = channel;
  channel.onMessage((data) => {
    const sent = expected.shift();
    got += data.length;
    same &&= sent?.equals(Buffer.from(data)) ?? false;
  });
}
pc.onDataChannel(use);
async function send(count) {
  for (let left = count; left > 0; left -= MESSAGE) {
    while (mirror.bufferedAmount() > 1 << 18) await wait(5);
    const message = randomBytes(Math.min(MESSAGE, left));
    expected.push(message);
    mirror.sendMessageBinary(message);
  }
}

async function describe(type) {
  pc.setLocalDescription(type);
  await wait(100);
  await until('candidates', () => pc.gatheringState() === 'complete');
  return pc.localDescription().sdp;
}

await run(library.getLibraryVersion?.() ?? '', async ({ offer }) => {
  if (side === 'offer') {
    use(pc.createDataChannel('mirror'));
    const video = new library.Video('video', 'SendRecv');
    if (codec === 'h264') video.addH264Codec(96);
    else video.addVP8Codec(96);
    video.addSSRC(11, 'lib', 'lib', 'video');
    useTrack(pc.addTrack(video));
    useTrack(addAudio('audio', 'SendRecv'));
  } else {
    pc.setRemoteDescription(offer, 'offer');
  }
  return {
    steps: ['reset', 'more'],
    description: await describe(side),
    answer: (sdp) => pc.setRemoteDescription(sdp, 'answer'),
    async result() {
      await until('channel', () => mirror?.isOpen(), 20_000);
      await send(bytes);
      for (const end = Date.now() + 55_000; Date.now() < end; await wait(20)) {
        if (got >= bytes && came.video >= 20 && came.audio >= 50) break;
      }
      return { ...came, bytes: got, same };
    },
    async reset() {
      const channel = pc.createDataChannel('second');
      let [echoes, closed] = [0, false];
      channel.onMessage(() => { echoes += 1; });
      channel.onClosed(() => { closed = true; });
      channel.onOpen(() => { for (let n = 0; n < 5; n += 1) channel.sendMessage('hello'); });
      await until('echo on a second channel', () => echoes === 5);
      if (side === 'offer') channel.close();
      else channel.sendMessage('close');
      await until('end of the second channel', () => closed);
    },
    async offerAgain() {
      useTrack(addAudio('more', 'RecvOnly'));
      return describe('offer');
    },
    async answerAgain(sdp) {
      pc.setRemoteDescription(sdp, 'offer');
      return describe('answer');
    },
    async goesOn() {
      const before = { ...came };
      const want = got + 200_000;
      await send(200_000);
      await until('more bytes', () => got === want);
      if (!same) throw new Error('other bytes came back');
      await until('more pictures and sound', () => came.video >= before.video + 10 && came.audio >= before.audio + 10);
    },
    async close(byThem) {
      for (const end = Date.now() + 8_000; byThem && !over && Date.now() < end;) await wait(20);
      const told = over;
      pc.close();
      await wait(300);
      return told;
    },
  };
});
process.exit(0);
