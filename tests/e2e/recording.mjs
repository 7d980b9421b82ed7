// What FFmpeg finds in a recording.
import { execFileSync, spawnSync } from 'node:child_process';

// Frames that decode, the size of the picture, and what the decoder complains about.
export function figures(file) {
  const show = ['-v', 'error', '-count_frames', '-select_streams', 'v:0', '-show_entries', 'stream=width,height,nb_read_frames', '-of', 'json'];
  const { stdout, stderr } = spawnSync('ffprobe', [...show, file], { encoding: 'utf8' });
  const stream = JSON.parse(stdout).streams?.[0] ?? {};
  return { frames: Number(stream.nb_read_frames ?? 0), width: stream.width, height: stream.height, errors: stderr.trim() };
}

// How long the sound is, and how loud where it is loudest.
export function sound(file) {
  const { stderr } = spawnSync('ffmpeg', ['-hide_banner', '-nostats', '-i', file, '-af', 'volumedetect', '-f', 'null', '-'], { encoding: 'utf8' });
  const duration = execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', file], { encoding: 'utf8' });
  const [, loudest] = stderr.match(/max_volume: (\S+) dB/) ?? [];
  return { seconds: Number(Number(duration).toFixed(2)), loudest: Number(loudest ?? -91) };
}

// The spread of brightness in the middle one of all pictures, by spread: 0 where they have one colour only. A camera that is
// switched off sends black.
export function still(file) {
  const args = ['-v', 'error', '-i', file, '-vf', 'signalstats,metadata=print:file=-', '-f', 'null', '-'];
  const text = execFileSync('ffmpeg', args, { encoding: 'utf8', maxBuffer: 64 << 20 });
  const all = (key) => [...text.matchAll(new RegExp(`signalstats\\.${key}=(\\S+)`, 'g'))].map(([, value]) => Number(value));
  const [least, most] = [all('YMIN'), all('YMAX')];
  const spreads = most.map((value, n) => value - least[n]).sort((a, b) => a - b);
  return spreads[spreads.length >> 1] ?? 0;
}
