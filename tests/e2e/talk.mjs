// What a viewer says: a file for the browser's microphone, and how like it is what was heard.
import { writeFileSync } from 'node:fs';

const CHIRP = 0.4;

// Half of full scale, from 300 to 3000 Hz: no part of it is like another. It begins by `early` of a sample before its time.
const chirp = (rate, early = 0) => Float64Array.from({ length: CHIRP * rate }, (_, n) => {
  const t = (n + early) / rate;
  return 0.5 * Math.sin(2 * Math.PI * (300 * t + ((3000 - 300) / (2 * CHIRP)) * t * t));
});

// A second of it and of silence behind it, which the browser plays over and over.
export function writeVoice(file) {
  const rate = 48_000;
  const pcm = new Int16Array(rate);
  chirp(rate).forEach((value, n) => (pcm[n] = value * 32_767));
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + pcm.byteLength, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(pcm.byteLength, 40);
  writeFileSync(file, Buffer.concat([head, Buffer.from(pcm.buffer)]));
}

// How like the chirp the last three seconds of `heard` are where they are most like it (1 is the same), and their level in
// decibels below overload; 16 bit at 8000 Hz.
export function likeness(heard) {
  const all = new Int16Array(heard.buffer, heard.byteOffset, heard.length >> 1);
  const pcm = all.slice(-24_000);
  const likeAt = (said, at) => {
    let [product, square, energy] = [0, 0, 0];
    for (let n = 0; n < said.length; n++) {
      product += said[n] * pcm[at + n];
      square += pcm[at + n] ** 2;
      energy += said[n] ** 2;
    }
    return Math.abs(product) / Math.sqrt(energy * Math.max(square, 1));
  };
  let [like, best] = [0, 0];
  const said = chirp(8_000);
  for (let at = 0; at + said.length <= pcm.length; at++) {
    const value = likeAt(said, at);
    if (value > like) [like, best] = [value, at];
  }
  // Half a sample beside it, 3000 Hz are a fifth of a turn away: the same sound would be alike by 0.78.
  for (const early of [-0.5, -0.375, -0.25, -0.125, 0.125, 0.25, 0.375, 0.5]) like = Math.max(like, likeAt(chirp(8_000, early), best));
  const power = pcm.reduce((sum, value) => sum + value * value, 0) / pcm.length;
  return { like, level: 10 * Math.log10(power / 32_768 ** 2) };
}

// A command that keeps what it hears in `file`, and in `times` when it became loud, in ms of this machine's clock.
export function ear(script, file, times) {
  writeFileSync(script, `
    import { appendFileSync } from 'node:fs';
    let quiet = 9_999;
    process.stdin.on('data', (bytes) => {
      const now = performance.timeOrigin + performance.now();
      appendFileSync(${JSON.stringify(file)}, bytes);
      for (let at = 0; at + 1 < bytes.length; at += 2) {
        const loud = Math.abs(bytes.readInt16LE(at)) > 2_000;
        if (loud && quiet > 2_000) appendFileSync(${JSON.stringify(times)}, now + '\\n');
        quiet = loud ? 0 : quiet + 1;
      }
    });
  `);
  return `exec '${process.execPath}' '${script}'`;
}

// In the page: notes when the microphone became loud, by the same clock, in window.said.
export async function noteOnsets(page) {
  await page.evaluate(async () => {
    const context = new AudioContext();
    await context.resume();
    window.said = [];
    const node = context.createScriptProcessor(256, 1, 1);
    let quiet = 99_999;
    node.onaudioprocess = (event) => {
      const now = performance.timeOrigin + performance.now();
      for (const value of event.inputBuffer.getChannelData(0)) {
        const loud = Math.abs(value) > 0.06;
        if (loud && quiet > context.sampleRate / 4) window.said.push(now);
        quiet = loud ? 0 : quiet + 1;
      }
    };
    context.createMediaStreamSource(window.barertc.talk.stream).connect(node);
    node.connect(context.destination);
  });
}
