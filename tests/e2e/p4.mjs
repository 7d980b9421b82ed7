// The program for the ESP32-P4 in the model of its chip.
import assert from 'node:assert/strict';
import path from 'node:path';
import { Streamer, target } from './streamer.mjs';

// Bytes of internal memory for what is not the program's own data: the arena of the WiFi driver.
const ARENA = 69_632;

export async function board(...args) {
  const program = path.join(target, 'debug', 'xtask');
  const given = process.env.P4_PROGRAM ? ['--program', process.env.P4_PROGRAM] : [];
  const all = ['p4', ...given, '--load', '5', ...args];
  const device = await Streamer.start(all, { program, listen: false, patience: 120_000 });
  await device.waitFor(/ready at/, 60_000);
  return device;
}

// Connections take no internal memory; the WiFi driver has its arena there.
export function inside(internal, network) {
  if (network === 'Ethernet') assert.equal(internal.peak, 0, 'no connection uses internal memory');
  else assert.ok(internal.peak > 0 && internal.peak <= ARENA, `internal memory: ${internal.peak} of ${ARENA} B`);
}
