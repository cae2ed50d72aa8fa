// The apps' entry pages: closed, open, signed in, signed out; by people with script and without.

import assert from "node:assert/strict";
import { FIREFOX } from "./browsers.mjs";
import { ctl, ctlIn, FOLDER, SIMULATOR, TENANT, Visitor, WEB } from "./lib.mjs";

export const PERSON = "ann@example.test";
export const APPS = { main: "/", portal: "/portal", kb: "/kb", widget: "/widget" };

/** A client record at the simulator, enabled. */
export function record(name, audience, folder = FOLDER) {
  const made = ctlIn(folder, "sso", "add", "--name", name, "--audience", audience, "--client-id", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "--client-secret-file", "-", "--authorization-uri", `${SIMULATOR}/${TENANT}/oauth2/v2.0/authorize`,
    "--token-url", `${SIMULATOR}/${TENANT}/oauth2/v2.0/token`, "--allowed-tenant", TENANT);
  ctlIn(folder, "sso", "set", made.id, "--enabled", "true", "--confirm");
  return made.id;
}

/** Before anything is switched on: each page says so, and to administrators why. */
export async function closed() {
  const visitor = await Visitor.open([WEB, SIMULATOR]);
  const page = await visitor.page();
  for (const [app, path] of Object.entries(APPS)) {
    await page.goto(WEB + path);
    await page.getByText("Nobody can sign in here at the moment").waitFor();
    if (app === "main") await visitor.inspect(page, "closed");
  }
  ctl("sso", "enable", "users");
  record("Example Directory", "users");
  await visitor.close();
}

async function walk(visitor, suffix) {
  const page = await visitor.page();
  for (const [app, path] of Object.entries(APPS)) {
    await page.goto(WEB + path);
    if (app !== "main") {
      await page.getByText("Hello, Ann Example").waitFor();
    } else {
      await visitor.inspect(page, `main-signed-out${suffix}`);
      await page.getByRole("link", { name: "Sign in with Example Directory" }).click();
      await page.getByRole("button", { name: PERSON }).click();
      await page.waitForURL(`${WEB}/`);
    }
    await visitor.inspect(page, `${app}-signed-in${suffix}`);
  }
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/signed-out/);
  await visitor.inspect(page, `signed-out${suffix}`);
  await page.goto(`${WEB}/portal`);
  await page.getByRole("link", { name: "Sign in with" }).waitFor();
  await visitor.inspect(page, `portal-signed-out${suffix}`);
  for (const path of ["/kb", "/widget"]) {
    await page.goto(WEB + path);
    await visitor.inspect(page, `${path.slice(1)}-signed-out${suffix}`);
  }
  await visitor.close();
}

export async function apps() {
  await byKeyboard();
  await firstPageSize();
  await walk(await Visitor.open([WEB, SIMULATOR]), "");
  await walk(await Visitor.open([WEB, SIMULATOR], { javaScriptEnabled: false }), "");
  await walk(await Visitor.open([WEB, SIMULATOR], {}, FIREFOX), "");
}

/** Nothing but the keyboard: past the head, to the way in, with a focus that shows. */
async function byKeyboard() {
  const visitor = await Visitor.open([WEB, SIMULATOR]);
  const page = await visitor.page();
  await page.goto(WEB);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Sign in with/);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  if (outline === "none") visitor.complaints.push("the focus is not seen");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: PERSON }).waitFor();
  await visitor.close();
}

/** The first page with all that it loads is 60 KiB at most. */
async function firstPageSize() {
  const visitor = await Visitor.open([WEB]);
  const page = await visitor.page();
  const parts = [];
  page.on("response", (response) => parts.push(response.body()));
  await page.goto(WEB, { waitUntil: "networkidle" });
  const bytes = (await Promise.all(parts)).reduce((sum, part) => sum + part.length, 0);
  assert.ok(parts.length >= 3, "page, style, script");
  console.log(`         the first page has ${(bytes / 1024).toFixed(1)} KiB with all that it loads`);
  if (bytes > 60 * 1024) visitor.complaints.push(`the first page has ${bytes} bytes`);
  await visitor.close();
}

/** Several client records: people choose. */
export async function choices() {
  const second = record("<img src=x onerror=alert(1)> & \"Partners\"", "users");
  const visitor = await Visitor.open([WEB, SIMULATOR]);
  const page = await visitor.page();
  await page.goto(WEB);
  assert.equal(await page.locator(".ways li").count(), 2);
  assert.equal(await page.locator("main img").count(), 1);
  await visitor.inspect(page, "main-choice");
  await page.goto(`${WEB}/sso/sign-in?app=portal`);
  await visitor.inspect(page, "choose");
  ctl("--yes", "sso", "remove", second);
  await visitor.close();
}
