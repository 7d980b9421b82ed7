// How the picture holds on bad networks: a streamer behind the impairing proxy, Chromium's page in front of it, and a row
// of figures for each network.
//
//     node impair.mjs [--quick] [--rows NAME,…|--missing|--kept] [--seconds N] [--seeds N] [--peer barertc|libdatachannel|both] [--write]
//
// Figures are kept in the target directory as they come, so that a table can be made in pieces: --rows measures those named,
// --missing those that there are no figures of, --kept none at all, and each prints the tables of all that is kept.
// --write puts them into docs/bad-networks.md. --quick is five rows of ours for the tests, kept nowhere; what must hold
// there is asserted. --seeds (3 if not said) is how many runs a row has, each with losses of its own.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { measure } from './impair/measure.mjs';
import { PEERS } from './impair/peers.mjs';
import { broken, QUICK, ROWS } from './impair/rows.mjs';
import { line, table } from './impair/table.mjs';
import { root, target } from './streamer.mjs';

// A browser that the machine left without a turn for longer than this shows the machine and not the network: such a run is
// made again, and of all the least disturbed counts.
const STALL_MS = 150;
const TRIES = 3;
const TITLES = { barertc: 'barertc', libdatachannel: 'libdatachannel 0.24.5 (its NACK responder with 512 packets, no pacing)' };

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rows: { type: 'string' },
    missing: { type: 'boolean', default: false },
    kept: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    seeds: { type: 'string' },
    peer: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const seconds = Number(options.seconds ?? (options.quick ? 12 : 60));
const seeds = Array.from({ length: Number(options.seeds ?? 3) }, (_, n) => n + 1);
const peer = options.peer ?? (options.quick ? 'barertc' : 'both');
const peers = peer === 'both' ? Object.keys(PEERS) : [peer];
const folder = path.join(target, 'impair');
const place = (name, row, seed) => path.join(folder, `${name}-${row.name}-${seconds}s-${seed}.json`);

function kept(name, row, seed) {
  try {
    return JSON.parse(readFileSync(place(name, row, seed), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

const isBad = (found) => !found || found.stall > STALL_MS;
const isBetter = (found, than) => found && (!than || found.stall < than.stall);

// A row's figures, of a run that the machine did not disturb if there is one.
async function settle(name, row, seed) {
  let found = null;
  let tries = 0;
  do {
    const again = await measure(PEERS[name], { ...row, link: [...row.link, '--seed', String(seed)] }, seconds);
    tries += 1;
    console.log(`${name}, ${row.about}, seed ${seed}: ${line(again)}`);
    if (isBetter(again, found)) found = again;
    if (!again && !found && tries > 1) break; // no picture twice is the network's doing
  } while (isBad(found) && tries < TRIES);
  return { found, tries };
}

async function runQuick() {
  const failures = [];
  for (const row of QUICK.map((name) => ROWS.find((r) => r.name === name))) {
    let wrong;
    for (let n = 0; n < TRIES; n += 1) {
      const found = await measure(PEERS.barertc, row, seconds);
      console.log(`${row.about}: ${line(found)}`);
      wrong = broken(row, found);
      if (wrong.length === 0 || !isBad(found)) break;
      console.log('once more, since the machine stalled');
    }
    failures.push(...wrong);
  }
  assert.deepEqual(failures, []);
}

async function measureAll() {
  const named = options.rows?.split(',').map((name) => ROWS.find((row) => row.name === name) ?? assert.fail(`no row ${name}`));
  mkdirSync(folder, { recursive: true });
  for (const row of options.kept ? [] : named ?? ROWS) {
    for (const name of peers) {
      for (const seed of seeds) {
        if (options.missing && kept(name, row, seed)) continue;
        writeFileSync(place(name, row, seed), JSON.stringify(await settle(name, row, seed)));
      }
    }
  }
}

const runs = (name, row) => seeds.map((seed) => kept(name, row, seed)).filter(Boolean);

function report() {
  const sections = Object.entries(TITLES).map(([name, title]) => {
    const results = ROWS.map((row) => ({ row, runs: runs(name, row) })).filter((result) => result.runs.length > 0);
    return `### ${title}\n\n${table(results)}\n`;
  }).join('\n');
  console.log(`\n${sections}`);
  for (const row of ROWS) {
    for (const { found } of runs('barertc', row)) broken(row, found).forEach((wrong) => console.log(`missed: ${wrong}`));
  }
  if (!options.write) return;
  const file = path.join(root, 'docs/bad-networks.md');
  const text = readFileSync(file, 'utf8');
  const [begin, end] = ['<!-- tables -->\n', '<!-- end of tables -->'];
  const [before, after] = [text.split(begin)[0], text.split(end)[1]];
  writeFileSync(file, `${before}${begin}\n${sections}\n${end}${after}`);
}

if (options.quick) {
  await runQuick();
} else {
  await measureAll();
  report();
}
