"use strict";
const ROWS = 100, NEWEST = 12, TREND = 30, RETRY_MS = [250, 500, 1000, 2000, 5000];
// What a table repeats, or what only programs read.
const HIDDEN = new Set([
  "start_ms", "end_ms", "revision", "key", "window", "kind", "name",
  "prediction", "prediction_id", "snapshot", "features_sha256",
]);
const FIRST = ["value", "unit"], LONG_MS = 20 * 3600 * 1000;
const LABELS = {
  events_per_second: "Events per second", late_events: "Late events",
  dead_letters: "Dead letters", lag: "Events waiting", watermark_delay_seconds: "Watermark behind, s",
  clients: "Clients", late_window_updates: "Late updates of windows", state_bytes: "State, bytes",
};
const NEWS = { late_events: "warn", late_window_updates: "warn", dead_letters: "bad" };
const at = (id) => document.getElementById(id);
const make = (tag, text, className) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
};
const words = (name) => { const text = name.replace(/[_.]+/g, " "); return text[0].toUpperCase() + text.slice(1); };
const number = (value) => {
  if (typeof value !== "number") return value === null || value === undefined ? "–" : String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const digits = Math.abs(value) < 10 ? 2 : 1;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
};
const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
const day = (ms) => new Date(ms).toISOString().slice(0, 10);
const span = (start, end) => end - start < LONG_MS ? `${clock(start)} – ${clock(end)}`
  : `${day(start)} ${clock(start).slice(0, 5)} – ${day(end)} ${clock(end).slice(0, 5)}`;
const shown = (name, value) => name.endsWith("_ms") && typeof value === "number" ? `${day(value)} ${clock(value)}` : number(value);
const valuesOf = (data) => {
  const nested = data.values ?? data.metrics;
  const entries = Object.entries(nested ?? data).filter(([name]) => nested || !HIDDEN.has(name));
  return entries.filter(([, value]) => value === null || typeof value !== "object");
};

// What is known; the protocol fills it, drawing reads it.
const known = {
  places: new Map(), channels: new Map(), messages: 0, missed: 0, reconnections: 0,
  latencies: [], dirty: new Set(),
};

function open(channel) {
  if (known.channels.has(channel.name)) return known.channels.get(channel.name);
  const view = { ...channel, rows: new Map(), newest: [], names: [], section: null };
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
    if (item.sent_ms) { known.latencies.push(Date.now() - item.sent_ms); if (known.latencies.length > 200) known.latencies.shift(); }
    (view.kind === "window" ? takeWindow : view.kind === "status" ? takeStatus : takeNews)(view, item);
  } else {
    if (item.type === "reset") { view.rows.clear(); view.newest = []; known.places.set(item.channel, { epoch: item.epoch, sequence: item.sequence }); }
    if (item.type === "gap") { known.missed += item.last - item.first + 1; known.places.set(item.channel, { epoch: item.epoch, sequence: item.last }); }
  }
}

function takeWindow(view, item) {
  const data = item.data, key = item.key ?? data.key ?? "all";
  const row = view.rows.get(key) ?? { key, trend: [], start: -Infinity };
  if (data.kind === "retract") {
    row.trend = row.trend.filter((one) => one.start !== data.start_ms);
    view.rows.set(key, row);
    return;
  }
  const values = valuesOf(data);
  for (const [name] of values) if (!view.names.includes(name)) view.names.push(name);
  const first = values.find(([, value]) => typeof value === "number");
  if (first) {
    row.trend = row.trend.filter((one) => one.start !== data.start_ms);
    row.trend.push({ start: data.start_ms, value: first[1] });
    row.trend.sort((a, b) => a.start - b.start);
    row.trend.splice(0, row.trend.length - TREND);
  }
  if (data.start_ms >= row.start) {
    Object.assign(row, { start: data.start_ms, end: data.end_ms, values: new Map(values), isFresh: true });
  }
  view.rows.set(key, row);
}

function takeNews(view, item) {
  view.newest.unshift({ key: item.key, sequence: item.sequence, values: valuesOf(item.data) });
  view.newest.length = Math.min(view.newest.length, NEWEST);
}

function takeStatus(view, item) {
  const values = new Map(Object.entries(item.data)), before = view.rows.get(item.key ?? ""), now = performance.now();
  if (before && now > before.at) values.set("events_per_second", Math.max(0, Math.round((item.data.events - before.values.get("events")) / (now - before.at) * 1000)));
  view.rows.set(item.key ?? "", { values, at: now });
}

function draw() {
  const median = [...known.latencies].sort((a, b) => a - b)[known.latencies.length >> 1];
  at("messages").textContent = known.messages ? number(known.messages) : "none";
  at("latency").textContent = median === undefined ? "not measured" : `${number(Math.max(0, median))} ms`;
  at("missed").textContent = number(known.missed);
  at("reconnections").textContent = number(known.reconnections);
  for (const view of known.dirty) {
    if (view.kind === "status") drawStatus(view);
    else drawTable(view);
  }
  known.dirty.clear();
}

function drawStatus(view) {
  const sums = new Map();
  for (const { values } of view.rows.values())
    for (const [name, value] of values) if (LABELS[name]) {
      const isWorst = name === "watermark_delay_seconds";
      sums.set(name, isWorst ? Math.max(sums.get(name) ?? 0, value) : (sums.get(name) ?? 0) + value);
    }
  at("status").hidden = sums.size === 0;
  at("cards").replaceChildren(...Object.keys(LABELS).filter((name) => sums.has(name)).map((name) => {
    const card = make("li", undefined, sums.get(name) > 0 ? NEWS[name] : "");
    card.append(make("span", LABELS[name], "name"), make("span", number(sums.get(name)), "value"));
    return card;
  }));
}

function drawTable(view) {
  if (!view.section) addSection(view);
  const isWindow = view.kind === "window";
  const rows = isWindow ? [...view.rows.values()].filter((row) => row.values).sort((a, b) => (a.key < b.key ? -1 : 1)) : view.newest;
  const names = isWindow ? view.names : [...new Set(view.newest.flatMap((row) => row.values.map(([name]) => name)))];
  const head = make("tr");
  head.append(make("th", "Key"));
  if (isWindow) head.append(make("th", "Window"));
  names.sort((a, b) => (FIRST.indexOf(b) >= 0) - (FIRST.indexOf(a) >= 0) || FIRST.indexOf(a) - FIRST.indexOf(b));
  const isFigure = (name) => rows.some((row) => typeof new Map(row.values).get(name) === "number");
  const figures = new Set(names.filter(isFigure));
  for (const name of names) head.append(make("th", words(name), figures.has(name) ? "figure" : ""));
  if (isWindow) head.append(make("th", names.length ? `${words(names[0])}, last ${TREND} windows` : "Trend", "trend"));
  for (const cell of head.children) cell.scope = "col";
  view.section.head.replaceChildren(head);
  view.section.body.replaceChildren(...rows.slice(0, ROWS).map((row) => drawRow(view, row, names, figures)));
  const rest = rows.length - ROWS;
  view.section.empty.textContent = rows.length === 0 ? "Nothing yet." : rest > 0 ? `And ${number(rest)} more.` : "";
}

function drawRow(view, row, names, figures) {
  const line = make("tr", undefined, row.isFresh ? "fresh" : "");
  row.isFresh = false;
  const key = make("th", row.key ?? "–");
  key.scope = "row";
  line.append(key);
  if (view.kind === "window") {
    const when = make("td", span(row.start, row.end), "when");
    when.title = `${day(row.start)} to ${day(row.end)}`;
    line.append(when);
  }
  const values = new Map(row.values);
  for (const name of names) line.append(make("td", shown(name, values.get(name)), figures.has(name) ? "figure" : ""));
  if (view.kind === "window") { const cell = make("td", undefined, "trend"); cell.append(trend(row.trend)); line.append(cell); }
  return line;
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
  const scroll = make("div", undefined, "scroll"), head = make("thead"), body = make("tbody"), empty = make("p", "", "empty");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", view.title);
  table.append(head, body);
  scroll.append(table);
  section.append(title, scroll, empty);
  view.section = { head, body, empty };
  at("channels").append(section);
}

// The protocol: a ticket for the key, one socket, resume where it was.
let attempt = 0, socket = null, isStopped = true;

function show(state, colour) {
  at("state").textContent = state;
  at("badge").className = `badge ${colour}`;
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
  show(attempt ? "Reconnecting" : "Connecting", "warning");
  try {
    const answer = await fetch("/tickets", { method: "POST", headers: { authorization: `Bearer ${key}` } });
    if (answer.status === 401 || answer.status === 403) return ask("That key opens nothing here. Make one with analytics keys create NAME.");
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
  show("Reconnecting", "warning");
  known.reconnections += 1;
  setTimeout(connect, RETRY_MS[Math.min(attempt++, RETRY_MS.length - 1)] * (0.5 + Math.random()));
}

function hear(said) {
  if (said.type === "welcome") {
    attempt = 0;
    show("Live", "green");
    at("principal").textContent = said.principal;
    for (const channel of said.channels) {
      const view = open(channel), after = known.places.get(channel.name);
      known.dirty.add(view);
      socket.send(JSON.stringify({ type: "subscribe", channel: channel.name, ...(after && { after }) }));
    }
  } else if (said.type === "frame") said.items.forEach(take);
}

at("access").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", at("key").value.trim());
  at("key").value = "";
  connect();
});
const given = new URLSearchParams(location.hash.slice(1)).get("key");
if (given) { sessionStorage.setItem("key", given); history.replaceState(null, "", location.pathname); }
setInterval(() => requestAnimationFrame(draw), 250);
connect();
