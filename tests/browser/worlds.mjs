// The fleets that the pages are looked at with.
import { Daemon } from "./daemon.mjs";

const BERLIN = new Intl.DateTimeFormat("en", {
  timeZone: "Europe/Berlin", weekday: "short", hour: "numeric", hourCycle: "h23",
});

function clock(date) {
  const parts = Object.fromEntries(BERLIN.formatToParts(date).map(({ type, value }) => [type, value]));
  return { day: parts.weekday, hour: Number(parts.hour) };
}

const office = (date) => {
  const { day, hour } = clock(date);
  return !["Sat", "Sun"].includes(day) && hour >= 8 && hour < 19;
};
const nightly = (date) => clock(date).hour >= 22 || clock(date).hour < 2;
const always = () => true;
const never = () => false;
const by = (name, because) => ({ schedule: { name, because } });

const OFFICE = by("office-hours", "Mon-Fri 08:00-19:00");
const NIGHTLY = by("nightly", "22:00-02:00");

const HEAD = `timezone: Europe/Berlin
prices: { running: 1.49, stopped: 0.06 }
schedules:
  office-hours:
    running: [Mon-Fri 08:00-19:00]
  nightly:
    running: ["22:00-02:00"]
deployments:
`;

/** A team's fleet on a good day: schedules, one suspended, a week behind it. */
export function team() {
  const fleet = [
    ["w41b11c0", "production-eu", always, "state", "{ state: running, protect: true }"],
    ["b1f77113", "production-us", always, "state", "running"],
    ["mdfba81f", "staging-eu", office, OFFICE, "office-hours"],
    ["c92d0e45", "staging-us", office, OFFICE, "office-hours"],
    ["p3e9d7b4", "training", office, OFFICE, "office-hours"],
    ["k8c20aa1", "load-test", nightly, NIGHTLY, "nightly"],
    ["t6a54f02", "preview", never, "state", "{ state: running, suspend: waiting for its data }"],
  ];
  const status = (running) => running(new Date()) ? "running" : "stopped";
  return Daemon.start({
    fleet: fleet.map(([id, name, running]) => `${id}=${status(running)},name=${name}`),
    desired: HEAD + fleet.map(([id, , , , entry]) => `  ${id}: ${entry}\n`).join(""),
    past: fleet.map(([id, , running, rule]) => ({ id, running, rule })),
    simulate: ["--start-delay", "2s", "--stop-delay", "1s"],
  });
}

/** Few deployments, without a schedule, to turn this way and that. */
export function few() {
  return Daemon.start({
    fleet: ["alpha=running,name=one", "beta=stopped,name=two", "gamma=running,name=<script>alert(1)</script>"],
    desired: "deployments: { alpha: running, beta: stopped, gamma: running }\n",
    simulate: ["--start-delay", "1s", "--stop-delay", "1s"],
  });
}

/** No deployment at all. */
export function empty() {
  return Daemon.start({ fleet: ["other=running"], desired: "deployments: {}\n" });
}

/** A thousand. */
export function thousand() {
  const ids = Array.from({ length: 1000 }, (_, number) => `d${String(number).padStart(4, "0")}`);
  return Daemon.start({
    fleet: ids.map((id) => `${id}=running,name=broker-${id.slice(1)}`),
    desired: `${HEAD}${ids.map((id) => `  ${id}: running\n`).join("")}`,
    past: ids.map((id, number) => ({ id, running: number % 9 ? office : always, rule: OFFICE })).slice(0, 120),
  });
}

/** Everything that can be wrong at once. */
export async function broken() {
  const daemon = await Daemon.start({
    fleet: [
      "forbidden=running", "odd=upgrading", "broken=failed", "renamed=running,name=somebody-elses",
      "serverless=running,type=serverless", "parked1=running", "parked2=running",
      "parked3=running", "parked4=running", "parked5=running", "parked6=running",
      "parked7=running", "parked8=running",
    ],
    desired: `deployments:
  forbidden: stopped
  absent: running
  odd: running
  broken: running
  renamed: { state: stopped, name: ours }
  serverless: stopped
  refused: { state: running, account: other }
  parked1: stopped
  parked2: stopped
  parked3: stopped
  parked4: stopped
  parked5: stopped
  parked6: stopped
  parked7: stopped
  parked8: stopped
`,
    simulate: ["--forbid", "forbidden"],
    strangers: true,
  });
  await daemon.settled();
  await daemon.ask("override", "parked1", "running", "--for", "2h", "--reason", "load test of the new release");
  await daemon.ask("suspend", "parked1", "--reason", "migration");
  await daemon.ask("suspend", "odd", "--for", "90m", "--reason", "waiting for the vendor");
  daemon.write("deployments:\n  parked1: stoped\n");
  return daemon;
}
