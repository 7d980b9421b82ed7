// The tables of docs/bad-networks.md.
const percent = (part, digits) => (Number.isFinite(part) ? `${(100 * part).toFixed(digits)} %` : '–');

const COLUMNS = [
  ['frames decoded', (f) => percent(f.decoded, 1)],
  ['freezes', (f) => String(f.freezes)],
  ['longest', (f) => (f.freezes ? `${(1000 * f.longest).toFixed(0)} ms` : '–')],
  ['in all', (f) => (f.freezes ? `${f.frozen.toFixed(1)} s` : '–')],
  ['gaps > 70 ms', (f) => String(f.gaps ?? '–')],
  ['lost on the link', (f) => String(f.linkLost)],
  // A browser's counter may begin anew.
  ['NACKs', (f) => (f.nacks < 0 || (f.nacks === 0 && f.again > 0) ? '?' : String(f.nacks))],
  // Those that came, of those that were sent where the streamer tells; their bytes, and all that is more than media, as a
  // part of the media's.
  ['repair packets', (f) => (f.fec > 0 ? `${f.fec}${f.fecSent ? ` of ${f.fecSent}` : ''}, ${percent(f.fecShare, 0)}` : '0')],
  ['overhead', (f) => percent(f.overhead, 0)],
  // Only retransmissions on a stream of their own can be counted.
  ['came again', (f) => (f.again > 0 ? String(f.again) : f.linkLost > 0 ? '–' : '0')],
  ['never came', (f) => String(Math.max(0, f.lost - (f.again ?? 0)))],
  ['PLIs', (f) => (f.plis < 0 ? '?' : String(f.plis))],
  ['added delay', (f) => (Number.isFinite(f.delay) ? `${(1000 * f.delay).toFixed(0)} ms` : '–')],
  ['delay asked', (f) => (f.playout === undefined ? '–' : `${f.playout} ms`)],
  ['delay wanted', (f) => (Number.isFinite(f.asked) ? `${(1000 * f.asked).toFixed(0)} ms` : '–')],
  ['sound concealed', (f) => percent(f.concealed, 2)],
  ['video', (f) => `${f.kbit.toFixed(0)} kbit/s, ${f.width} wide${f.attempts > 1 ? `, ${f.attempts} connections` : ''}`],
];
const STALL = 'longest stall of the machine';

const cells = ({ found, tries }) => [
  ...COLUMNS.map(([, show], n) => (found ? show(found) : ['no picture'][n] ?? '–')),
  `${found ? `${found.stall.toFixed(0)} ms` : '–'}${tries > 1 ? ` (${found ? 'best of ' : ''}${tries} runs)` : ''}`,
];

// The cells of all seeds, one beside the other; those that are alike once.
const side = (runs) => runs.map(cells).reduce((all, one) => all.map((cell, n) => [...cell, one[n]]), [...COLUMNS, STALL].map(() => []))
  .map((cell) => (new Set(cell).size === 1 ? cell[0] : cell.join(' / ')));

// `results` are [{ row, runs: [{ found, tries }] }], a run for each seed, in the table's order.
export function table(results) {
  const head = ['network', ...COLUMNS.map(([name]) => name), STALL];
  const lines = [`| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`];
  for (const { row, runs } of results) lines.push(`| ${row.about} | ${side(runs).join(' | ')} |`);
  return lines.join('\n');
}

export function line(found) {
  if (!found) return 'no picture';
  return [...COLUMNS, [STALL, (f) => `${f.stall.toFixed(0)} ms`]].map(([name, show]) => `${name} ${show(found)}`).join('; ');
}
