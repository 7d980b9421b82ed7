// Comparing what a browser shows with what FFmpeg decodes.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './streamer.mjs';

// The bundled sample as Annex B, in `dir`.
export function unpackSample(dir) {
  const out = path.join(dir, 'sample');
  execFileSync('cargo', ['xtask', 'unpack', path.join('examples', 'media', 'sample.brtc'), '--annexb', out], { cwd: root, stdio: 'ignore' });
  return out;
}

// The best PSNR of the picture `png` against any frame of the Annex B file, and which frame that is.
export function bestPsnr(png, annexB) {
  const log = `${png}.log`;
  execFileSync('ffmpeg', [
    '-hide_banner', '-loglevel', 'error', '-i', annexB, '-loop', '1', '-i', png,
    '-lavfi', `[0:v]format=gbrp[a];[1:v]format=gbrp[b];[a][b]psnr=stats_file=${log}:shortest=1`, '-f', 'null', '-',
  ]);
  let best = { psnr: 0, frame: 0 };
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, frame, value] = line.match(/^n:(\d+).*psnr_avg:(\S+)/) ?? [];
    const psnr = value === 'inf' ? 100 : Number(value);
    if (psnr > best.psnr) best = { psnr, frame: Number(frame) - 1 };
  }
  return best;
}
