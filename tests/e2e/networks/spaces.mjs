// A streamer's network, a viewer's network, and a router between them that drops what it is told to. Needs root.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });

// The prefixes of both networks, of each family.
const NETWORKS = { 4: ['10.78.1', '10.78.2'], 6: ['fd78:1:', 'fd78:2:'] };
const [LENGTH, END] = [{ 4: 24, 6: 64 }, { 4: '.', 6: ':' }];
const address = (family, side, host) => `${NETWORKS[family][side]}${END[family]}${host}`;

export class Spaces {
  constructor() {
    const tag = `brtcnet${process.pid}`;
    [this.streamer, this.router, this.viewer] = ['a', 'r', 'b'].map((end) => `${tag}${end}`);
    this.dir = mkdtempSync(path.join(tmpdir(), 'barertc-networks-'));
    this.rules = [];
    try {
      for (const space of this.#all()) {
        ip('netns', 'add', space);
        // Nobody waits for the answer to whether an address is taken.
        for (const which of ['all', 'default']) ip('netns', 'exec', space, 'sysctl', '-qw', `net.ipv6.conf.${which}.accept_dad=0`);
        ip('-n', space, 'link', 'set', 'lo', 'up');
      }
      const router = (...command) => ip('netns', 'exec', this.router, ...command);
      for (const setting of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']) router('sysctl', '-qw', `${setting}=1`);
      [this.streamer, this.viewer].forEach((space, side) => {
        ip('link', 'add', `${tag}${side}`.slice(-15), 'netns', space, 'type', 'veth', 'peer', 'name', `side${side}`, 'netns', this.router);
        ip('-n', space, 'link', 'set', `${tag}${side}`.slice(-15), 'name', 'eth');
        ip('-n', space, 'link', 'set', 'eth', 'up');
        ip('-n', this.router, 'link', 'set', `side${side}`, 'up');
      });
      for (const family of [4, 6]) this.#addresses(family);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #all() {
    return [this.streamer, this.router, this.viewer];
  }

  // Where the streamer is, of this family; and where the router is, as each side sees it.
  at(family) {
    return address(family, 0, 2);
  }

  routerAt(family, side) {
    return address(family, side, 1);
  }

  // What the router drops without a word: UDP between the two networks, or all UDP of the streamer's (or of both).
  drop(what) {
    for (const [family, rule] of this.rules.splice(0)) ip('-n', this.router, `-${family}`, 'rule', 'del', ...rule);
    const prefix = (family, side) => `${address(family, side, family === 6 ? '' : 0)}/${LENGTH[family]}`;
    for (const family of [4, 6]) {
      const across = [0, 1].map((side) => ['from', prefix(family, side), 'to', prefix(family, 1 - side)]);
      const rules = { nothing: [], across, 'of the streamer': [['iif', 'side0']], all: [['iif', 'side0'], ['iif', 'side1']] }[what];
      for (const rule of rules) {
        // Before the rule of the local addresses, which is the first one.
        const whole = ['pref', String(10 + this.rules.length), ...rule, 'ipproto', 'udp', 'blackhole'];
        ip('-n', this.router, `-${family}`, 'rule', 'add', ...whole);
        this.rules.push([family, whole]);
      }
    }
  }

  // The local rule makes room for others before it, once.
  prepare() {
    for (const family of [4, 6]) {
      ip('-n', this.router, `-${family}`, 'rule', 'add', 'pref', '100', 'lookup', 'local');
      ip('-n', this.router, `-${family}`, 'rule', 'del', 'pref', '0', 'lookup', 'local');
    }
    return this;
  }

  mtu(bytes) {
    for (const side of [0, 1]) ip('-n', this.router, 'link', 'set', `side${side}`, 'mtu', String(bytes));
    for (const space of [this.streamer, this.viewer]) ip('-n', space, 'link', 'set', 'eth', 'mtu', String(bytes));
    // A link below 1,280 B has lost its IPv6 addresses (RFC 8200 §5).
    if (bytes >= 1_280) this.#addresses(6);
  }

  // The addresses and routes of a family, where they are not there.
  #addresses(family) {
    const more = family === 6 ? ['nodad'] : [];
    [this.streamer, this.viewer].forEach((space, side) => {
      ip('-n', space, 'address', 'replace', `${address(family, side, 2)}/${LENGTH[family]}`, 'dev', 'eth', ...more);
      ip('-n', this.router, 'address', 'replace', `${address(family, side, 1)}/${LENGTH[family]}`, 'dev', `side${side}`, ...more);
      ip('-n', space, `-${family}`, 'route', 'replace', 'default', 'via', address(family, side, 1));
    });
  }

  // The streamer's machine has another address, and no more the one that it had.
  move(host) {
    const at = (host) => `${address(4, 0, host)}/${LENGTH[4]}`;
    const own = (...command) => ip('-n', this.streamer, ...command);
    own('address', 'del', at(this.host ?? 2), 'dev', 'eth');
    own('address', 'add', at(host), 'dev', 'eth');
    own('-4', 'route', 'replace', 'default', 'via', address(4, 0, 1));
    this.host = host;
  }

  // A program in one of the networks, as a command for `spawn`.
  within(space, program, args) {
    return ['ip', ['netns', 'exec', space, program, ...args]];
  }

  // A program that is started in the viewer's network when it is started.
  wrapper(program) {
    const file = path.join(this.dir, path.basename(program));
    writeFileSync(file, `#!/bin/sh\nexec ip netns exec ${this.viewer} ${program} "$@"\n`);
    chmodSync(file, 0o755);
    return file;
  }

  close() {
    for (const space of this.#all()) {
      try {
        execFileSync('ip', ['netns', 'del', space], { stdio: 'ignore' });
      } catch {
        // It was not made.
      }
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}
