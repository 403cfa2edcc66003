// The playground as people use it (gateway.md 15).

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { SCHEMES, WIDTHS, busyTenant, close, connect, connected, inspect, tenant, visitor } from "./world.mjs";

after(close);

const quick = (page, name) => page.locator("#quick").getByRole("button", { name, exact: true });

const sent = async (page, action, answer) => {
  await action();
  await page.locator(".message.assistant .said", { hasText: answer }).last().waitFor();
  await page.locator('#messages[aria-busy="false"]').waitFor();
};

test("credentials connect, each quick button is answered, and cards are readable with their JSON one click away", async () => {
  const made = await busyTenant();
  const { page, complaints, end } = await visitor();
  await connect(page, made);
  await connected(page);
  assert.match(await page.locator("#usage").innerText(), /Chat\s+0\/100/);
  assert.match(await page.locator("#credits").innerText(), /Starter/);

  await sent(page, () => quick(page, "Today's Brief").click(), "Here's your brief");
  const brief = page.locator(".card").last();
  assert.match(await brief.innerText(), /3 KPIs: 2 up, 1 down, 0 flat/);
  assert.match(await brief.locator("tbody").innerText(), /▲|▼/);
  assert.equal(await brief.locator("pre").isVisible(), false);
  await brief.getByText("JSON").click();
  assert.equal(JSON.parse(await brief.locator("pre").innerText()).type, "brief");

  await sent(page, () => quick(page, "KPIs").click(), "Found 4 KPI(s):");
  assert.match(await page.locator(".card", { hasText: "MRR" }).last().innerText(), /24,.*GBP/);
  await sent(page, () => quick(page, "Outbox").click(), "Found 3 notification(s)");
  await sent(page, () => quick(page, "Help").click(), "Available commands:");
  await sent(page, async () => {
    await page.getByLabel("Message", { exact: true }).fill("kpi:MRR");
    await page.keyboard.press("Enter");
  }, "Summary for KPI 'MRR':");
  assert.equal(await page.locator(".card svg polyline").count(), 1);

  assert.match(await page.locator("#usage").innerText(), /Chat\s+5\/100/, "the panels follow");
  await page.locator("#conversations button").first().waitFor();
  assert.equal(await page.locator("#conversations button").count(), 1, "one conversation");
  await page.getByRole("button", { name: "New" }).click();
  await sent(page, () => quick(page, "Help").click(), "Available commands:");
  assert.equal(await page.locator("#conversations button").count(), 2);
  await page.locator("#conversations button").last().click();
  await page.locator(".message", { hasText: "Summary for KPI" }).waitFor();
  assert.deepEqual(complaints(), []);
  await end();
});

test("usage warns from 80 % and says when the limit is reached", async () => {
  const made = await tenant();
  await made.limits(5);
  for (let n = 0; n < 3; n += 1) await made.say("help");
  const { page, complaints, end } = await visitor();
  await connect(page, made);
  await connected(page);
  const chat = page.locator("#usage dd").first();
  assert.equal(await chat.innerText(), "3/5");

  await sent(page, () => quick(page, "Help").click(), "Available");
  assert.equal(await chat.innerText(), "4/5 (!)");
  assert.equal(await chat.getAttribute("class"), "warn");
  await inspect(page, "playground-warning", { width: 1280, scheme: "light" });
  await sent(page, () => quick(page, "Help").click(), "Available");
  await page.locator("#usage dd", { hasText: "5/5 (LIMIT)" }).waitFor();
  assert.equal(await chat.getAttribute("class"), "bad");

  await quick(page, "Help").click();
  await page.locator("#error", { hasText: "quota_exceeded" }).waitFor();
  await inspect(page, "playground-limit", { width: 1280, scheme: "light" });
  assert.deepEqual(complaints([429]), []);
  await end();
});

test("credits warn from 80 % of the plan and say when it is used up", async () => {
  const made = await tenant();
  await made.plan("ten-credits", 10);
  for (let n = 0; n < 7; n += 1) await made.say("help");
  const { page, complaints, end } = await visitor();
  await connect(page, made);
  await connected(page);
  const credits = page.locator("#credits dd").nth(1);
  assert.equal(await credits.innerText(), "7 / 10");

  await sent(page, () => quick(page, "Help").click(), "Available");
  assert.equal(await credits.innerText(), "8 / 10 (!)");
  assert.equal(await credits.getAttribute("class"), "warn");
  for (let n = 0; n < 2; n += 1) await made.say("help");
  await page.getByRole("button", { name: "Refresh credits" }).click();
  await page.locator("#credits dd", { hasText: "10 / 10 (OVER)" }).waitFor();
  assert.equal(await credits.getAttribute("class"), "bad");
  assert.match(await page.locator("#credits").innerText(), /List cost\s+\$0\.2/);
  assert.deepEqual(complaints(), []);
  await end();
});

test("keys are kept for the tab, unless they are to be remembered", async () => {
  const made = await tenant();
  const { context, page, complaints, end } = await visitor();
  await connect(page, made);
  await connected(page);
  await page.reload();
  await connected(page);
  const another = await context.newPage();
  await another.goto("/ui");
  assert.equal(await another.locator("#state").innerText(), "Not connected");
  assert.equal(await another.getByLabel("API Key").inputValue(), "");

  await connect(page, made, { remember: true });
  await connected(page);
  await another.reload();
  await connected(another);
  assert.equal(await another.getByLabel("Remember on this device").isChecked(), true);

  await another.getByRole("button", { name: "Forget" }).click();
  assert.equal(await another.getByLabel("API Key").inputValue(), "");
  await another.reload();
  assert.equal(await another.locator("#state").innerText(), "Not connected");
  const left = await another.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.equal(left.includes(made.api_key), false, left);
  assert.deepEqual(complaints(), []);
  await end();
});

test("wrong credentials are told in the gateway's words", async () => {
  const made = await tenant();
  const { page, complaints, end } = await visitor();
  await connect(page, { ...made, api_key: `${made.api_key}x` });
  await page.locator("#error", { hasText: "Invalid tenant ID or API key" }).waitFor();
  await page.locator("#state", { hasText: "Not connected" }).waitFor();
  await connect(page, { ...made, api_key: "schlüssel \u{1f511}" });
  await page.locator("#error", { hasText: "Invalid tenant ID or API key" }).waitFor();
  assert.deepEqual(complaints([401]), []);
  await end();
});

test("everything can be reached and done by the keyboard, and the focus is seen", async () => {
  const made = await tenant();
  const { page, complaints, end } = await visitor();
  await page.goto("/ui");
  const seen = [];
  for (let n = 0; n < 30; n += 1) {
    await page.keyboard.press("Tab");
    const { name, outline } = await page.evaluate(() => {
      const at = document.activeElement;
      return { name: at.id || at.textContent.trim(), outline: getComputedStyle(at).outlineStyle };
    });
    seen.push(name);
    assert.equal(outline, "solid", `the focus on ${name} is seen`);
    const text = { tenant_id: made.tenant_id, api_key: made.api_key, user_id: made.user_id }[name];
    if (text) await page.keyboard.type(text);
    if (name === "user_id") {
      await page.keyboard.press("Enter");
      await connected(page);
    }
    if (name === "message") break;
  }
  for (const name of ["tenant_id", "api_key", "user_id", "remember", "Save", "Help", "message"]) {
    assert.ok(seen.includes(name), `${name} is among ${seen}`);
  }
  await sent(page, async () => {
    await page.keyboard.type("help");
    await page.keyboard.press("Enter");
  }, "Available commands:");
  assert.equal(await page.evaluate(() => document.activeElement.id), "message", "and one may go on");
  assert.deepEqual(complaints(), []);
  await end();
});

test("on a narrow screen the account is behind a button", async () => {
  const made = await busyTenant();
  const { page, complaints, end } = await visitor({ width: 390 });
  await page.goto("/ui");
  assert.equal(await page.getByLabel("Tenant ID").isVisible(), true, "nobody is connected yet");
  await connect(page, made);
  await connected(page);
  await page.keyboard.press("Escape");
  assert.equal(await page.getByLabel("Tenant ID").isVisible(), false);
  assert.equal(await page.evaluate(() => document.activeElement.id), "menu");
  await sent(page, () => quick(page, "Today's Brief").click(), "Here's your brief");
  await page.getByRole("button", { name: "Account" }).click();
  await page.locator("#conversations button").first().click();
  assert.equal(await page.locator("#messages").isVisible(), true);
  assert.deepEqual(complaints(), []);
  await end();
});

test("hostile titles, names and answers show as text and run nothing", async () => {
  const hostile = ['<img src=x onerror="window.ran=1">', "<script>window.ran=1</script>", "\"'><b>bold", "\u202Egnp.exe\u202C", "x".repeat(250)];
  const made = await tenant({ name: hostile[0] });
  for (const name of hostile) await made.kpi({ name, unit: name.slice(0, 50) }, [{ ts: "2026-01-01", value: 1 }, { ts: "2026-01-02", value: 0.5 }]);
  for (const title of hostile) await made.begin(title);
  await made.job("2026-01-02");
  const long = `<script>window.ran=1</script>${"y".repeat(3_900)}`;
  const { conversation_id } = await made.say(long);
  await made.say("brief", conversation_id);
  await made.say("kpis", conversation_id);
  await made.say('kpi:"<script>window.ran=1</script>"', conversation_id);
  await made.say(hostile[3], conversation_id);

  for (const width of WIDTHS) {
    const { page, complaints, end } = await visitor({ width });
    await connect(page, made);
    await connected(page);
    await page.locator("#conversations button").first().click();
    await page.locator(".message", { hasText: "Summary for KPI" }).waitFor();
    for (const text of [long, hostile[1], hostile[2]]) {
      await page.getByText(text, { exact: false }).first().waitFor({ state: "attached" });
    }
    assert.equal(await page.locator(".messages img, .messages script, .messages b, .side img, .side b").count(), 0);
    assert.equal(await page.evaluate(() => window.ran), undefined);
    await inspect(page, "playground-hostile", { width, scheme: "light" });
    assert.deepEqual(complaints(), []);
    await end();
  }
});

test("it looks decent at both widths, by day and by night", async () => {
  const made = await busyTenant();
  for (const width of WIDTHS) {
    for (const scheme of SCHEMES) {
      const { page, complaints, end } = await visitor({ width, scheme });
      await page.goto("/ui");
      await inspect(page, "playground-empty", { width, scheme });
      await connect(page, made);
      await connected(page);
      if (width < 600) {
        await inspect(page, "playground-account", { width, scheme });
        await page.keyboard.press("Escape");
      }
      await sent(page, () => quick(page, "Today's Brief").click(), "Here's your brief");
      await inspect(page, "playground-brief", { width, scheme });
      await sent(page, async () => {
        await page.getByLabel("Message", { exact: true }).fill("kpi:MRR");
        await page.keyboard.press("Enter");
      }, "Summary for KPI");
      await sent(page, () => quick(page, "KPIs").click(), "Found 4");
      await inspect(page, "playground-kpis", { width, scheme });
      assert.deepEqual(complaints(), []);
      await end();
    }
  }
});
