// One row: a page in front of one streamer behind one network, looked at for a while.
import { keepPriority, launchMortal, until } from '../browser.mjs';

const FPS = 30;
// What comes before the jitter buffer and the estimate have settled is the beginning's and not the network's.
const SETTLE_MS = 5_000;
const FIRST_PICTURE_MS = 20_000;

// Runs in the page: sums up what getStats() counts, over connections too if the page has to make several, and notes the
// length of every freeze by looking often; and how late it looked at most, which is how long the machine left the browser
// without a turn.
function watch() {
  const seen = window.seen = { sums: { video: {}, audio: {} }, freezes: [], gaps: 0, stall: 0, width: 0, since: performance.now() };
  const COUNTERS = ['framesDecoded', 'framesDropped', 'packetsLost', 'nackCount', 'pliCount', 'bytesReceived', 'freezeCount',
    'totalFreezesDuration', 'retransmittedPacketsReceived', 'jitterBufferDelay', 'jitterBufferEmittedCount',
    'concealedSamples', 'totalSamplesReceived', 'fecPacketsReceived', 'fecBytesReceived', 'retransmittedBytesReceived',
    'jitterBufferTargetDelay', 'jitterBufferMinimumDelay'];
  const GAP_MS = 70;
  let [pc, before] = [window.barertc.pc, {}];
  let [last, pictureAt] = [performance.now(), performance.now()];
  // A picture that stays for longer than two is a stutter, which getStats() does not count.
  let shownAt = null;
  const shown = (now) => {
    if (shownAt !== null && now - shownAt > GAP_MS) seen.gaps += 1;
    shownAt = now;
    document.querySelector('video')?.requestVideoFrameCallback(shown);
  };
  document.querySelector('video')?.requestVideoFrameCallback(shown);
  // getStats() counts a freeze when it is over, and none from one connection to the next.
  const ends = (now) => { if (now - pictureAt > 500) seen.freezes.push((now - pictureAt) / 1000); };
  const take = (s) => {
    const was = before[s.kind];
    const since = Object.fromEntries(COUNTERS.map((name) => [name, (s[name] ?? 0) - (was?.[name] ?? 0)]));
    before[s.kind] = s;
    if (!was && !seen.again) return;
    for (const name of COUNTERS) seen.sums[s.kind][name] = (seen.sums[s.kind][name] ?? 0) + since[name];
    if (s.kind !== 'video') return;
    seen.width = s.frameWidth ?? seen.width;
    const now = performance.now();
    if (since.framesDecoded > 0) {
      if (!was) ends(now);
      pictureAt = now;
    }
    for (let i = 0; i < since.freezeCount; i += 1) seen.freezes.push(since.totalFreezesDuration / since.freezeCount);
    if (since.freezeCount) console.log(`froze for ${since.totalFreezesDuration.toFixed(2)} s; decoded ${since.framesDecoded}, dropped ${since.framesDropped}`);
  };
  const look = async () => {
    if (window.barertc.pc !== pc) [pc, before, seen.again] = [window.barertc.pc, {}, true];
    const mine = pc;
    if (!mine) return;
    for (const s of (await mine.getStats()).values()) if (s.type === 'inbound-rtp' && mine === pc) take(s);
  };
  window.enough = async () => {
    clearInterval(timer);
    await look();
    ends(performance.now());
    return { ...seen, time: (performance.now() - seen.since) / 1000, attempts: window.barertc.attempts };
  };
  look().catch(() => {});
  const timer = setInterval(() => {
    const now = performance.now();
    seen.stall = Math.max(seen.stall, now - last - 50);
    last = now;
    look().catch(() => {});
  }, 50);
}

// The figures of a row, or null where no picture came.
export async function measure(peer, row, seconds, args) {
  const { browser, kill, pid } = await launchMortal();
  let session;
  try {
    session = await peer(row.link, [...(row.streamer ?? []), ...(args ?? [])]);
    const page = await browser.newPage();
    if (process.env.IMPAIR_LOG) page.on('console', (line) => console.log(line.text()));
    await session.open(page);
    try {
      await until(page, (s) => s.video?.framesDecoded > 0, FIRST_PICTURE_MS, 'first picture');
    } catch (error) {
      console.log(error.message.slice(0, 400));
      return null;
    }
    keepPriority(pid);
    await page.waitForTimeout(SETTLE_MS);
    await page.evaluate(watch);
    await page.waitForTimeout(seconds * 1000);
    const found = figures(await page.evaluate(() => window.enough()));
    await page.close();
    const link = (await session.proxy.end()).join(' ');
    found.linkLost = [...link.matchAll(/down Counts \{[^}]*lost: (\d+), overflowed: (\d+)/g)]
      .reduce((sum, [, lost, over]) => sum + Number(lost) + Number(over), 0);
    Object.assign(found, told(session.log?.() ?? ''));
    if (process.env.IMPAIR_LOG) console.log(session.log(), link);
    return found;
  } finally {
    await browser.close();
    await kill();
    await session?.proxy.end();
    await session?.stop();
  }
}

// What our streamer's log says last of its viewer.
function told(log) {
  const [, fecSent, playout] = [...String(log).matchAll(/(\d+) repair packets, asks for (\d+) ms/g)].at(-1) ?? [];
  return fecSent === undefined ? {} : { fecSent: Number(fecSent), playout: Number(playout) };
}

function figures({ sums: { video, audio }, freezes, gaps, stall, width, time, attempts }) {
  return {
    decoded: video.framesDecoded / (time * FPS),
    freezes: freezes.length,
    frozen: freezes.reduce((sum, f) => sum + f, 0),
    longest: Math.max(0, ...freezes),
    gaps,
    lost: video.packetsLost,
    nacks: video.nackCount,
    again: video.retransmittedPacketsReceived,
    plis: video.pliCount,
    delay: video.jitterBufferDelay / video.jitterBufferEmittedCount,
    asked: video.jitterBufferTargetDelay / video.jitterBufferEmittedCount,
    fec: video.fecPacketsReceived,
    // Of the bytes of media: those received are all three.
    fecShare: video.fecBytesReceived / (video.bytesReceived - video.retransmittedBytesReceived - video.fecBytesReceived),
    // All that is not media, of the bytes of media.
    overhead: (video.fecBytesReceived + video.retransmittedBytesReceived)
      / (video.bytesReceived - video.retransmittedBytesReceived - video.fecBytesReceived),
    concealed: audio.concealedSamples / audio.totalSamplesReceived,
    kbit: (video.bytesReceived * 8) / time / 1000,
    width,
    dropped: video.framesDropped,
    attempts,
    stall,
  };
}
