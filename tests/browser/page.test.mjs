// The status page in a real browser. Run with: npm test, in this folder.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { browser } from "./browser.mjs";
import { reason } from "./daemon.mjs";
import { VIEWS } from "./look.mjs";
import * as worlds from "./worlds.mjs";

let chromium;
let looks = [];

before(async () => { chromium = await browser(); });
after(() => chromium?.close());
afterEach(async () => {
  const ended = looks;
  looks = [];
  await Promise.all(ended.map((look) => look.close()));
});

async function look(daemon, options) {
  const one = await chromium.look(daemon, options);
  looks.push(one);
  return one;
}

/** The row of a deployment. */
const row = ({ page }, id) => page.getByRole("row").filter({ has: page.getByRole("link", { name: id, exact: true }) });

describe("a fleet that changes", () => {
  let daemon;
  before(async () => {
    daemon = await worlds.few();
    await daemon.settled((one) => reason(one) === "InSync");
  });
  after(() => daemon?.stop());

  test("what changes arrives by itself, and the focus stays", async () => {
    const person = await look(daemon);
    const { page } = person;
    await page.evaluate(() => { globalThis.sameDocument = true; });
    assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "All in sync");
    const link = page.getByRole("link", { name: "beta", exact: true });
    await link.focus();
    daemon.write("deployments: { alpha: running, beta: running, gamma: running }\n");
    await row(person, "beta").getByText("running, as desired").waitFor();
    await row(person, "beta").getByRole("img").waitFor();
    assert.equal(await page.evaluate(() => globalThis.sameDocument), true);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "beta");
  });

  test("a refused file is told on top, and its mending takes the word away", async () => {
    const person = await look(daemon);
    daemon.write("deployments:\n  alpha: runing\n");
    await person.page.getByText("did you mean `running`?").waitFor();
    await person.accessible();
    daemon.write("deployments: { alpha: running, beta: running, gamma: running }\n");
    await person.page.getByText("did you mean `running`?").waitFor({ state: "detached" });
  });

  test("a temporary wish shows with the command that ends it, until it is ended", async () => {
    const { page } = await look(daemon);
    const { page: own } = await look(daemon, { path: "deployments/gamma" });
    await daemon.ask("suspend", "gamma", "--for", "2h", "--reason", "load test");
    for (const one of [page, own]) {
      const wishes = one.getByRole("region", { name: "Temporary wishes" });
      await wishes.getByText("evenkeel resume gamma").waitFor();
      assert.match(await wishes.innerText(), /suspend ends in [12]h.*by alice .*: load test/s);
    }
    const next = page.getByRole("region", { name: "Next changes" });
    await next.getByRole("link", { name: "gamma" }).waitFor();
    await daemon.ask("resume", "gamma");
    for (const one of [page, own]) await one.getByText("Temporary wishes").waitFor({ state: "detached" });
  });

  test("updates can be paused, and nothing moves until they go on", async () => {
    const person = await look(daemon);
    const { page } = person;
    await page.getByRole("button", { name: "Pause updates" }).click();
    daemon.write("deployments: { alpha: running, beta: running, gamma: running, delta: running }\n");
    await daemon.settled((one) => one.id !== "delta" || reason(one) === "NotFound");
    const other = await look(daemon);
    await row(other, "delta").waitFor();
    assert.equal(await row(person, "delta").count(), 0);
    await page.getByRole("button", { name: "Resume updates" }).click();
    await row(person, "delta").waitFor();
    daemon.write("deployments: { alpha: running, beta: running, gamma: running }\n");
    await row(person, "delta").waitFor({ state: "detached" });
  });

  test("a daemon that is gone is told, and back again it is live", async () => {
    const person = await look(daemon);
    await daemon.process.stop();
    await person.page.locator("#live").getByText(/Connecting|cannot be reached/).waitFor();
    person.forgive();
    await daemon.run();
    await person.page.getByText("Live", { exact: true }).waitFor();
    person.forgive();
  });

  test("a name that is a script is a name", async () => {
    const person = await look(daemon, { path: "deployments/gamma" });
    await person.page.getByRole("heading", { name: "gamma <script>alert(1)</script>" }).waitFor();
  });

  test("times are also told by the clock of whoever looks", async () => {
    const until = new Date(Date.now() + 7_200_000).toISOString().replace(/\.\d+/, "");
    const entry = `{ state: running, override: { state: stopped, until: ${until} } }`;
    daemon.write(`deployments: { alpha: running, beta: running, gamma: ${entry} }\n`);
    const person = await look(daemon);
    await person.page.getByText(/GMT-[45]/).first().waitFor();
    daemon.write("deployments: { alpha: running, beta: running, gamma: running }\n");
    await daemon.settled((one) => reason(one) === "InSync" || reason(one) === "WaitingForBudget");
  });
});

describe("a thousand deployments", () => {
  let daemon;
  before(async () => {
    daemon = await worlds.thousand();
    await daemon.settled();
  });
  after(() => daemon?.stop());

  test("are paged, found, filtered and sorted, all by the address", async () => {
    const person = await look(daemon);
    const { page } = person;
    assert.equal((await person.rows()).length, 50);
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "20", exact: true }).click();
    await page.waitForURL(/page=20/);
    assert.deepEqual((await person.rows()).slice(-1), ["d0999"]);
    await page.getByRole("searchbox", { name: "Find" }).fill("BROKER-012");
    await page.getByRole("combobox", { name: "Sort by" }).selectOption("name");
    await page.getByRole("button", { name: "Show" }).click();
    await page.waitForURL(/q=BROKER-012&state=&sort=name/);
    assert.deepEqual(await person.rows(), Array.from({ length: 10 }, (_, last) => `d012${last}`));
    await page.getByRole("combobox", { name: "Show" }).selectOption("stopped");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByText("No deployment fits.").waitFor();
    await page.goBack();
    assert.equal((await person.rows()).length, 10);
  });

  test("work without a script", async () => {
    const person = await look(daemon, { script: false });
    const { page } = person;
    await page.getByRole("searchbox", { name: "Find" }).fill("d0007");
    await page.keyboard.press("Enter");
    await page.waitForURL(/q=d0007/);
    assert.deepEqual(await person.rows(), ["d0007"]);
    await page.getByRole("link", { name: "d0007", exact: true }).click();
    await page.getByRole("heading", { name: "From the rule to the answer" }).waitFor();
    await page.getByRole("link", { name: "Fleet" }).click();
    await page.getByRole("heading", { level: 1, name: "All in sync" }).waitFor();
  });
});

describe("without a mouse", () => {
  let daemon;
  before(async () => {
    daemon = await worlds.team();
    await daemon.settled();
  });
  after(() => daemon?.stop());

  test("the keyboard leads everywhere, and shows where it is", async () => {
    const { page } = await look(daemon);
    const focus = () => page.evaluate(() => {
      const { textContent, tagName, name } = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return { what: name || textContent.trim() || tagName, seen: outlineStyle === "solid" && outlineWidth >= "2px" };
    });
    const path = [];
    for (let step = 0; step < 12; step += 1) {
      await page.keyboard.press("Tab");
      const { what, seen } = await focus();
      path.push(what);
      assert.ok(seen, `the focus on ${what} cannot be seen`);
    }
    assert.deepEqual(path.slice(0, 3), ["Skip to the content", "evenkeel", "Pause updates"]);
    for (const stop of ["q", "state", "sort", "Show", "t6a54f02"]) assert.ok(path.includes(stop), `${stop}: not in ${path}`);
    await page.reload();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  });
});

describe("seen with one's own eyes", () => {
  const kept = process.env.EVENKEEL_PICTURES;
  const folder = kept ?? mkdtempSync(join(tmpdir(), "evenkeel-pictures-"));
  if (kept) mkdirSync(kept, { recursive: true });
  after(() => { if (!kept) rmSync(folder, { recursive: true }); });
  const pages = {
    team: ["", "deployments/mdfba81f", "deployments/nobody"],
    empty: [""],
    broken: ["", "deployments/parked1", "deployments/refused", "?state=attention&sort=name"],
    thousand: ["", "?page=20"],
  };

  for (const [name, paths] of Object.entries(pages)) {
    test(`${name}: accessible, in its bounds, in each size and light`, async () => {
      const daemon = await worlds[name]();
      try {
        await daemon.settled();
        for (const [view, { width, scheme }] of Object.entries(VIEWS)) {
          for (const [number, path] of paths.entries()) {
            const found = !path.endsWith("nobody");
            const person = await chromium.look(daemon, { width, scheme, path, live: found });
            await person.fits();
            await person.accessible();
            const picture = join(folder, `${name}-${number}-${view}.png`);
            await person.page.screenshot({ path: picture, fullPage: true });
            assert.ok(statSync(picture).size > 4000);
            if (!found) person.forgive();
            await person.close();
          }
        }
      } finally {
        await daemon.stop();
      }
    });
  }
});
