// What every peer here says and hears: descriptions with an empty line behind each, and a result in JSON at the end.
import readline from 'node:readline';

const [side, codec, bytes] = process.argv.slice(-3);
export const options = { side, codec, bytes: Number(bytes) };

const descriptions = (async function* read() {
  let sdp = '';
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line.trimEnd()) {
      sdp += `${line.trimEnd()}\r\n`;
    } else {
      yield sdp;
      sdp = '';
    }
  }
}());

export const hear = async () => (await descriptions.next()).value;
export const say = (sdp) => process.stdout.write(`${sdp.trimEnd()}\r\n\r\n`);

// Runs a session: `begin(options)` gives its description, and takes the answer to it. Its `steps` are what it can do later: `reset`
// a stream, offer or answer `more` m-lines, `restart` ICE. Whoever has made the first offer makes the others.
export async function run(version, begin) {
  const offer = side === 'answer' ? await hear() : undefined;
  const session = await begin({ ...options, offer });
  say(session.description);
  if (side === 'offer') await session.answer(await hear());
  const result = { version, ...await session.result(), steps: {} };
  for (const step of session.steps ?? []) {
    console.log(`step ${step}`);
    try {
      if (step === 'reset') {
        await session.reset();
      } else if (side === 'offer') {
        say(await session.offerAgain(step));
        await session.answer(await hear());
      } else {
        say(await session.answerAgain(await hear()));
      }
      await session.goesOn();
      result.steps[step] = 'yes';
    } catch (error) {
      result.steps[step] = error.message;
    }
  }
  // The device closes, where it has made the offer.
  const byThem = side === 'answer';
  if (byThem) console.log('enough');
  result.heard = await session.close(byThem);
  console.log(JSON.stringify(result));
}
