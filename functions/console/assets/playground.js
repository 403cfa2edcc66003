// The playground: a page that calls the API with the credentials typed into it.
//
// Nothing that comes from the API ever becomes markup: all of it goes into text nodes.
"use strict";

(() => {
  const FIELDS = ["tenant_id", "api_key", "user_id"];
  const HEADERS = { tenant_id: "X-Tenant-ID", api_key: "X-API-Key", user_id: "X-User-ID" };
  // How many pages of a long conversation are shown; each holds up to a thousand messages.
  const MAX_PAGES = 5;
  const ACTIVITIES = [
    ["assistant_query", "Chat"],
    ["tool_invocation", "Tools"],
    ["daily_brief_generated", "Briefs"],
    ["notification_enqueued", "Notifs"],
  ];

  const at = (id) => document.getElementById(id);
  let credentials = null;
  let conversation = null;
  let cursor = null;
  // Counts connections and conversations: what was asked for an earlier one is not shown in a later one.
  let turn = 0;

  // Elements.

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  // Text of somebody else: its direction must not sway the text around it.
  const words = (text) => element("bdi", null, String(text));

  function figure(number) {
    if (typeof number !== "number") return "–";
    return number.toLocaleString("en-GB", { maximumFractionDigits: 2 });
  }

  // Credentials: kept for the tab, unless they are to be remembered.

  const key = (field) => `playground_${field}`;

  function stored(storage) {
    try {
      const found = Object.fromEntries(FIELDS.map((field) => [field, storage.getItem(key(field))]));
      return FIELDS.every((field) => found[field]) ? found : null;
    } catch {
      return null;
    }
  }

  function forget() {
    for (const storage of [sessionStorage, localStorage]) {
      for (const field of FIELDS) storage.removeItem(key(field));
    }
  }

  function keep(found, remember) {
    forget();
    const storage = remember ? localStorage : sessionStorage;
    for (const field of FIELDS) storage.setItem(key(field), found[field]);
  }

  // Calls.

  function sentence(detail) {
    if (typeof detail === "string") return detail;
    if (Array.isArray(detail)) return detail.map((one) => `${(one.loc || []).join(".")}: ${one.msg}`).join("; ");
    return JSON.stringify(detail);
  }

  async function call(path, body) {
    const headers = {};
    for (const field of FIELDS) headers[HEADERS[field]] = encodeHeader(credentials[field]);
    const options = { headers, cache: "no-store", credentials: "omit" };
    if (body) {
      headers["Content-Type"] = "application/json";
      headers["Idempotency-Key"] = randomKey();
      options.method = "POST";
      options.body = JSON.stringify(body);
    }
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Error("The gateway does not answer.");
    }
    const read = await answer.json().catch(() => null);
    if (answer.ok && read !== null) return read;
    const detail = read && read.detail;
    let told = detail ? sentence(detail) : `Status ${answer.status}`;
    if (detail && typeof detail === "object" && !Array.isArray(detail) && read.message) told = `${read.message} ${told}`;
    throw new Error(told);
  }

  // A header takes no other characters. No credential has any, so such a one is refused like any wrong one.
  const encodeHeader = (text) => text.replace(/[^\x21-\x7e]/g, "?");

  function randomKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function tell(error) {
    at("error").textContent = error ? error.message : "";
  }

  // Runs a step and tells what went wrong, unless another connection or conversation was begun meanwhile.
  async function attempt(step) {
    const mine = turn;
    tell(null);
    try {
      await step(() => mine === turn);
    } catch (error) {
      if (mine === turn) tell(error);
    }
  }

  // Panels.

  function line(label, value, state) {
    return [element("dt", null, label), element("dd", state ? { class: state } : null, value)];
  }

  // Orange from 80 %, red from 100 %.
  function level(used, limit, full) {
    if (used >= limit) return ["bad", ` (${full})`];
    if (used >= limit * 0.8) return ["warn", " (!)"];
    return [null, ""];
  }

  async function showUsage(current) {
    const read = await call("/v1/usage/daily");
    if (!current()) return;
    const lines = ACTIVITIES.flatMap(([activity, label]) => {
      const units = read.usage.find((one) => one.activity_type === activity)?.units ?? 0;
      const limit = read.limits[`${activity}_daily_limit`];
      const [state, mark] = level(units, limit, "LIMIT");
      return line(label, `${units}/${limit}${mark}`, state);
    });
    at("usage").replaceChildren(...lines);
  }

  async function showCredits(current) {
    const { plan, credits, breakdown } = await call("/v1/billing/usage");
    if (!current()) return;
    const [state, mark] = level(credits.used, credits.included, "OVER");
    const lines = [
      ...line("Plan", words(plan.name)),
      ...line("Credits", `${figure(credits.used)} / ${figure(credits.included)}${mark}`, state),
      ...line("Remaining", figure(credits.remaining)),
    ];
    if (credits.overage_credits > 0) lines.push(...line("Overage", figure(credits.overage_credits), "bad"));
    lines.push(...line("List cost", `$${figure(credits.estimated_list_cost)}`));
    at("credits").replaceChildren(...lines);
    const used = breakdown.flatMap((one) => line(one.event_key, `${figure(one.raw_units)} × ${one.unit_name ?? "unit"}, ${figure(one.credits)} cr`));
    at("breakdown-lines").replaceChildren(...used);
    at("breakdown").hidden = used.length === 0;
  }

  async function showConversations(current, after) {
    const read = await call(`/v1/conversations?limit=30${after ? `&cursor=${encodeURIComponent(after)}` : ""}`);
    if (!current()) return;
    cursor = read.next_cursor;
    at("more").hidden = !cursor;
    const items = read.items.map((one) => {
      const button = element("button", { type: "button", "data-id": one.conversation_id, dir: "auto" });
      button.textContent = one.title || "Untitled";
      button.addEventListener("click", () => open(one.conversation_id));
      return element("li", null, button);
    });
    if (after) at("conversations").append(...items);
    else at("conversations").replaceChildren(...items);
    markConversation();
  }

  function markConversation() {
    for (const button of at("conversations").querySelectorAll("button")) {
      button.setAttribute("aria-current", String(button.dataset.id === conversation));
    }
  }

  // Cards.

  const DIRECTIONS = { up: "▲", down: "▼", flat: "▬" };

  function move(card) {
    const way = card.delta_abs > 0 ? "up" : card.delta_abs < 0 ? "down" : "flat";
    const by = typeof card.delta_pct === "number" ? `${figure(card.delta_pct)}%` : figure(card.delta_abs);
    const arrow = element("span", { "aria-hidden": "true" }, DIRECTIONS[way]);
    return element("span", { class: way }, arrow, element("span", { class: "unseen" }, way), ` ${by}`);
  }

  const SVG = "http://www.w3.org/2000/svg";

  // The course from the first value of the window to the last.
  function spark(values) {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const height = (value) => (most > least ? 28 - ((value - least) / (most - least)) * 24 : 16);
    const points = values.map((value, number) => [4 + (number * 112) / Math.max(values.length - 1, 1), height(value)]);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 120 32");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS(SVG, "polyline");
    path.setAttribute("points", points.map((point) => point.join(",")).join(" "));
    path.setAttribute("fill", "none");
    path.setAttribute("stroke", "currentColor");
    path.setAttribute("stroke-width", "2");
    const end = document.createElementNS(SVG, "circle");
    const [x, y] = points[points.length - 1];
    end.setAttribute("cx", x);
    end.setAttribute("cy", y);
    end.setAttribute("r", "3");
    end.setAttribute("fill", "currentColor");
    svg.append(path, end);
    return svg;
  }

  function valueOf(card, point) {
    const unit = card.unit ? [" ", words(card.unit)] : [];
    return element("span", { class: "big" }, point ? figure(point.value) : "no points yet", ...(point ? unit : []));
  }

  function briefCard(card) {
    const { summary, highlights } = card;
    const parts = [
      element("h3", null, "Brief for ", words(card.date)),
      element("p", null, `${summary.kpis_considered} KPIs: ${summary.kpis_up} up, ${summary.kpis_down} down, ${summary.kpis_flat} flat`),
    ];
    if (highlights.length > 0) {
      const head = element("tr", null, ...["Highlight", "From", "To", "Change"].map((label, number) =>
        element("th", { scope: "col", ...(number > 0 ? { class: "number" } : {}) }, label)));
      const rows = highlights.map((one) => element("tr", null,
        element("th", { scope: "row", class: "words" }, words(one.name), one.unit ? element("span", { class: "note" }, words(one.unit)) : null),
        element("td", { class: "number" }, figure(one.start.value)),
        element("td", { class: "number" }, figure(one.latest.value)),
        element("td", { class: "number" }, move(one))));
      const table = element("table", null, element("thead", null, head), element("tbody", null, ...rows));
      parts.push(element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Highlights" }, table));
    }
    return parts;
  }

  function kpiCard(card) {
    return [
      element("h3", null, words(card.name)),
      element("div", { class: "row" }, valueOf(card, card.latest), card.latest ? element("span", { class: "note" }, words(card.latest.ts)) : null),
    ];
  }

  function summaryCard(card) {
    return [
      element("h3", null, words(card.name)),
      element("div", { class: "row" }, valueOf(card, card.latest), spark([card.start.value, card.latest.value]), move(card)),
      element("p", { class: "note" }, "from ", figure(card.start.value), " at ", words(card.start.ts), " to ", words(card.latest.ts)),
    ];
  }

  function notificationCard(card) {
    return [
      element("h3", null, words(card.title), " for ", words(card.date)),
      element("p", { class: "note" }, `#${card.id}, ${card.status}`),
    ];
  }

  const CARDS = { brief: briefCard, kpi: kpiCard, kpi_summary: summaryCard, notification: notificationCard };

  function card(data) {
    let parts = [];
    try {
      parts = CARDS[data.type] ? CARDS[data.type](data) : [element("h3", null, words(data.type))];
    } catch {
      // A card of another shape is still there as JSON.
      parts = [element("h3", null, words(data && data.type))];
    }
    const json = element("pre", { tabindex: "0" });
    json.textContent = JSON.stringify(data, null, 2);
    const raw = element("details", null, element("summary", null, "JSON"), json);
    return element("article", { class: "card" }, ...parts, raw);
  }

  // Messages.

  function message(one) {
    const said = element("p", { class: "said", dir: "auto" });
    said.textContent = one.content;
    const who = element("span", { class: "unseen" }, one.role === "user" ? "You: " : "Bespin: ");
    said.prepend(who);
    return element("div", { class: `message ${one.role === "user" ? "user" : "assistant"}` }, said, ...one.cards.map(card));
  }

  function showMessages(messages, note) {
    const shown = messages.map(message);
    if (note) shown.push(element("p", { class: "empty" }, note));
    at("messages").replaceChildren(...shown);
    at("messages").scrollTop = at("messages").scrollHeight;
  }

  const EMPTY = "Ask for today's brief, the KPIs or the outbox. Each answered message is metered.";

  async function showConversation(current) {
    const id = conversation;
    const messages = [];
    let next = null;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const query = next ? `?cursor=${encodeURIComponent(next)}` : "";
      const read = await call(`/v1/conversations/${encodeURIComponent(id)}${query}`);
      messages.push(...read.messages);
      next = read.next_cursor;
      if (!next) break;
    }
    if (!current()) return;
    showMessages(messages, next ? "This conversation goes on; its later messages are not shown here." : null);
  }

  function open(id) {
    turn += 1;
    conversation = id;
    markConversation();
    closeMenu();
    return attempt(showConversation);
  }

  function startNew() {
    turn += 1;
    conversation = null;
    markConversation();
    tell(null);
    showMessages([], EMPTY);
    closeMenu();
    at("message").focus();
  }

  async function say(text) {
    if (!credentials) {
      tell(new Error("Enter tenant ID, API key and user ID first."));
      return;
    }
    busy(true);
    await attempt(async (current) => {
      const body = { message: text };
      if (conversation) body.conversation_id = conversation;
      const answer = await call("/v1/cofounder/chat", body);
      if (!current()) return;
      at("message").value = "";
      conversation = answer.conversation_id;
      await Promise.all([showConversation(current), showUsage(current), showCredits(current), showConversations(current)]);
    });
    busy(false);
  }

  function busy(is) {
    for (const button of document.querySelectorAll(".ask button")) button.disabled = is;
    at("messages").setAttribute("aria-busy", String(is));
    // The focus of a button that was disabled is lost.
    if (!is && document.activeElement === document.body) at("message").focus();
  }

  // Connecting.

  async function connect() {
    turn += 1;
    conversation = null;
    for (const panel of ["usage", "credits", "conversations", "breakdown-lines"]) at(panel).replaceChildren();
    at("state").textContent = "Connecting";
    showMessages([], EMPTY);
    await attempt(async (current) => {
      try {
        await Promise.all([showUsage(current), showCredits(current), showConversations(current)]);
        if (current()) at("state").textContent = "Connected";
      } catch (error) {
        if (current()) at("state").textContent = "Not connected";
        throw error;
      }
    });
  }

  function closeMenu() {
    document.querySelector(".playground").classList.remove("open");
    at("menu").setAttribute("aria-expanded", "false");
  }

  at("menu").addEventListener("click", () => {
    const open = document.querySelector(".playground").classList.toggle("open");
    at("menu").setAttribute("aria-expanded", String(open));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && at("menu").getAttribute("aria-expanded") === "true") {
      closeMenu();
      at("menu").focus();
    }
  });
  at("credentials").addEventListener("submit", (event) => {
    event.preventDefault();
    credentials = Object.fromEntries(FIELDS.map((field) => [field, at(field).value.trim()]));
    keep(credentials, at("remember").checked);
    connect();
  });
  at("forget").addEventListener("click", () => {
    forget();
    turn += 1;
    credentials = null;
    conversation = null;
    at("credentials").reset();
    for (const panel of ["usage", "credits", "conversations", "breakdown-lines"]) at(panel).replaceChildren();
    at("breakdown").hidden = true;
    at("more").hidden = true;
    at("state").textContent = "Not connected";
    tell(null);
    showMessages([], EMPTY);
  });
  const whenConnected = (step) => () => credentials && attempt(step);
  at("refresh-usage").addEventListener("click", whenConnected(showUsage));
  at("refresh-credits").addEventListener("click", whenConnected(showCredits));
  at("refresh-conversations").addEventListener("click", whenConnected((current) => showConversations(current)));
  at("more").addEventListener("click", whenConnected((current) => showConversations(current, cursor)));
  at("new").addEventListener("click", startNew);
  at("quick").addEventListener("click", (event) => {
    const text = event.target.dataset.say;
    if (text) say(text);
  });
  at("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = at("message").value;
    if (text.trim() && !document.querySelector(".ask button").disabled) say(text);
  });

  const remembered = stored(localStorage);
  const found = stored(sessionStorage) || remembered;
  showMessages([], EMPTY);
  if (found) {
    credentials = found;
    for (const field of FIELDS) at(field).value = found[field];
    at("remember").checked = found === remembered;
    connect();
  } else if (window.matchMedia("(max-width: 47rem)").matches) {
    at("menu").click();
  }
})();
