// Round trips from the offer to an open channel, between Chromium and one of ours.
//
//     node connect.mjs [--rtt 0,50,100,200] [--runs 5] [--loss PERCENT] [--write]
//
// Both are on one machine; what they say to each other, descriptions too, takes half a round trip. --write puts the table
// into docs/connect.md.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { launch } from './browser.mjs';
import { CASES } from './connect/cases.mjs';
import { measure } from './connect/measure.mjs';
import { root } from './streamer.mjs';

const { values: options } = parseArgs({
  options: {
    rtt: { type: 'string', default: '0,50,100,200' },
    runs: { type: 'string', default: '5' },
    loss: { type: 'string', default: '0' },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});

const median = (values) => {
  const sorted = values.map((value) => value ?? Infinity).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};

const cell = (ms, rtt) => {
  if (!Number.isFinite(ms)) return 'never';
  return rtt === 0 ? `${Math.round(ms)} ms` : `${Math.round(ms)} (${(ms / rtt).toFixed(2)})`;
};

const STEPS = ['up', 'open', 'heard', 'back'];

async function run() {
  const text = [];
  for (const rtt of options.rtt.split(',').map(Number)) {
    const lines = ['| case | ours up | Chromium open | our message in the page | the page\'s message here |', '|---|---|---|---|---|'];
    for (const one of CASES.filter(({ role }) => !options.only || role === options.only)) {
      const found = [];
      const browser = await launch(one.args);
      try {
        for (let n = 0; n < Number(options.runs); n += 1) {
          const page = await browser.newPage();
          await page.goto('about:blank');
          found.push(await measure(page, { ...one, delay: rtt / 2, loss: Number(options.loss) / 100 }));
          await page.close();
        }
      } finally {
        await browser.close();
      }
      if (process.env.CONNECT_LOG) console.log(JSON.stringify(found));
      lines.push(`| ${one.title} | ${STEPS.map((step) => cell(median(found.map((times) => times[step])), rtt)).join(' | ')} |`);
      console.log(`RTT ${rtt}: ${lines.at(-1)}`);
    }
    text.push(`Round trip ${rtt} ms:\n\n${lines.join('\n')}\n`);
  }
  return text.join('\n');
}

const table = await run();
console.log(`\n${table}`);
if (options.write) {
  const file = path.join(root, 'docs/connect.md');
  const before = readFileSync(file, 'utf8');
  const [begin, end] = ['<!-- table -->\n', '<!-- end of table -->'];
  writeFileSync(file, `${before.split(begin)[0]}${begin}\n${table}\n${end}${before.split(end)[1]}`);
}
