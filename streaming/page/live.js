"use strict";
const ROWS = 100, NEWEST = 12, TREND = 30, RETRY_MS = [250, 500, 1000, 2000, 5000];
const SILENT_HEARTBEATS = 2, STATUS_MS = 10_000, LATELY_MS = 30_000, LATENCIES = 500;
// What a table shows otherwise, or what only programs read.
const HIDDEN = new Set([
  "kind", "key", "name", "prediction", "prediction_id", "snapshot", "features_sha256",
  "revision", "start_ms", "end_ms", "partition", "offset",
]);
const FIRST = ["event_ms", "ts_ms", "value", "window", "event_id"];
const SAID_ONCE = new Set(["unit", "model", "version", "reason"]); // while it is the same for all rows
const HEADINGS = { event_ms: "Event time", ts_ms: "Event time", reached_none: "In no window" };
const UNIT = /_(minutes|seconds|hours|miles|percent|share)$/;
const EMPTY = { window: "No window has closed since the sidecar started.", prediction: "No prediction since the sidecar started.", event: "None since the sidecar started." };
// The figures of the stream: their names, how several processes' are joined, their form.
const CARDS = {
  clock_ms: { label: "The platform's time", join: Math.max, form: (ms) => `${day(ms)} ${clock(ms).slice(0, 5)}`, hint: (ms) => `${new Date(ms).getUTCFullYear()}, UTC` },
  watermark_delay_seconds: { label: "Results behind it by", join: Math.max, form: (s) => duration(s), hint: "grows while no events come" },
  events_per_second: { label: "Events per second", hint: "taken in, by the wall clock" },
  lag: { label: "Events waiting", hint: "sent and not yet taken in" },
  late_events: { label: "Late events", news: "warn", hint: "reached no window" },
  late_window_updates: { label: "Late for a window", news: "warn", hint: "windows that late events missed" },
  dead_letters: { label: "Records set aside", news: "bad", hint: "dead letters: not usable" },
  state_bytes: { label: "State kept", form: (bytes) => (bytes < 1e6 ? `${number(bytes / 1e3)} kB` : `${number(bytes / 1e6, 1)} MB`), hint: "to go on from after a crash" },
};
const at = (id) => document.getElementById(id);
const make = (tag, text, className) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
};
const words = (name) => { const text = name.replace(/[_.]+/g, " ").trim(); return text[0].toUpperCase() + text.slice(1); };
const number = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace(/^-(?=[0.,]*$)/, "").replace("-", "−");
const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
const day = (ms) => new Date(ms).toUTCString().slice(5, 11).replace(/^0/, "");
const short = (ms) => (ms % 60_000 ? clock(ms) : clock(ms).slice(0, 5));
const instant = (ms) => `${day(ms)} ${short(ms)}`;
const span = (start, end) => `${instant(start)} – ${day(start) === day(end) ? short(end) : instant(end)}`;
const duration = (seconds) => {
  const whole = Math.max(0, Math.round(seconds)), minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
  if (whole < 60) return `${whole} s`;
  if (hours < 1) return `${minutes} min`;
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
};
const valuesOf = (data) => {
  const nested = data.values ?? data.metrics;
  const entries = Object.entries(nested ?? data).filter(([name]) => nested || !HIDDEN.has(name));
  if (!nested && data.offset !== undefined) entries.push(["record", `${data.topic}/${data.partition}/${data.offset}`]);
  return entries.filter(([name, value]) => (value === null || typeof value !== "object") && (nested || name !== "topic"));
};

// What is known; the protocol fills it, drawing reads it.
const known = {
  places: new Map(), channels: new Map(), messages: 0, missed: 0, reconnections: 0,
  latencies: [], dirty: new Set(), newest: null, heard: null, heartbeatMs: 15_000,
};

function open(channel) {
  const view = known.channels.get(channel.name) ?? { ...channel, rows: new Map(), newest: [], names: [], largest: new Map(), section: null };
  view.head = channel.sequence; // what comes up to here is no news
  known.channels.set(channel.name, view);
  return view;
}

function take(item) {
  const view = known.channels.get(item.channel);
  if (!view) return;
  known.dirty.add(view);
  if (item.type === "message") {
    known.messages += 1;
    known.places.set(item.channel, { epoch: item.epoch, sequence: item.sequence });
    if (item.sequence > view.head && view.kind !== "status") {
      known.newest = performance.now();
      if (item.sent_ms) known.latencies.push({ at: known.newest, ms: Math.max(0, Date.now() - item.sent_ms) });
      if (known.latencies.length > LATENCIES) known.latencies.shift();
    }
    (view.kind === "window" ? takeWindow : view.kind === "status" ? takeStatus : takeNews)(view, item);
  } else {
    if (item.type === "reset") { view.rows.clear(); view.newest = []; known.places.set(item.channel, { epoch: item.epoch, sequence: item.sequence }); }
    if (item.type === "gap") { known.missed += item.last - item.first + 1; known.places.set(item.channel, { epoch: item.epoch, sequence: item.last }); }
  }
}

function takeWindow(view, item) {
  const data = item.data, key = item.key ?? data.key ?? "all";
  const row = view.rows.get(key) ?? { key, trend: [], start: -Infinity };
  view.rows.set(key, row);
  row.line = null;
  row.trend = row.trend.filter((one) => one.start !== data.start_ms);
  if (data.kind === "retract") {
    // What took its place may begin earlier.
    if (row.start === data.start_ms) Object.assign(row, { start: -Infinity, values: null });
    return;
  }
  const values = note(view, valuesOf(data)), first = values.find(([, value]) => typeof value === "number");
  if (first) {
    row.trend.push({ start: data.start_ms, value: first[1] });
    row.trend.sort((a, b) => a.start - b.start);
    row.trend.splice(0, row.trend.length - TREND);
  }
  if (data.start_ms >= row.start) {
    Object.assign(row, { start: data.start_ms, end: data.end_ms, values: new Map(values), isFresh: true });
  }
}

function takeNews(view, item) {
  view.newest.unshift({ key: item.key, values: new Map(note(view, valuesOf(item.data))), isFresh: item.sequence > view.head });
  view.newest.length = Math.min(view.newest.length, NEWEST);
}

// A column keeps its decimals: they follow from the largest value that was seen in it.
function note(view, values) {
  for (const [name, value] of values) {
    if (!view.names.includes(name)) view.names.push(name);
    if (typeof value !== "number") continue;
    const seen = view.largest.get(name) ?? { value: 0, isWhole: true };
    view.largest.set(name, { value: Math.max(seen.value, Math.abs(value)), isWhole: seen.isWhole && Number.isInteger(value) });
  }
  return values;
}

function takeStatus(view, item) {
  const values = new Map(Object.entries(item.data)), before = view.rows.get(item.key ?? ""), now = performance.now();
  if (before && now > before.at) values.set("events_per_second", Math.max(0, Math.round((item.data.events - before.values.get("events")) / (now - before.at) * 1000)));
  view.rows.set(item.key ?? "", { values, at: now });
}

function draw() {
  const now = performance.now();
  known.latencies = known.latencies.filter((one) => now - one.at < LATELY_MS);
  const median = known.latencies.map((one) => one.ms).sort((a, b) => a - b)[known.latencies.length >> 1];
  at("messages").textContent = known.messages ? number(known.messages) : "none";
  at("newest").textContent = known.newest === null ? "none yet" : now - known.newest < 2000 ? "just now" : `${duration((now - known.newest) / 1000)} ago`;
  at("latency").textContent = median === undefined ? "nothing lately" : `${number(median)} ms`;
  at("missed").textContent = number(known.missed);
  at("reconnections").textContent = number(known.reconnections);
  for (const view of known.dirty) {
    if (view.kind === "status") drawStatus(view);
    else drawTable(view);
  }
  known.dirty.clear();
}

function drawStatus(view) {
  const sums = new Map(), now = performance.now();
  // A process that ended says nothing more.
  for (const [name, row] of view.rows) if (now - row.at > STATUS_MS) view.rows.delete(name);
  for (const { values } of view.rows.values())
    for (const [name, value] of values) if (CARDS[name] && typeof value === "number") {
      const join = CARDS[name].join ?? ((a, b) => a + b);
      sums.set(name, sums.has(name) ? join(sums.get(name), value) : value);
    }
  at("status").hidden = sums.size === 0;
  at("cards").replaceChildren(...Object.keys(CARDS).filter((name) => sums.has(name)).map((name) => {
    const { label, news, form = (one) => number(one), hint } = CARDS[name], value = sums.get(name), card = make("li", undefined, value > 0 ? news : "");
    card.append(make("span", label, "name"), make("span", form(value), "value"), make("span", typeof hint === "string" ? hint : hint(value), "change"));
    return card;
  }));
}

function drawTable(view) {
  if (!view.section) addSection(view);
  const isWindow = view.kind === "window", section = view.section;
  const rows = (isWindow ? [...view.rows.values()].filter((row) => row.values).sort((a, b) => (a.key < b.key ? -1 : 1)) : view.newest);
  const shown = rows.slice(0, ROWS), { columns, said } = columnsOf(view, shown), form = JSON.stringify(columns);
  if (form !== section.form) {
    section.form = form;
    section.head.replaceChildren(drawHead(columns));
    for (const row of rows) row.line = null;
  }
  section.said.textContent = said;
  section.table.hidden = rows.length === 0;
  // Lines that did not change stay, so that text in them can be marked and copied.
  shown.forEach((row, i) => {
    row.line ??= drawRow(row, columns);
    if (section.body.children[i] === row.line) return;
    const old = isWindow && section.body.children[i];
    if (old && old.firstChild.textContent === row.line.firstChild.textContent) old.replaceWith(row.line);
    else section.body.insertBefore(row.line, section.body.children[i] ?? null);
  });
  while (section.body.children.length > shown.length) section.body.lastChild.remove();
  const rest = rows.length - ROWS;
  section.empty.textContent = rows.length === 0 ? EMPTY[view.kind] ?? "Nothing yet." : rest > 0 ? `And ${number(rest)} more.` : "";
}

// What the columns of a table are, and what is said above it instead of in each row.
function columnsOf(view, rows) {
  const isWindow = view.kind === "window", columns = [], said = [];
  const only = (name) => { const found = new Set(rows.map((row) => row.values.get(name))); return found.size === 1 ? [...found][0] : undefined; };
  if (rows.some((row) => row.key !== null)) columns.push({ is: "key", heading: "Key" });
  if (isWindow) columns.push({ is: "span", heading: "Window", unit: "UTC" });
  const rank = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  const names = isWindow ? view.names : [...view.names].sort((a, b) => rank(a) - rank(b));
  for (const name of names) {
    const value = rows.find((row) => row.values.get(name) != null)?.values.get(name);
    if (value === undefined) continue;
    const same = SAID_ONCE.has(name) ? only(name) : undefined;
    if (same !== undefined) { if (name !== "unit") said.push(`${words(name)} ${same}`); continue; }
    if (name.endsWith("_ms")) { columns.push({ is: "time", name, heading: HEADINGS[name] ?? words(name.slice(0, -3)), unit: "UTC" }); continue; }
    const unit = name.match(UNIT)?.[1], seen = view.largest.get(name);
    const digits = !seen || seen.isWhole ? 0 : unit === "share" || seen.value >= 1 ? 1 : 2;
    columns.push({
      is: typeof value === "number" ? "figure" : "word", name, digits, isShare: unit === "share",
      heading: HEADINGS[name] ?? words(unit && unit !== "share" ? name.replace(UNIT, "") : name), unit: unit === "share" ? "%" : unit ?? (name === "value" ? only("unit") : undefined),
    });
  }
  const first = columns.find((column) => column.is === "figure");
  if (isWindow && first) columns.push({ is: "trend", heading: first.heading, unit: `last ${TREND} windows` });
  return { columns, said: said.join(" · ") };
}

function drawHead(columns) {
  const head = make("tr");
  for (const column of columns) {
    const cell = make("th", column.heading, column.is);
    cell.scope = "col";
    if (column.unit) cell.append(make("span", column.unit, "unit"));
    head.append(cell);
  }
  return head;
}

function drawRow(row, columns) {
  const line = make("tr", undefined, row.isFresh ? "fresh" : "");
  row.isFresh = false;
  line.append(...columns.map((column) => drawCell(row, column)));
  return line;
}

function drawCell(row, column) {
  const value = row.values.get(column.name), cell = make(column.is === "key" ? "th" : "td", undefined, column.is);
  if (column.is === "key") { cell.scope = "row"; cell.textContent = row.key ?? "–"; }
  else if (column.is === "span") { cell.textContent = span(row.start, row.end); cell.title = `${new Date(row.start).toISOString()} to ${new Date(row.end).toISOString()}`; }
  else if (column.is === "trend") cell.append(trend(row.trend));
  else if (value === null || value === undefined) cell.textContent = "–";
  else if (column.is === "time") { cell.textContent = instant(value); cell.title = new Date(value).toISOString(); }
  else if (typeof value === "number") cell.textContent = number(column.isShare ? value * 100 : value, column.digits);
  else { cell.textContent = typeof value === "boolean" ? (value ? "yes" : "no") : value; if (cell.textContent.length > 60) cell.className = "prose"; }
  return cell;
}

function trend(points) {
  const space = "http" + "://www.w3.org/2000/svg", svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 108 24");
  svg.setAttribute("aria-hidden", "true");
  const numbers = points.map((one) => one.value), low = Math.min(...numbers), high = Math.max(...numbers);
  const x = (i) => 4 + (points.length > 1 ? (i * 98) / (points.length - 1) : 98);
  const y = (value) => (high > low ? 20 - ((value - low) / (high - low)) * 16 : 12);
  const line = document.createElementNS(space, "polyline");
  line.setAttribute("points", numbers.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" "));
  const dot = document.createElementNS(space, "circle");
  const last = numbers.length - 1;
  if (last >= 0) { dot.setAttribute("cx", x(last).toFixed(1)); dot.setAttribute("cy", y(numbers[last]).toFixed(1)); dot.setAttribute("r", "2.4"); svg.append(line, dot); }
  return svg;
}

function addSection(view) {
  const section = make("section"), title = make("h2", view.title.replace(/\.$/, "")), table = make("table", undefined, "live");
  const scroll = make("div", undefined, "scroll"), head = make("thead"), body = make("tbody"), empty = make("p", "", "empty"), said = make("p", "", "text said");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", view.title);
  table.append(head, body);
  scroll.append(table);
  section.append(title, said, scroll, empty);
  view.section = { table, head, body, said, empty, form: "" };
  at("channels").append(section);
}

// The protocol: a ticket for the key, one socket, resume where it was.
let attempt = 0, socket = null, isStopped = true, wasLive = false;

function show(state, colour) {
  at("state").textContent = state;
  at("badge").className = `badge ${colour}`;
  document.title = state === "Live" ? "Live results" : `${state} · Live results`;
  document.body.classList.toggle("stale", wasLive && state !== "Live");
}

function ask(text) {
  isStopped = true;
  sessionStorage.removeItem("key");
  show("No access", "red");
  if (text) at("access-text").textContent = text;
  at("access").hidden = false;
  at("key").focus();
}

async function connect() {
  const key = sessionStorage.getItem("key");
  if (!key) return ask();
  isStopped = false;
  at("access").hidden = true;
  if (!attempt) show("Connecting", "warning");
  try {
    const answer = await fetch("/tickets", { method: "POST", headers: { authorization: `Bearer ${key}` } });
    if (answer.status === 401 || answer.status === 403) return ask("That key opens nothing here. The address that analytics up prints has one; analytics keys create NAME makes another.");
    if (!answer.ok) return again();
    const { ticket } = await answer.json();
    const address = new URL(`/ws?ticket=${ticket}`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    socket = new WebSocket(address);
    socket.onmessage = (event) => hear(JSON.parse(event.data));
    socket.onclose = (event) => (event.code === 4401 ? ask("The key has expired or was revoked.") : again());
  } catch { again(); }
}

function again() {
  if (isStopped) return;
  known.heard = null;
  show("Disconnected, trying again", "warning");
  setTimeout(connect, RETRY_MS[Math.min(attempt++, RETRY_MS.length - 1)] * (0.5 + Math.random()));
}

function hear(said) {
  known.heard = performance.now();
  if (said.type === "welcome") {
    if (wasLive) known.reconnections += 1;
    wasLive = true;
    attempt = 0;
    known.heartbeatMs = said.heartbeat_seconds * 1000;
    show("Live", "green");
    at("principal").textContent = said.principal;
    for (const channel of said.channels) {
      const view = open(channel);
      known.dirty.add(view);
      socket.send(JSON.stringify({ type: "subscribe", channel: channel.name, after: known.places.get(channel.name) ?? firstPlace(channel) }));
    }
  } else if (said.type === "frame") said.items.forEach(take);
}

// Of channels that keep no latest message per key the newest ones, or their tables would
// be empty until something happens.
function firstPlace(channel) {
  if (channel.policy === "conflate") return undefined;
  return { epoch: channel.epoch, sequence: Math.max(0, channel.sequence - NEWEST) };
}

// A connection on which nothing comes, not even a heartbeat, is none.
function watch() {
  if (known.heard === null || performance.now() - known.heard < SILENT_HEARTBEATS * known.heartbeatMs) return;
  socket.onclose = socket.onmessage = null;
  socket.close();
  again();
}

at("access").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", at("key").value.trim());
  at("key").value = "";
  connect();
});
const given = new URLSearchParams(location.hash.slice(1)).get("key");
if (given) { sessionStorage.setItem("key", given); history.replaceState(null, "", location.pathname); }
setInterval(() => { watch(); if (!document.hidden) draw(); }, 250);
connect();
