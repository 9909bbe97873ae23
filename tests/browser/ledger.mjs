// A ledger of the week before, as a daemon that ran all that time would have left it.
import { crc32 } from "node:zlib";

const HOUR = 3_600_000;
const ID = "5eed5eed";

/**
 * @param fleet  `[{ id, running(date), rule }]`: whether it was to run at an hour, by which rule
 * @returns the ledger's text: an hour before now it all ends well
 */
export function pastWeek(fleet, now = Date.now()) {
  const events = fleet.flatMap((one) => eventsOf(one, now - 9 * 24 * HOUR, now - 2 * HOUR));
  events.sort((a, b) => a.at - b.at);
  const first = events[0]?.at ?? now;
  let call = 0;
  const records = [{ t: "started", now: { boot: 1, mono: 0, wall: first } }];
  for (const { at, note, action, id, cause } of events) {
    const stamp = { m: at - first, w: at };
    if (note) {
      records.push({ t: "noted", at: stamp, n: note });
    } else {
      call += 1;
      const reserved = { t: "reserved", at: stamp, id: call, call: { a: "default", r: { [action]: id } }, cause };
      const fate = { answered: { c: 201 } };
      records.push(reserved, { t: "settled", at: { m: stamp.m + 5, w: at + 5 }, id: call, fate });
    }
  }
  return head() + records.map((record, index) => line(index + 1, record)).join("");
}

function* changes({ running }, from, until) {
  let last;
  for (let at = Math.ceil(from / HOUR) * HOUR; at < until; at += HOUR) {
    const now = running(new Date(at));
    if (now !== last) yield { at, desired: now ? "running" : "stopped", first: last === undefined };
    last = now;
  }
}

function eventsOf(one, from, until) {
  const { id, rule = "state" } = one;
  const revision = "0ff1ce00";
  const events = [];
  for (const { at, desired, first } of changes(one, from, until)) {
    events.push({ at, note: { k: "wanted", d: id, s: desired, r: rule, v: revision } });
    const seen = (later, status) => events.push({ at: at + later, note: { k: "seen", d: id, s: status } });
    if (first) {
      seen(100, desired);
      continue;
    }
    const [action, passing, saw] = desired === "running"
      ? ["start", "starting", "stopped"] : ["stop", "stopping", "running"];
    const cause = { desired, rule, revision, saw, seen: at };
    events.push({ at: at + 200, action, id, cause });
    seen(900, passing);
    seen(desired === "running" ? 240_000 : 60_000, desired);
  }
  return events;
}

const hex = (value) => value.toString(16).padStart(8, "0");

function head() {
  const text = `evenkeel-ledger 1 ${ID} 1 `;
  return `${text}${hex(crc32(text))}\n`;
}

function line(sequence, record) {
  const json = JSON.stringify(record);
  const numbers = `${sequence} ${Buffer.byteLength(json)} `;
  return `${numbers}${hex(crc32(ID + numbers + json))} ${json}\n`;
}
