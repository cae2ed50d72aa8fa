// What the journey needs: the daemon's stage, a browser, and what holds for every page.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { HtmlValidate } from "html-validate";
import { CHROMIUM, FIREFOX } from "./browsers.mjs";

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
/** WCAG 2.2 AA, and what axe knows to be good practice. */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };
/** What the driver tries to put into a page before it takes its picture; Firefox tells that our policy keeps it out. */
const DRIVERS_STYLE = createHash("sha256").update("body {}").digest("base64");

const env = (name) => process.env[name] ?? assert.fail(`${name} is not set: run this by cargo xtask test --only browser`);
export const WEB = env("ONEDESK_WEB");
export const SIMULATOR = env("ONEDESK_SIMULATOR");
export const FOLDER = env("ONEDESK_FOLDER");
/** The simulated company. */
export const TENANT = "11111111-2222-3333-4444-555555555555";
const SHOTS = env("ONEDESK_SCREENSHOTS");
mkdirSync(SHOTS, { recursive: true });

/** Whatever did not hold, of all visitors: a step that breaks off hides none. */
export const complaints = [];

/** What onedeskctl says, as JSON. */
export const ctl = (...args) => ctlIn(FOLDER, ...args);

/** The same of the daemon whose socket is in that folder. */
export function ctlIn(folder, ...args) {
  const said = execFileSync(env("ONEDESK_CTL"), ["--json", "--socket", join(folder, "api.sock"), ...args], { encoding: "utf8", input: "Sim~Secret.Value_One-8Q~aaaaaaaaaaaaaaaaaaaa\n" });
  return said.trim() ? JSON.parse(said) : null;
}

/** Tells the simulator what to do. */
export async function order(what, body, method = "POST") {
  const answer = await fetch(`${SIMULATOR}/_sim/${what}`, { method, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.text());
}

/** Waits until `holds` gives something, with a bound. */
export async function eventually(what, holds) {
  const until = Date.now() + 15_000;
  for (;;) {
    const found = await holds();
    if (found) return found;
    assert.ok(Date.now() < until, `not within 15 s: ${what}`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

const html = new HtmlValidate({
  extends: ["html-validate:standard", "html-validate:a11y"],
  rules: {
    // A matter of taste: ours is HTML as the living standard writes it.
    "doctype-style": ["error", { style: "lowercase" }],
    // A section may have a name.
    "aria-label-misuse": ["error", { allowAnyNamable: true }],
    "void-style": "off",
    "no-trailing-whitespace": "off",
    "no-inline-style": "error",
    "require-sri": "off",
    "long-title": "off",
    "tel-non-breaking": "off",
    "no-raw-characters": "off",
  },
});

/** A browser of that kind whose every request is watched: none may leave this machine's `allowed` origins. */
export class Visitor {
  static async open(allowed, options = {}, kind = CHROMIUM) {
    const browser = await kind.launch();
    const context = await browser.newContext({ viewport: DESKTOP, ...options });
    context.setDefaultTimeout(15_000);
    return new Visitor(kind, browser, context, allowed, options.javaScriptEnabled !== false);
  }

  constructor(kind, browser, context, allowed, hasScript) {
    Object.assign(this, { kind, browser, context, allowed, hasScript, complaints, seen: new Set(), sent: new WeakMap() });
    context.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (["http:", "https:"].includes(protocol) && !allowed.includes(origin)) this.complaints.push(`a request left the host: ${request.url()}`);
    });
    context.on("page", (page) => this.#listen(page));
    context.on("dialog", (dialog) => { this.complaints.push(`a dialog opened: ${dialog.message()}`); dialog.dismiss(); });
  }

  #listen(page) {
    // What the server sent, before the browser made a document of it; also where it answered a form.
    page.on("response", (response) => {
      if (response.request().isNavigationRequest() && response.frame() === page.mainFrame()) this.sent.set(page, response);
    });
    page.on("pageerror", ({ message }) => {
      if (!message.includes(DRIVERS_STYLE) && !this.expected?.test(message)) this.complaints.push(`script failed on ${page.url()}: ${message}`);
    });
    page.on("console", (message) => {
      if (/Content Security Policy|Refused to/.test(message.text()) && !this.expected?.test(message.text())) this.complaints.push(`${page.url()}: ${message.text()}`);
    });
  }

  async page() {
    return this.context.newPage();
  }

  /** Whatever must hold for each page: valid, accessible in both themes and widths, looked at. */
  async inspect(page, what) {
    const name = this.kind === FIREFOX ? `${what}-firefox` : what;
    this.seen.add(name);
    const wide = page.viewportSize();
    if (!this.hasScript) {
      await page.screenshot({ path: join(SHOTS, `${name}-without-script.png`), fullPage: true });
      return;
    }
    const report = await html.validateString(await this.sent.get(page).text());
    const faults = report.results.flatMap((result) => result.messages).map((fault) => `  ${fault.line}:${fault.column} ${fault.ruleId}: ${fault.message}`);
    if (faults.length) this.complaints.push(`${name}: invalid HTML\n${faults.join("\n")}`);
    for (const [shape, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
      await page.setViewportSize(viewport);
      for (const colorScheme of this.kind.themes) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await page.screenshot({ path: join(SHOTS, `${name}-${shape}-${colorScheme}.png`), fullPage: true });
        await this.#axe(page, `${name} (${shape}, ${colorScheme})`);
      }
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (overflow > 0) this.complaints.push(`${name}: ${overflow} pixels wider than a ${shape}`);
    }
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize(wide);
  }

  async #axe(page, name) {
    // Each frame by itself: of another site's, the page around it learns nothing.
    const violations = [];
    for (const frame of page.frames()) {
      await frame.evaluate(AXE);
      violations.push(...(await frame.evaluate((rules) => window.axe.run(document, { runOnly: rules, iframes: false }), RULES)).violations);
    }
    for (const { id, help, nodes } of violations) {
      this.complaints.push(`${name}: axe ${id}: ${help}\n${nodes.map((node) => `  ${node.html}\n  ${node.any.map((why) => why.message).join("; ")}`).join("\n")}`);
    }
  }

  async close() {
    await this.browser.close();
  }
}
