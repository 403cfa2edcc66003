// A browser, the running product, and tenants to look at.

import assert from "node:assert/strict";
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { CHROMIUM, TOOLS, URL: url, CONSOLE_KEY, ADMIN_KEY } = process.env;
const require = createRequire(join(TOOLS, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const screenshots = join(TOOLS, "screenshots");
mkdirSync(screenshots, { recursive: true });

export { url, CONSOLE_KEY };
export const WIDTHS = [1280, 390];
export const SCHEMES = ["light", "dark"];

let running;
const browser = async () =>
  (running ??= chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] }));

export async function close() {
  await (await running)?.close();
}

// A visitor with a profile of its own. Whatever its pages complain of is kept, and what they run is caught.
export async function visitor({ width = 1280, scheme = "light" } = {}) {
  const context = await (await browser()).newContext({
    viewport: { width, height: width > 600 ? 900 : 844 },
    colorScheme: scheme,
    reducedMotion: "reduce",
    acceptDownloads: true,
    baseURL: url,
  });
  context.setDefaultTimeout(10_000);
  const complaints = [];
  const watch = (page) => {
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      complaints.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith("data:")) complaints.push(`asked ${request.url()}`);
    });
  };
  context.on("page", watch);
  return {
    context,
    page: await context.newPage(),
    // What was complained of, but for refusals that a test means to provoke.
    complaints: (refusals = []) => complaints.filter((one) => !refusals.some((status) => one.includes(`status of ${status}`))),
    end: () => context.close(),
  };
}

// Nothing serious, by axe-core; the page does not scroll sideways; a picture is left.
export async function inspect(page, name, { width, scheme, fullPage = true }) {
  await page.screenshot({ path: join(screenshots, `${name}-${width}-${scheme}.png`), fullPage });
  await page.evaluate(`${axe}; undefined`);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const grave = violations.filter(({ impact }) => ["serious", "critical", "moderate"].includes(impact));
  const told = grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`).join("\n")}`);
  assert.deepEqual(told, [], `${name} at ${width} in ${scheme}`);
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(sideways <= 0, `${name} at ${width} is ${sideways} pixels too wide`);
}

async function send(method, path, headers, body, status) {
  const answer = await fetch(url + path, {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  assert.equal(answer.status, status, `${method} ${path}: ${text}`);
  return JSON.parse(text);
}

let keys = 0;

// A tenant, its admin, and what it may do through the API.
export async function tenant({ name = "Acme", region = "eu-west-1" } = {}) {
  const made = await send("POST", "/v1/tenants", {}, { name, region, admin_email: "owner@example.com" }, 201);
  const headers = { "X-Tenant-ID": made.tenant_id, "X-User-ID": made.admin.user_id, "X-API-Key": made.api_key };
  const key = () => ({ ...headers, "Idempotency-Key": `browser-${(keys += 1)}` });
  return {
    tenant_id: made.tenant_id,
    user_id: made.admin.user_id,
    api_key: made.api_key,
    async kpi(definition, points) {
      const { kpi_id } = await send("POST", "/v1/kpis", headers, definition, 201);
      if (points) await send("POST", `/v1/kpis/${kpi_id}/points:bulk`, headers, { points }, 200);
      return kpi_id;
    },
    job: (date) => send("POST", "/v1/jobs/daily-brief", key(), { date }, 200),
    say: (message, conversation_id) => send("POST", "/v1/cofounder/chat", key(), { message, conversation_id }, 200),
    begin: (title) => send("POST", "/v1/conversations", headers, { title }, 201),
    invoke: (text) => send("POST", "/v1/tools/invoke", key(), { tool_name: "echo", payload: { text } }, 200),
    limits: (assistant) =>
      send("PUT", "/v1/limits", headers, {
        assistant_query_daily_limit: assistant, tool_invocation_daily_limit: 100,
        daily_brief_generated_daily_limit: 10, notification_enqueued_daily_limit: 500,
      }, 200),
    async plan(plan_id, included_credits) {
      const operator = { "X-Platform-Admin-Key": ADMIN_KEY };
      const plan = { plan_id, name: plan_id, included_credits, overage_price_per_credit: 0.02 };
      await send("POST", "/v1/admin/plans", operator, plan, 201);
      const capabilities = ["briefs", "chat", "kpi_ingest", "kpi_read", "notifications", "tools"];
      await send("PUT", `/v1/admin/plans/${plan_id}/capabilities`, operator, { capabilities }, 200);
      await send("PUT", `/v1/admin/tenants/${made.tenant_id}/subscription`, operator, { plan_id }, 200);
    },
  };
}

const day = (ago) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
export { day };

// A tenant with a little of everything.
export async function busyTenant(names = {}) {
  const made = await tenant(names);
  const course = (from, step) => Array.from({ length: 30 }, (_, n) => ({
    ts: `${day(30 - n)}T00:00:00Z`, value: from + step * n + Math.round(Math.sin(n) * step),
  }));
  await made.kpi({ name: "MRR", unit: "GBP" }, course(18_000, 240));
  await made.kpi({ name: "Signups", unit: "users" }, course(40, 2));
  await made.kpi({ name: "Churn", unit: "%" }, course(9, -0.2));
  await made.kpi({ name: "Net promoter score" });
  for (const ago of [1, 2, 3]) await made.job(day(ago));
  for (let number = 0; number < 5; number += 1) await made.invoke(`call ${number}`);
  return made;
}

export async function connect(page, made, { remember = false } = {}) {
  await page.goto("/ui");
  await page.getByLabel("Tenant ID").fill(made.tenant_id);
  await page.getByLabel("API Key").fill(made.api_key);
  await page.getByLabel("User ID").fill(made.user_id);
  await page.getByLabel("Remember on this device").setChecked(remember);
  await page.getByRole("button", { name: "Save" }).click();
}

export async function connected(page) {
  await page.locator("#state", { hasText: /^Connected$/ }).waitFor({ state: "attached" });
}

export async function signIn(page) {
  await page.goto(`/console?key=${CONSOLE_KEY}`);
}
