// The documentation as a page.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { SCHEMES, WIDTHS, close, inspect, url, visitor } from "./world.mjs";

after(close);

test("the page tells every operation, and leads to each from its contents", async () => {
  const { page, complaints, end } = await visitor();
  await page.goto("/docs");
  const document = await (await fetch(`${url}/openapi.json`)).json();
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  const told = operations.filter((operation) => !operation["x-alias-of"]);
  assert.equal(await page.locator("main section h3").count(), told.length);

  await page.getByText("kpis", { exact: true }).first().click();
  await page.getByRole("link", { name: "Define a KPI" }).click();
  assert.equal(new URL(page.url()).hash, "#createKpi");
  const section = page.locator("#createKpi");
  await section.getByText("/v1/kpis").waitFor();
  assert.match(await section.locator("pre").first().innerText(), /"MRR"/);
  await section.getByText("Errors").click();
  await section.getByText("quota_exceeded").first().waitFor();
  assert.deepEqual(complaints(), []);
  await end();
});

for (const width of WIDTHS) {
  for (const scheme of SCHEMES) {
    test(`the page is readable at ${width} in ${scheme}`, async () => {
      const { page, complaints, end } = await visitor({ width, scheme });
      await page.goto("/docs#invokeTool");
      // The whole is higher than a picture may be.
      await inspect(page, "docs", { width, scheme, fullPage: false });
      assert.deepEqual(complaints(), []);
      await end();
    });
  }
}
