// Pages that say what went wrong, and names that would like to be markup.

import assert from "node:assert/strict";
import { ctl, order, SIMULATOR, TENANT, Visitor, WEB } from "./lib.mjs";
import { PERSON } from "./apps.mjs";

export async function errors() {
  const visitor = await Visitor.open([WEB, SIMULATOR], { permissions: ["clipboard-read", "clipboard-write"] });
  const page = await visitor.page();
  const expect = async (name, status, path) => {
    const response = await page.goto(WEB + path);
    assert.equal(response.status(), status, path);
    await visitor.inspect(page, `error-${name}`);
    await page.locator("details").evaluate((details) => { details.open = true; });
    await visitor.inspect(page, `error-${name}-details`);
  };
  await expect("not-found", 404, "/nothing/here");
  await expect("state", 400, "/sso/openid?code=x&state=y");
  const copy = page.getByRole("button", { name: "Copy" });
  await copy.click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const reference = await page.locator("#reference").textContent();
  assert.ok(copied.includes(reference.trim()), copied);
  await expect("ticket", 400, "/integrations/office365/connect?ticket=nonsense");

  await page.goto(WEB);
  await page.getByRole("link", { name: "Sign in with" }).click();
  await page.getByRole("button", { name: "Decline" }).click();
  await page.waitForURL(`${WEB}/**`);
  await visitor.inspect(page, "error-declined");

  // The provider is down between the redirect and the token.
  await page.goto(WEB);
  await page.getByRole("link", { name: "Sign in with" }).click();
  await order("faults", { fault: { kind: "status", status: 503 }, at: "token", times: 20 }).catch((error) => visitor.complaints.push(String(error)));
  await page.getByRole("button", { name: PERSON }).click();
  await page.waitForURL(`${WEB}/sso/openid**`);
  await visitor.inspect(page, "error-provider");
  await order("faults", {}, "DELETE");
  await visitor.close();
}

/** A person whose name is an attack. */
export async function hostile() {
  const name = "</title><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }} \u202eeve";
  await order("users", { upn: "eve@example.test", name, tenant: TENANT, oid: "99999999-8888-7777-6666-000000000666", mail: "eve@example.test" });
  const visitor = await Visitor.open([WEB, SIMULATOR]);
  const page = await visitor.page();
  await page.goto(WEB);
  await page.getByRole("link", { name: "Sign in with" }).click();
  await page.getByRole("button", { name: "eve@example.test" }).click();
  await page.waitForURL(`${WEB}/`);
  assert.equal(await page.locator("main script, main img:not(.art)").count(), 0);
  assert.match(await page.locator("h1").textContent(), /<script>alert\(1\)<\/script>/);
  await visitor.inspect(page, "main-hostile");
  await page.goto(ctl("admin-link").url);
  await page.getByRole("button").first().click();
  await visitor.close();
}
