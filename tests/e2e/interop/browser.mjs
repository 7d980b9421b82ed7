// A browser that sends a moving canvas and a tone: node browser.mjs chromium|firefox offer|answer h264|vp8 BYTES.
import { launch as launchChromium } from '../browser.mjs';
import { launch as launchFirefox } from '../firefox.mjs';
import { run } from './lines.mjs';
import { begin } from './session.mjs';

// Runs in the page.
function tools() {
  const tracks = async () => {
    const canvas = document.body.appendChild(Object.assign(document.createElement('canvas'), { width: 320, height: 240 }));
    const context = canvas.getContext('2d');
    let n = 0;
    setInterval(() => {
      context.fillStyle = `hsl(${(n += 7) % 360} 80% 50%)`;
      context.fillRect((n * 3) % 320, 40, 60, 120);
    }, 33);
    const sound = new AudioContext();
    const [tone, out] = [sound.createOscillator(), sound.createMediaStreamDestination()];
    tone.connect(out);
    tone.start();
    return [canvas.captureStream(30).getVideoTracks()[0], out.stream.getAudioTracks()[0]];
  };
  tracks.codecs = () => RTCRtpReceiver.getCapabilities('video').codecs;
  const arrived = ({ track }) => {
    const element = document.body.appendChild(document.createElement(track.kind));
    element.srcObject = new MediaStream([track]);
    element.muted = true;
    element.play().catch(() => {});
  };
  const counts = async (pc) => {
    const came = { video: 0, audio: 0 };
    (await pc.getStats()).forEach((s) => {
      if (s.type !== 'inbound-rtp') return;
      came[s.kind] += s.kind === 'video' ? s.framesDecoded ?? 0 : s.packetsReceived ?? 0;
    });
    return came;
  };
  return { RTCPeerConnection, tracks, arrived, counts };
}

const firefox = process.argv[2] === 'firefox';
const browser = await (firefox ? launchFirefox() : launchChromium());
try {
  const page = await browser.newPage();
  const version = (await browser.version()).replace(/^[a-z]+\//i, '');
  await run(version, async (options) => {
    await page.evaluate(`window.starting = (${begin})(${JSON.stringify(options)}, (${tools})())`);
    return {
      description: await page.evaluate('window.starting.then((session) => (window.session = session).description)'),
      answer: (sdp) => page.evaluate((text) => window.session.answer(text), sdp),
      result: () => page.evaluate('window.session.result()'),
      steps: await page.evaluate('window.session.steps'),
      reset: () => page.evaluate('window.session.reset()'),
      offerAgain: (step) => page.evaluate((what) => window.session.offerAgain(what), step),
      answerAgain: (sdp) => page.evaluate((text) => window.session.answerAgain(text), sdp),
      goesOn: () => page.evaluate('window.session.goesOn()'),
      close: (byThem) => page.evaluate((them) => window.session.close(them), byThem),
    };
  });
} finally {
  await browser.close();
}
process.exit(0);
