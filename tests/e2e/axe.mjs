// What axe, a checker of accessibility, finds wrong with a page.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// Rules of WCAG 2.2, levels A and AA, and what axe recommends beside them.
export async function accessible(page, what) {
  await page.evaluate(SOURCE);
  const violations = await page.evaluate(async () => {
    const found = await window.axe.run(document);
    return found.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  });
  assert.deepEqual(violations, [], what);
}
