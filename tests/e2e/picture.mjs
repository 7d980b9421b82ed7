// Comparing what a browser shows with what FFmpeg decodes.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root, target } from './streamer.mjs';

// The bundled sample as Annex B, in `dir`.
export function unpackSample(dir) {
  const out = path.join(dir, 'sample');
  execFileSync(path.join(target, 'debug', 'xtask'), ['unpack', path.join('examples', 'media', 'sample.brtc'), '--annexb', out], { cwd: root, stdio: 'ignore' });
  return out;
}

// The best luma PSNR of the picture `png` against any frame of the Annex B file, and which frame that is. The sample says
// nothing of its colours, and a browser takes 720 lines for BT.709; chroma is left out, as every player scales it up in
// its own way.
export function bestPsnr(png, annexB) {
  const quiet = ['-hide_banner', '-loglevel', 'error', '-y'];
  const raw = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p'];
  const [still, log] = [`${png}.yuv`, `${png}.log`];
  const flags = 'scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int';
  execFileSync('ffmpeg', [...quiet, '-i', png, '-vf', flags, ...raw, still]);
  execFileSync('ffmpeg', [
    ...quiet, '-i', annexB, '-stream_loop', '-1', ...raw, '-s', '1280x720', '-i', still,
    '-lavfi', `psnr=stats_file=${log}:shortest=1`, '-f', 'null', '-',
  ]);
  let best = { psnr: 0, frame: 0 };
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, frame, value] = line.match(/^n:(\d+).*psnr_y:(\S+)/) ?? [];
    const psnr = value === 'inf' ? 100 : Number(value);
    if (psnr > best.psnr) best = { psnr, frame: Number(frame) - 1 };
  }
  return best;
}
