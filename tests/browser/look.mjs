// Takes the pictures: node tests/browser/look.mjs DIRECTORY [WORLD]…
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { browser } from "./browser.mjs";
import * as worlds from "./worlds.mjs";

/** What is looked at, and how. */
export const VIEWS = {
  light: { width: 1280, scheme: "light" },
  dark: { width: 1280, scheme: "dark" },
  narrow: { width: 360, scheme: "light" },
  "narrow-dark": { width: 360, scheme: "dark" },
  wide: { width: 2560, scheme: "light" },
};

const DETAILS = { team: "mdfba81f", few: "gamma", broken: "parked1", thousand: "d0007" };

if (import.meta.filename === process.argv[1]) {
  const [directory, ...names] = process.argv.slice(2);
  mkdirSync(directory, { recursive: true });
  const chromium = await browser();
  for (const name of names.length ? names : Object.keys(worlds)) {
    const daemon = await worlds[name]();
    try {
      await daemon.settled();
      for (const [view, { width, scheme }] of Object.entries(VIEWS)) {
        const look = await chromium.look(daemon, { width, scheme });
        await look.page.screenshot({ path: join(directory, `${name}-${view}.png`), fullPage: true });
        if (DETAILS[name]) {
          await look.open(`deployments/${DETAILS[name]}`);
          await look.page.screenshot({ path: join(directory, `${name}-one-${view}.png`), fullPage: true });
        }
        await look.close();
      }
    } finally {
      await daemon.stop();
    }
  }
  await chromium.close();
}
