// The real binary: a simulated API and a daemon in front of it, each its own process.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pastWeek } from "./ledger.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BINARY = process.env.EVENKEEL_BINARY ?? join(ROOT, "target/debug/evenkeel");
const PATIENCE = 60_000;

/** Waits until `probe` answers with something true, and gives that. */
export async function until(what, probe) {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    const found = await probe();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: not within ${PATIENCE / 1000} s`);
}

/** The reason of the `Synced` condition of a deployment in the JSON. */
export const reason = (one) => one.conditions.find(({ type }) => type === "Synced").reason;

/** A process and the address that it says it listens on. */
class Process {
  constructor(args, env = {}) {
    const keep = { PATH: process.env.PATH, HOME: "/nonexistent", ...env };
    this.child = spawn(BINARY, args, { env: keep, stdio: ["ignore", "pipe", "pipe"] });
    this.said = [];
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.said.push(line));
    }
    this.ended = once(this.child, "exit");
  }

  address(pattern) {
    return until(`an address from ${this.child.spawnargs.slice(1, 3)}`, () => {
      if (this.child.exitCode !== null) throw new Error(this.said.join("\n"));
      return this.said.map((line) => line.match(pattern)).find(Boolean)?.[1];
    });
  }

  async stop(signal = "SIGTERM") {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.ended;
  }
}

/** A fleet behind a simulated API, and the daemon that keeps it. */
export class Daemon {
  /**
   * @param fleet  `ID=STATUS[,KEY=VALUE]…` of each deployment that the API has
   * @param desired  the text of the desired file
   * @param past  what to remember of the week before: `[{ id, running(date), rule }]`
   * @param simulate  more arguments of the simulator
   * @param strangers  whether there is a second account, whose key the API refuses
   */
  static async start({ fleet, desired, past, simulate = [], strangers = false }) {
    if (!existsSync(BINARY)) throw new Error(`there is no ${BINARY}; make it with: cargo build`);
    const daemon = new Daemon();
    daemon.home = mkdtempSync(join(tmpdir(), "evenkeel-browser-"));
    const each = fleet.flatMap((one) => ["--deployment", one]);
    daemon.api = new Process(["simulate", "--listen", "127.0.0.1:0", ...each, ...simulate]);
    daemon.apiUrl = await daemon.api.address(/API: (http:\S+)/);
    mkdirSync(join(daemon.home, "state"), { mode: 0o700 });
    if (past) writeFileSync(join(daemon.home, "state/ledger"), pastWeek(past), { mode: 0o600 });
    daemon.write(desired);
    daemon.#configure(strangers);
    await daemon.run();
    return daemon;
  }

  #configure(strangers) {
    const account = (secret) => `{ url: "${this.apiUrl}", key: { env: KEY }, secret: { env: ${secret} } }`;
    const other = strangers ? `  other: ${account("WRONG")}\n` : "";
    writeFileSync(join(this.home, "evenkeel.yaml"),
      `desired: desired.yaml\nstate_dir: state\nlisten: 127.0.0.1:${this.port ?? 0}\n`
      + `accounts:\n  default: ${account("SECRET")}\n${other}`);
    this.strangers = strangers;
  }

  /** Starts the daemon, at the same address as before. */
  async run() {
    const env = { KEY: "key", SECRET: "secret", WRONG: "wrong" };
    this.process = new Process(["run", "--config", join(this.home, "evenkeel.yaml")], env);
    this.url = await this.process.address(/listening on (http:\S+)/);
    this.port = new URL(this.url).port;
    this.#configure(this.strangers);
    const probe = new URL("readyz", this.url);
    await until("the daemon to be ready", async () => (await fetch(probe)).ok);
  }

  /** Replaces the desired file as a deploy would. */
  write(desired) {
    const file = join(this.home, "desired.yaml");
    writeFileSync(`${file}.new`, desired);
    renameSync(`${file}.new`, file);
  }

  /** Turns a deployment as somebody at the console would. */
  async interfere(id, status) {
    const url = new URL(`/_sim/deployments/${id}/${status}`, this.apiUrl);
    const answer = await fetch(url, { method: "POST" });
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  }

  /** Asks for a temporary wish, or ends it, as somebody beside the daemon would. */
  async ask(...words) {
    const socket = join(this.home, "state/admin.sock");
    await promisify(execFile)(BINARY, [...words, "--as", "alice", "--socket", socket]);
  }

  /** Waits until all deployments of the view fit; without a word, until the first look at each. */
  async settled(fits = (one) => reason(one) !== "Unobserved") {
    const url = new URL("api/v1/deployments", this.url);
    const view = async () => (await fetch(url)).json();
    return until("the fleet as expected", async () => {
      const { deployments } = await view();
      return deployments.every(fits) && deployments;
    });
  }

  async stop() {
    await this.process?.stop();
    await this.api?.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}
