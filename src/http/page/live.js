// Keeps the page fresh: counts times on, and takes over what has changed when the server says so.
"use strict";
(() => {
  const body = document.body;
  const live = document.getElementById("live");
  const word = document.createElement("span");
  const button = document.createElement("button");
  let paused = false;
  let busy = false;
  let again = false;
  let fresh = Date.now();

  const span = (seconds) => {
    const parts = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
    const first = parts.findIndex(([, size]) => seconds >= size);
    let rest = seconds;
    return parts.slice(first, first + (first < 2 ? 2 : 1)).map(([unit, size]) => {
      const count = Math.floor(rest / size);
      rest %= size;
      return count ? count + unit : "";
    }).join("");
  };

  const count = () => {
    for (const time of document.querySelectorAll("time.rel")) {
      const seconds = Math.trunc((Date.parse(time.dateTime) - Date.now()) / 1000);
      const text = seconds === 0 ? "now"
        : seconds > 0 ? "in " + span(seconds) : span(-seconds) + " ago";
      if (time.textContent !== text) time.textContent = text;
    }
    if (!paused && Date.now() - fresh > 30000) refresh();
  };

  // The viewer's own zone stands beside the instant in UTC.
  const local = () => {
    for (const time of document.querySelectorAll("time")) {
      const here = new Date(time.dateTime).toLocaleString(undefined, {
        dateStyle: "medium", timeStyle: "medium",
      });
      time.title = `${time.dateTime} · ${here} here`;
    }
    for (const time of document.querySelectorAll("time.here")) {
      time.textContent = " · " + new Date(time.dateTime).toLocaleString(undefined, {
        weekday: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
      });
    }
  };

  const take = (next) => {
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = next.getElementById(part.id);
      if (!other || other.innerHTML === part.dataset.was) continue;
      const held = part.contains(document.activeElement) ? document.activeElement : null;
      const href = held && held.getAttribute("href");
      part.dataset.was = other.innerHTML;
      part.replaceChildren(...other.childNodes);
      const back = href && part.querySelector(`a[href="${CSS.escape(href)}"]`);
      if (back) back.focus({ preventScroll: true });
    }
    document.title = next.title;
    body.dataset.version = next.body.dataset.version;
  };

  const refresh = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    fresh = Date.now();
    try {
      const answer = await fetch(location.href);
      if (answer.ok) {
        take(new DOMParser().parseFromString(await answer.text(), "text/html"));
        local();
        count();
      }
    } catch {
      word.textContent = "The server cannot be reached";
    }
    busy = false;
    if (again) {
      again = false;
      refresh();
    }
  };

  const source = new EventSource(body.dataset.events);
  source.onopen = () => { if (!paused) word.textContent = "Live"; };
  source.onerror = () => { if (!paused) word.textContent = "Connecting …"; };
  source.addEventListener("change", (event) => {
    if (!paused && event.data !== body.dataset.version) refresh();
  });

  button.type = "button";
  button.textContent = "Pause updates";
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Resume updates" : "Pause updates";
    word.textContent = paused ? "Paused" : "Live";
    if (!paused) refresh();
  });
  live.append(word, button);
  local();
  count();
  setInterval(count, 1000);
})();
