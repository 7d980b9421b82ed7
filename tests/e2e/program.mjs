// Programs that talk in lines: what they print, descriptions among it, and their end.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { root } from './streamer.mjs';

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// Everything that runs, so that nothing is left behind.
const running = new Set();

// A program that ends when its input does, and the lines it prints.
export class Program {
  lines = [];
  #rest = '';
  #waiting = [];

  constructor(command, { input = 'pipe', cwd = root, env = {} } = {}) {
    this.name = command.join(' ');
    this.child = spawn(command[0], command.slice(1), { cwd, env: { ...process.env, ...env }, stdio: [input, 'pipe', 'inherit'] });
    running.add(this);
    this.child.stdout.on('data', (text) => {
      const lines = (this.#rest + text).split(/\r?\n/);
      this.#rest = lines.pop();
      const time = performance.now();
      this.lines.push(...lines.map((line) => ({ line, time })));
      this.#wake();
    });
    this.ended = new Promise((done) => this.child.on('close', () => { running.delete(this); this.gone = true; this.#wake(); done(); }));
  }

  static running() {
    return [...running];
  }

  #wake() {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  // What `found` makes of the lines so far, as soon as it makes something of them.
  async until(found, ms) {
    const end = performance.now() + ms;
    for (;;) {
      const what = found(this.lines.map(({ line }) => line));
      if (what !== undefined) return what;
      assert.ok(!this.gone, `${this.name} ended`);
      assert.ok(performance.now() < end, `${this.name} does not go on`);
      await Promise.race([new Promise((wake) => this.#waiting.push(wake)), wait(200)]);
    }
  }

  say(text) {
    this.child.stdin.write(text);
  }

  // Ends its input.
  end() {
    this.child.stdin.end();
  }

  // Mbit/s that it has received over some seconds from now on.
  async rate(seconds) {
    const from = await this.#bytes(performance.now());
    await wait(seconds * 1000);
    const to = await this.#bytes(performance.now());
    return ((to.bytes - from.bytes) * 8) / (to.time - from.time) / 1000;
  }

  // The first report after `time`.
  async #bytes(time) {
    await this.until(() => this.#report(time), 5_000);
    return this.#report(time);
  }

  #report(time) {
    const report = this.lines.find((l) => l.time >= time && l.line.startsWith('bytes '));
    return report && { bytes: Number(report.line.slice(6)), time: report.time };
  }

  async stop() {
    if (this.gone) return;
    if (this.child.stdin) this.end();
    else this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 3_000);
    await this.ended;
    clearTimeout(timer);
  }
}

// A description that a program prints.
export async function description(program, ms = 10_000) {
  return program.until((lines) => {
    const end = lines.indexOf('');
    return end < 0 ? undefined : `${lines.slice(0, end).join('\r\n')}\r\n`;
  }, ms);
}

export async function stopAll() {
  await Promise.all([...running].map((program) => program.stop()));
}
