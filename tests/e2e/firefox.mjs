// A headless Firefox with the preferences of an ordinary user, but for those that let it reach a peer on this machine
// and keep it off the network. It has no H.264: its codecs are VP8, VP9, AV1 and Opus.
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import puppeteer from 'puppeteer-core';

const PROGRAM = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

// Addresses in its candidates, not names of mDNS. A page without the microphone uses the default route's address alone,
// from which 127.0.0.1 is not reached: a peer has to offer `ownAddress()`. Where there is only a loopback, it serves.
const LOOPBACK = {
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
};

// What else a fresh profile would fetch on its own.
const SILENCE = {
  'app.normandy.enabled': false,
  'browser.safebrowsing.downloads.remote.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
};

// An address of this machine that both browsers reach: that of a network card where there is one. Nothing leaves it.
export function ownAddress() {
  const all = Object.values(networkInterfaces()).flat();
  return all.find((a) => a.family === 'IPv4' && !a.internal)?.address ?? '127.0.0.1';
}

// `prefs` go over the ones above: `media.peerconnection.dtls.version.max: 771` leaves DTLS 1.2 only.
export async function launch(prefs = {}) {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: install Debian's package firefox-esr, or set FIREFOX`);
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: PROGRAM,
    headless: true,
    extraPrefsFirefox: { ...SILENCE, ...LOOPBACK, 'media.autoplay.default': 0, ...prefs },
  });
}
