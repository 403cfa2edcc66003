// The dev console as the operator uses it (gateway.md 14).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";

import { CONSOLE_KEY, SCHEMES, WIDTHS, busyTenant, close, inspect, signIn, tenant, url, visitor } from "./world.mjs";

after(close);

test("the link of the playground leads to a form, and the form to the console, without the key in any address", async () => {
  const { page, complaints, end } = await visitor();
  const addresses = [];
  page.on("framenavigated", (frame) => addresses.push(frame.url()));
  await page.goto("/ui");
  await page.getByRole("link", { name: "Dev Console" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await inspect(page, "console-sign-in", { width: 1280, scheme: "light" });
  await page.getByLabel("Key").fill("a wrong key, and a long one");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Not Found" }).waitFor();
  await inspect(page, "console-not-found", { width: 1280, scheme: "light" });
  await page.getByRole("link", { name: "To the console" }).click();
  await page.getByLabel("Key").fill(CONSOLE_KEY);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();

  assert.equal(page.url(), `${url}/console`);
  assert.ok(addresses.every((address) => !address.includes("key=")), addresses.join(" "));
  assert.deepEqual(complaints([404, 422]), []);
  await end();
});

test("the key in the address opens the console once and is gone from it; signing out ends the session", async () => {
  const { context, page, complaints, end } = await visitor();
  await page.goto(`/console/tenants?key=${CONSOLE_KEY}`);
  assert.equal(page.url(), `${url}/console/tenants`);
  const [cookie] = await context.cookies(`${url}/console`);
  assert.deepEqual(
    [cookie.name, cookie.path, cookie.httpOnly, cookie.sameSite],
    ["bespin_console", "/console", true, "Strict"],
  );
  assert.equal(cookie.value.includes(CONSOLE_KEY), false);
  assert.equal(await page.evaluate(() => document.cookie), "");

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.goto("/console/db/users");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.deepEqual(complaints([422]), []);
  await end();
});

test("a table is paged to its end, filtered by tenant, and downloaded", async () => {
  const made = await tenant();
  for (let number = 0; number < 7; number += 1) await made.kpi({ name: `K${number}` });
  const { page, complaints, end } = await visitor();
  await signIn(page);
  await page.getByRole("link", { name: "kpi_definitions", exact: true }).click();
  await page.getByLabel("Tenant id").fill(made.tenant_id);
  await page.getByLabel("Rows").fill("3");
  await page.getByRole("button", { name: "Show" }).click();

  const names = [];
  for (;;) {
    names.push(...(await page.locator("tbody tr td:nth-child(3)").allInnerTexts()));
    const older = page.getByRole("link", { name: "Older" });
    if ((await older.count()) === 0) break;
    await older.click();
  }
  assert.deepEqual(names, ["K6", "K5", "K4", "K3", "K2", "K1", "K0"]);
  await page.getByRole("link", { name: "Newest" }).click();
  await page.getByText("Showing 3 rows (limit: 3)").waitFor();

  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "bespin-kpi_definitions.ndjson");
  const lines = readFileSync(await download.path(), "utf8").trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((line) => line.row?.name ?? line.end), ["K6", "K5", "K4", "K3", "K2", "K1", "K0", "complete"]);
  assert.deepEqual(complaints(), []);
  await end();
});

test("what tenants write shows as text and runs nothing, on every page", async () => {
  const hostile = ['<img src=x onerror="window.ran=1">', "<script>window.ran=1</script>", "\"'><b>bold</b>", "\u202Egnp.exe\u202C"];
  const seen = [];
  for (const name of hostile) {
    const made = await tenant({ name, region: name.slice(0, 50) });
    await made.kpi({ name, unit: name.slice(0, 50), description: name.repeat(60) }, [{ ts: "2026-01-01", value: 4 }, { ts: "2026-01-02", value: 2 }]);
    await made.job("2026-01-02");
    await made.say(`${name}${"z".repeat(3_000)}`);
    await made.begin(name);
    seen.push(made);
  }
  const long = await tenant({ name: "x".repeat(255) });
  await long.kpi({ name: "k".repeat(255) }, [{ ts: "2026-01-01", value: 1e300 }, { ts: "2026-01-02", value: -1e300 }]);
  await long.job("2026-01-02");
  seen.push(long);

  for (const width of WIDTHS) {
    const { page, complaints, end } = await visitor({ width });
    await signIn(page);
    const pages = ["/console/tenants", "/console/billing"];
    pages.push(...["tenants", "kpi_definitions", "briefs", "conversations", "messages"].map((table) => `/console/db/${table}`));
    pages.push(...seen.map((made) => `/console/tenants/${made.tenant_id}`));
    for (const path of pages) {
      await page.goto(path);
      assert.equal(await page.locator("script, main img, main b").count(), 0, path);
      assert.equal(await page.evaluate(() => window.ran), undefined, path);
    }
    await inspect(page, "console-tenant-long", { width, scheme: "light" });
    await page.goto(`/console/tenants/${seen[0].tenant_id}`);
    assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), hostile[0]);
    await inspect(page, "console-tenant-hostile", { width, scheme: "light" });
    assert.deepEqual(complaints(), []);
    await end();
  }
});

test("every page looks decent at both widths, by day and by night", async () => {
  const made = await busyTenant();
  await made.say("today's brief");
  for (const width of WIDTHS) {
    for (const scheme of SCHEMES) {
      const { page, complaints, end } = await visitor({ width, scheme });
      await signIn(page);
      for (const [name, path] of [
        ["overview", "/console"],
        ["tenants", "/console/tenants"],
        ["tenant", `/console/tenants/${made.tenant_id}`],
        ["billing", "/console/billing"],
        ["plan", "/console/billing/plans/starter"],
        ["table", "/console/db/usage_events?limit=20"],
        ["messages", "/console/db/messages?limit=20"],
        ["idempotency", "/console/db/idempotency_keys?limit=20"],
        ["bad-limit", "/console/db/users?limit=0"],
      ]) {
        await page.goto(path);
        if (name === "tenant") for (const numbers of await page.getByText("Numbers").all()) await numbers.click();
        await inspect(page, `console-${name}`, { width, scheme });
      }
      assert.deepEqual(complaints([422]), []);
      await end();
    }
  }
});
