// libdatachannel's streamer: its own H.264 packetizer, sender reports and a NACK responder with a history of 512 packets,
// as in its example. It talks to whoever started it in JSON lines: it writes its offer and reads the answer.
//
//     node streamer.mjs FOLDER ADDRESS PORT
//
// FOLDER has h264/ and opus/ with a frame a file; media leaves from this address and port.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import library from 'node-datachannel';

const [folder, address, port] = process.argv.slice(2);

function frames(kind) {
  const files = readdirSync(path.join(folder, kind)).sort((a, b) => parseInt(a, 10) - parseInt(b, 10));
  return files.map((file) => readFileSync(path.join(folder, kind, file)));
}

const connection = new library.PeerConnection('streamer', {
  iceServers: [], bindAddress: address, portRangeBegin: Number(port), portRangeEnd: Number(port), mtu: 1200,
});

function track(media, ssrc, pt, clock, frames, every, packetizer) {
  media.addSSRC(ssrc, media.mid(), 'stream1', media.mid());
  const config = new library.RtpPacketizationConfig(ssrc, media.mid(), pt, clock);
  const handler = packetizer(config);
  handler.addToChain(new library.RtcpSrReporter(config));
  handler.addToChain(new library.RtcpNackResponder(512));
  const sender = connection.addTrack(media);
  sender.setMediaHandler(handler);
  return { sender, config, frames, every, clock, next: 0 };
}

const video = new library.Video('video-stream', 'SendOnly');
video.addH264Codec(102);
const audio = new library.Audio('audio-stream', 'SendOnly');
audio.addOpusCodec(111);
const tracks = [
  track(video, 1, 102, 90_000, frames('h264'), 1000 / 30, (c) => new library.H264RtpPacketizer('Length', c)),
  track(audio, 2, 111, 48_000, frames('opus'), 20, (c) => new library.RtpPacketizer(c)),
];

let start;
function play() {
  if (tracks.some((t) => t.sender.isClosed())) return;
  // On a lossy path the connection may be there before its tracks are.
  if (!tracks.every((t) => t.sender.isOpen())) {
    setTimeout(play, 10);
    return;
  }
  const now = performance.now() - start;
  for (const t of tracks) {
    // A frame that is late is sent late, in a burst if there are several: the example does so too.
    while (t.next * t.every <= now) {
      t.config.timestamp = Math.round((t.next * t.every * t.clock) / 1000) >>> 0;
      t.sender.sendMessageBinary(t.frames[t.next % t.frames.length]);
      t.next += 1;
    }
  }
  const due = Math.min(...tracks.map((t) => t.next * t.every));
  setTimeout(play, Math.max(0, due - (performance.now() - start)));
}

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
connection.onStateChange((state) => {
  say({ state });
  if (state === 'connected' && start === undefined) {
    start = performance.now();
    play();
  }
});
connection.onGatheringStateChange((state) => {
  if (state === 'complete') say({ offer: connection.localDescription().sdp });
});
connection.setLocalDescription('offer');

readline.createInterface({ input: process.stdin })
  .on('line', (line) => connection.setRemoteDescription(JSON.parse(line).answer, 'answer'))
  .on('close', () => process.exit(0));
