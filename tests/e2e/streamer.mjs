// Starts the desktop streamer as a user would, and ends it by its id.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target');

export class Streamer {
  #child;
  log = '';

  // `args` are the user's options; the port is the system's choice, so that tests never meet.
  static async start(args = [], { program = path.join(target, 'release', 'barertc-desktop'), listen = true, patience = 10_000, url = /http:\/\/\S+/ } = {}) {
    const streamer = new Streamer();
    const port = listen && !args.includes('--listen') ? ['--listen', '127.0.0.1:0'] : [];
    streamer.#child = spawn(program, [...port, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    streamer.#child.stdout.on('data', (text) => (streamer.log += text));
    streamer.#child.stderr.on('data', (text) => (streamer.log += text));
    streamer.url = await streamer.waitFor(url, patience);
    return streamer;
  }

  get pid() {
    return this.#child.pid;
  }

  get running() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  // The first match of `pattern` in what the program printed, now or within `ms`.
  async waitFor(pattern, ms) {
    const end = Date.now() + ms;
    for (;;) {
      const match = this.log.match(pattern);
      if (match) return match[0];
      if (!this.running) throw new Error(`the streamer ended: ${this.log}`);
      if (Date.now() > end) throw new Error(`no ${pattern} within ${ms} ms in: ${this.log}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  // Bytes of PSRAM in use once nobody is connected any more: in the second line of a device's figures that says so from now on.
  async idle(ms = 90_000) {
    const from = this.log.length;
    for (const end = Date.now() + ms; ; await new Promise((done) => setTimeout(done, 200))) {
      const lines = [...this.log.slice(from).matchAll(/viewers 0 · .*? psram (\d+) B/g)];
      if (lines.length > 1) return Number(lines.at(-1)[1]);
      if (Date.now() > end || !this.running) throw new Error(`viewers do not go: ${this.log.slice(-2_000)}`);
    }
  }

  // Ctrl-C, as a user would; the exit code.
  async stop() {
    if (!this.running) return this.#child.exitCode;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    const [code, signal] = await exit;
    clearTimeout(timer);
    return signal ?? code;
  }
}
