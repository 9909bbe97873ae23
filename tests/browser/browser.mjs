// A real browser, and what is held against each page that it shows.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Starts the browser. */
export async function browser() {
  // The sandbox needs a user of its own, which a container's root is not.
  const process = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  return {
    close: () => process.close(),
    look: async (daemon, options) => {
      const look = new Look(daemon, options);
      await look.begin(process);
      return look;
    },
  };
}

/** One person who looks at a daemon's pages. */
class Look {
  #foreign = [];
  #said = [];

  constructor(daemon, { width = 1280, scheme = "light", script = true, path = "", live = script } = {}) {
    Object.assign(this, { daemon, width, scheme, script, path, live });
  }

  async begin(process) {
    this.context = await process.newContext({
      viewport: { width: this.width, height: 900 },
      colorScheme: this.scheme,
      javaScriptEnabled: this.script,
      timezoneId: "America/New_York",
      locale: "en-GB",
      reducedMotion: "reduce",
    });
    this.page = await this.context.newPage();
    this.page.setDefaultTimeout(30_000);
    const origin = new URL(this.daemon.url).origin;
    this.page.on("request", (request) => {
      if (new URL(request.url()).origin !== origin) this.#foreign.push(request.url());
    });
    this.page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.#said.push(message.text());
    });
    this.page.on("pageerror", (error) => this.#said.push(String(error)));
    await this.open(this.path);
  }

  async open(path) {
    await this.page.goto(new URL(path, this.daemon.url).href);
    if (this.live) await this.page.getByText("Live", { exact: true }).waitFor();
  }

  /** The ids of the rows, in their order. */
  rows() {
    return this.page.locator("tbody th a.id").allTextContents();
  }

  /** What an accessibility checker finds: nothing. Through the debugger, as the page itself may run no foreign script. */
  async accessible() {
    const session = await this.context.newCDPSession(this.page);
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const evaluate = (expression) => session.send("Runtime.evaluate", {
      expression, awaitPromise: true, returnByValue: true,
    });
    await evaluate(AXE);
    const answer = await evaluate(`axe.run({ runOnly: ${JSON.stringify(tags)} }).then(({ violations, passes }) => ({
      passes: passes.length,
      found: violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
        id + " at " + target + ": " + failureSummary)),
    }))`);
    await session.detach();
    assert.equal(answer.exceptionDetails, undefined);
    const { found, passes } = answer.result.value;
    assert.deepEqual(found, []);
    assert.ok(passes > 10, `only ${passes} rules were tried`);
  }

  /** Nothing is cut off at the right. */
  async fits() {
    const [inner, outer] = await this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return [scrollWidth, clientWidth];
    });
    assert.ok(inner <= outer, `${inner} px wide in ${outer} px`);
  }

  /** Forgives what was said so far, where a server that is gone is the point. */
  forgive() {
    this.#said = [];
  }

  /** Ends it: no request left the origin, and the console is silent. */
  async close() {
    await this.context.close();
    assert.deepEqual(this.#foreign, [], "requests to elsewhere");
    assert.deepEqual(this.#said, [], "said on the console");
  }
}
