// The Widget on a customer's site, with third-party cookies restricted: button, frame, popup, and a session that lasts there and only there.

import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { BLOCKED, chromiumWith, FIREFOX } from "./browsers.mjs";
import { sites } from "./sites.mjs";
import { eventually, FOLDER, SIMULATOR, Visitor, WEB } from "./lib.mjs";
import { PERSON } from "./apps.mjs";

/** The Widget's frame in a page, as soon as it shows something. */
export async function opened(page, web = WEB) {
  await page.locator("onedesk-widget").waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Ask us" }).click();
  return eventually("the frame", () => page.frames().find((frame) => frame.url().startsWith(`${web}/widget`)));
}

export async function widget() {
  const site = await sites.start(WEB);
  const stranger = await sites.start(WEB);
  appendFileSync(join(FOLDER, "onedeskd.toml"), `\n[apps]\nwidget_origins = ["${site}"]\n`);
  await eventually("the setting", async () => (await fetch(`${WEB}/widget`)).headers.get("content-security-policy").includes(site));
  for (const kind of [chromiumWith(BLOCKED), FIREFOX]) {
    await journey(kind, site, stranger);
    // A site that is not in the list gets no frame, and no message.
    await refused(kind, stranger);
  }
}

async function journey(kind, site, stranger) {
  const visitor = await Visitor.open([WEB, SIMULATOR, site, stranger], {}, kind);
  const heard = [];
  const page = await visitor.page();
  await page.exposeFunction("heard", (message) => heard.push(message));
  // In the customer's page alone, not in the frame.
  await page.addInitScript(() => window === window.top && window.addEventListener("message", (event) => window.heard(JSON.stringify([event.origin, event.data]))));
  await page.goto(site);
  const frame = await opened(page);
  await frame.getByRole("heading", { name: "How can we help?" }).waitFor();
  await visitor.inspect(page, "widget-open");

  const popping = visitor.context.waitForEvent("page");
  await frame.getByRole("link", { name: "Sign in with" }).first().click();
  const popup = await popping;
  await popup.getByRole("button", { name: PERSON }).click();
  await frame.getByText("Hello, Ann Example").waitFor();
  await eventually("the popup closes", () => popup.isClosed());
  await visitor.inspect(page, "widget-signed-in");

  // It lasts over a visit of another page, with third-party cookies restricted.
  await page.reload();
  const again = await opened(page);
  await again.getByText("Hello, Ann Example").waitFor();
  const jar = (await visitor.context.cookies()).filter(({ name }) => name.includes("onedesk-widget"));
  assert.ok(jar.length === 1 && (jar[0].partitionKey || !kind.tellsPartition), JSON.stringify(jar));

  // The customer's page hears that the frame is there, and nothing else.
  assert.ok(heard.length > 0 && heard.every((message) => message === JSON.stringify([WEB, { type: "onedesk:ready" }])), heard.join("\n"));
  await again.getByRole("button", { name: "Sign out" }).click();
  await again.getByRole("link", { name: "Sign in with" }).first().waitFor();
  await again.getByRole("button", { name: "Close" }).click();
  await page.locator("iframe").waitFor({ state: "hidden" });
  await visitor.close();
}

async function refused(kind, site) {
  const visitor = await Visitor.open([WEB, SIMULATOR, site], {}, kind);
  // The browser says that it refuses the frame: as it should.
  visitor.expected = /frame-ancestors|Framing/;
  const page = await visitor.page();
  await page.goto(site);
  await page.locator("onedesk-widget").waitFor({ state: "attached" });
  const instead = visitor.context.waitForEvent("page");
  await page.getByRole("button", { name: "Ask us" }).click();
  await (await instead).waitForURL(`${WEB}/widget`);
  assert.ok(page.frames().every((frame) => !frame.url().startsWith(WEB)), page.frames().map((frame) => frame.url()).join());
  await visitor.close();
}
