// Records what the browser's feedback tells of each packet on some bad networks, for tests of the bandwidth estimate.
//
//     node traces.mjs FOLDER
//
// A file a network, a line a packet: when it was sent, in 10 µs since the packet before; its size; when it arrived, in ticks
// of 250 µs since the one before that arrived, or `-`. After the packets of a message, `=` and when that came, in 10 µs since
// the last packet was sent.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { measure } from './impair/measure.mjs';
import { PEERS } from './impair/peers.mjs';
import { ROWS } from './impair/rows.mjs';

const NETWORKS = ['loss-5', 'jitter', 'rate-2', 'rate-1'];
const SECONDS = 10;

function compact(text) {
  let [sent, arrived] = [0, 0];
  const step = (from, to, unit) => Math.round(to / unit) - Math.round(from / unit);
  const lines = text.trim().split('\n').map((line) => {
    const [word, a, bytes, b] = line.split(' ');
    if (word === 'now') return `= ${step(sent, Number(a), 10)}`;
    const parts = [step(sent, Number(a), 10), bytes, b === '-' ? '-' : step(arrived, Number(b), 250)];
    sent = Number(a);
    if (b !== '-') arrived = Number(b);
    return parts.join(' ');
  });
  return `${lines.join('\n')}\n`;
}

const [folder] = process.argv.slice(2);
const temporary = mkdtempSync(path.join(tmpdir(), 'barertc-traces-'));
for (const name of NETWORKS) {
  const file = path.join(temporary, name);
  await measure(PEERS.barertc, ROWS.find((row) => row.name === name), SECONDS, ['--feedback', file]);
  const text = compact(readFileSync(file, 'utf8'));
  writeFileSync(path.join(folder, `${name}.txt`), text);
  console.log(`${name}: ${text.length} bytes`);
}
rmSync(temporary, { recursive: true });
