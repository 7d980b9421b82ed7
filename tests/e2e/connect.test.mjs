// Chromium with and without SNAP and SPED, and one of ours, over a link with a round trip of 400 ms.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { launch } from './browser.mjs';
import { LOCAL, SWITCHES } from './connect/cases.mjs';
import { measure } from './connect/measure.mjs';

const DELAY = 200;
// Without both a channel takes four round trips and more.
const SOON = 3 * 2 * DELAY;
const TRIES = 3;

let running;

async function pageOf(args) {
  if (running?.args !== args) {
    await running?.browser.close();
    running = { args, browser: await launch(args) };
  }
  const page = await running.browser.newPage();
  await page.goto('about:blank');
  return page;
}

after(() => running?.browser.close());

const WITH = [...LOCAL, ...SWITCHES];

for (const role of ['answers, active', 'answers, passive', 'offers']) {
  test(`with both, one of ours that ${role} is open soon`, async () => {
    // A machine that is busy with something else shows that and not the handshake.
    for (let n = 1; ; n += 1) {
      const page = await pageOf(WITH);
      const times = await measure(page, { role, snap: true, sped: true, delay: DELAY });
      await page.close();
      assert.ok(times.heard && times.back, `both hear: ${JSON.stringify(times)}`);
      if (times.ourOpen < SOON && times.open < SOON) return;
      assert.ok(n < TRIES, JSON.stringify(times));
    }
  });
}

test('with many losses the browser lives and both hear', async () => {
  for (let n = 0; n < 3; n += 1) {
    const page = await pageOf(WITH);
    let crashed = false;
    page.on('crash', () => { crashed = true; });
    const times = await measure(page, { role: 'answers, active', snap: true, sped: true, delay: 50, loss: 0.2 });
    assert.ok(!crashed && times.heard && times.back, JSON.stringify({ crashed, ...times }));
    await page.close();
  }
});

for (const role of ['answers, active', 'offers']) {
  test(`a browser that knows neither hears one of ours that ${role}`, async () => {
    const page = await pageOf(LOCAL);
    const times = await measure(page, { role, snap: true, sped: true, delay: 50 });
    await page.close();
    assert.ok(times.heard && times.back, JSON.stringify(times));
  });
}
