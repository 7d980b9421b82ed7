// What a viewer says: a file for the browser's microphone, and how like it is what was heard.
import { readFileSync, writeFileSync } from 'node:fs';

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

// How like the chirp the last three seconds of `heard` are where they are most like it (1 is the same), and where those said a
// second before and after are least like it (0.1 s early or late is in time); their level in decibels below overload. 16 bit
// at 8000 Hz.
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
  const said = chirp(8_000);
  const places = Math.max(pcm.length - said.length + 1, 0);
  const values = Float64Array.from({ length: places }, (_, at) => likeAt(said, at));
  const bestOf = (from, to) => values.subarray(from, to).reduce((best, value, n) => (value > values[best] ? from + n : best), from);
  // Half a sample beside it, 3000 Hz are a fifth of a turn away: the same sound would be alike by 0.78.
  const early = [-0.5, -0.375, -0.25, -0.125, 0.125, 0.25, 0.375, 0.5].map((part) => chirp(8_000, part));
  const finest = (at) => Math.max(values[at], ...early.map((chirp) => likeAt(chirp, at)));
  const power = pcm.reduce((sum, value) => sum + value * value, 0) / pcm.length;
  const level = 10 * Math.log10(power / 32_768 ** 2);
  if (places === 0) return { like: 0, least: 0, of: 0, level };
  const [best, each] = [bestOf(0, places), []];
  for (let at = best % 8_000; at < places; at += 8_000) {
    // Those of which a part may be missing at either end do not count.
    if (at >= 800 && at + 800 < places) each.push(finest(bestOf(at - 800, at + 801)));
  }
  return { like: finest(best), least: Math.min(1, ...each), of: each.length, level };
}

// A command that says the chirp each second, as PCM of 48 kHz that ffmpeg encodes, and notes in `times` when it begins to.
export function mouth(script, times) {
  const words = Int16Array.from(chirp(48_000), (value) => value * 32_767);
  writeFileSync(script, `
    import { appendFileSync } from 'node:fs';
    const words = Int16Array.from(${JSON.stringify([...words])});
    const second = new Int16Array(48_000);
    second.set(words);
    const start = performance.now();
    let block = 0;
    process.stdout.on('error', () => process.exit());
    setInterval(() => {
      for (; block * 10 <= performance.now() - start; block++) {
        const at = (block % 100) * 480;
        if (at === 0) appendFileSync(${JSON.stringify(times)}, performance.timeOrigin + performance.now() + '\\n');
        process.stdout.write(Buffer.from(second.buffer, at * 2, 960));
      }
    }, 5);
  `);
  const encoder = 'ffmpeg -loglevel error -fflags nobuffer -probesize 32 -analyzeduration 0 -f s16le -ar 48000 -ac 1 -i - ' +
    '-c:a libopus -b:a 48k -application lowdelay -frame_duration 20 -page_duration 20000 -flush_packets 1 -f ogg -';
  return `'${process.execPath}' '${script}' | ${encoder}`;
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

// In the page: notes when the sound of `from` became loud, by the same clock, in window[onsets]; and keeps it in window.caught, 16
// bit at 8000 Hz, where it is to be `kept`.
async function listenTo(page, { from, onsets, kept }) {
  await page.evaluate(async ({ from, onsets, kept }) => {
    const context = new AudioContext(kept ? { sampleRate: 8_000 } : {});
    await context.resume();
    window[onsets] = [];
    window.caught = kept ? [] : window.caught;
    const node = context.createScriptProcessor(256, 1, 1);
    let quiet = 99_999;
    node.onaudioprocess = (event) => {
      const now = performance.timeOrigin + performance.now();
      for (const value of event.inputBuffer.getChannelData(0)) {
        const loud = Math.abs(value) > 0.06;
        if (loud && quiet > context.sampleRate / 4) window[onsets].push(now);
        quiet = loud ? 0 : quiet + 1;
        if (kept) window.caught.push(Math.max(-32_768, Math.min(32_767, Math.round(value * 32_767))));
      }
    };
    const stream = from === 'microphone' ? window.barertc.talk.stream : document.querySelector('video').srcObject;
    context.createMediaStreamSource(stream).connect(node);
    node.connect(context.destination);
  }, { from, onsets, kept });
}

// The microphone's, in window.said; and what comes from the device, in window.heard.
export const noteOnsets = (page) => listenTo(page, { from: 'microphone', onsets: 'said', kept: false });
export const listen = (page) => listenTo(page, { from: 'device', onsets: 'heard', kept: true });

// What a browser does to a voice is not to be measured. To be called before the page is there.
export async function plainVoice(page) {
  await page.addInitScript(() => {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    navigator.mediaDevices.getUserMedia = () => ask({ audio: plain });
  });
}

// The times that `ear` and `mouth` have noted.
export const times = (file) => readFileSync(file, 'utf8').trim().split('\n').map(Number);

// The middle one of the times from each beginning to the next time that it was heard, in ms, and how many there are.
export function delay(said, heard) {
  const all = said.map((at) => heard.find((later) => later > at) - at).filter((ms) => ms < 900).sort((a, b) => a - b);
  return { ms: all[all.length >> 1], of: all.length };
}
