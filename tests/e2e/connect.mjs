// Round trips from the offer to an open channel, between Chromium and one of ours.
//
//     node connect.mjs [--rtt 0,50,100,200,400] [--runs 5] [--loss PERCENT] [--only ROLE] [--media] [--write]
//
// Both are on one machine; what they say to each other, descriptions too, takes half a round trip. --write puts the table
// into docs/connect.md: with --loss into its own place there. --media leaves out all but the first picture; with --loss it is
// not measured.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { launch } from './browser.mjs';
import { CASES, MEDIA, TWO } from './connect/cases.mjs';
import { measure, measureTwo } from './connect/measure.mjs';
import { measureMedia, measureMediaTwo } from './connect/media.mjs';
import { root, Streamer } from './streamer.mjs';

const { values: options } = parseArgs({
  options: {
    rtt: { type: 'string', default: '0,50,100,200,400' },
    runs: { type: 'string', default: '5' },
    loss: { type: 'string', default: '0' },
    only: { type: 'string' },
    media: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

const part = (values, of) => {
  const sorted = values.map((value) => value ?? Infinity).sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * of), sorted.length - 1)];
};

// The median and the round trips of it; with losses the median, what 99 of 100 take, and the longest.
const lossy = Number(options.loss) > 0;
const written = (ms) => (Number.isFinite(ms) ? String(Math.round(ms)) : 'never');
const cell = (values, rtt) => {
  if (lossy) return [0.5, 0.99, 1].map((of) => written(part(values, of))).join(' / ');
  const ms = part(values, 0.5);
  return rtt === 0 || !Number.isFinite(ms) ? `${written(ms)} ms` : `${written(ms)} (${(ms / rtt).toFixed(2)})`;
};

const COLUMNS = {
  up: 'ours up', open: 'Chromium open', heard: 'our message in the page', back: 'the page\'s message here', rtp: 'first RTP', picture: 'first picture',
};

// All rows of a table. `connect` makes one connection and returns the times of its steps.
async function rows(cases, rtt, steps, connect) {
  const lines = [`| case | ${steps.map((step) => COLUMNS[step]).join(' | ')} |`, `|---${'|---'.repeat(steps.length)}|`];
  for (const one of cases.filter(({ role }) => !options.only || role === options.only)) {
    const found = [];
    const browser = await launch(one.args);
    try {
      for (let n = 0; n < Number(options.runs); n += 1) {
        const pages = await Promise.all(Array.from({ length: one.role === TWO ? 2 : 1 }, () => browser.newPage()));
        await Promise.all(pages.map((page) => page.goto('about:blank')));
        found.push(await connect(pages, { ...one, delay: rtt / 2, loss: Number(options.loss) / 100 }));
        await Promise.all(pages.map((page) => page.close()));
      }
    } finally {
      await browser.close();
    }
    if (process.env.CONNECT_LOG) console.log(JSON.stringify(found));
    lines.push(`| ${one.title} | ${steps.map((step) => cell(found.map((times) => times[step]), rtt)).join(' | ')} |`);
    console.log(`RTT ${rtt}: ${lines.at(-1)}`);
  }
  return `${lines.join('\n')}\n`;
}

async function media(rtt) {
  const streamer = await Streamer.start();
  try {
    const connect = (pages, link) => (link.role === TWO ? measureMediaTwo(pages, link) : measureMedia(pages[0], streamer.url, link));
    return await rows(MEDIA, rtt, ['rtp', 'picture'], connect);
  } finally {
    await streamer.stop();
  }
}

async function run() {
  const text = [];
  const data = (pages, link) => (link.role === TWO ? measureTwo(pages, link) : measure(pages[0], link));
  for (const rtt of options.rtt.split(',').map(Number)) {
    text.push(`Round trip ${rtt} ms${lossy ? `, ${options.loss} % lost, ${options.runs} runs: median / 99 % / longest` : ''}:\n`);
    if (!options.media) text.push(await rows(CASES, rtt, ['up', 'open', 'heard', 'back'], data));
    if (!lossy) text.push(await media(rtt));
  }
  return text.join('\n');
}

const table = await run();
console.log(`\n${table}`);
if (options.write) {
  const file = path.join(root, 'docs/connect.md');
  const before = readFileSync(file, 'utf8');
  const name = lossy ? 'table with losses' : 'table';
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  writeFileSync(file, `${before.split(begin)[0]}${begin}\n${table}\n${end}${before.split(end)[1]}`);
}
