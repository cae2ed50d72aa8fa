// The administration: in by the one-time link, then every page that can be reached, and every form with nonsense in it.

import assert from "node:assert/strict";
import { ctl, SIMULATOR, Visitor, WEB } from "./lib.mjs";

/** More pages than there are kinds of. */
const MOST_PAGES = 30;
const NONSENSE = ["", "\u0000", "<script>alert(1)</script>", "'\"--; DROP TABLE people", "../../etc/passwd", "{{ 7 * 7 }}", "x".repeat(20_000), "😀\u202e"];

/** An address's kind: numbers and ids are one. */
const kind = (url) => url.pathname.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|%40.*|[^/]+@[^/]+/g, "ID");

export async function administration() {
  const visitor = await Visitor.open([WEB, SIMULATOR]);
  const page = await visitor.page();
  await page.goto(ctl("admin-link").url);
  await visitor.inspect(page, "admin-enter");
  await page.getByRole("button").first().click();
  await page.waitForURL(/\/admin\/?$/);

  const ahead = [page.url()];
  const seen = [];
  const kinds = new Set([kind(new URL(page.url()))]);
  for (let visited = 0; ahead.length && visited < MOST_PAGES; visited++) {
    const response = await page.goto(ahead.shift());
    const here = new URL(page.url());
    if (here.origin !== WEB) continue;
    if (response.status() !== 200) visitor.complaints.push(`${here.pathname}: ${response.status()}`);
    await visitor.inspect(page, `admin${kind(here).replace(/^\/admin/, "").replaceAll("/", "-")}`);
    seen.push(here.href);
    const links = await page.locator("a[href]").evaluateAll((all) => all.map((link) => link.href));
    for (const link of links.map((link) => new URL(link))) {
      const isNew = link.origin === WEB && link.pathname.startsWith("/admin") && !/\.(tar|gz|zst|zip|json|csv)$|bundle|download/.test(link.pathname) && !kinds.has(kind(link));
      if (isNew) {
        kinds.add(kind(link));
        ahead.push(link.href);
      }
    }
  }
  assert.ok(seen.length >= 10, seen.join("\n"));
  // At the end: what is left of it matters to nobody.
  for (const url of seen) {
    await page.goto(url);
    await nonsense(visitor, page);
  }
  await page.goto(`${WEB}/admin`);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL((url) => url.origin === WEB && url.pathname !== "/admin");
  await visitor.close();
}

/** Posts nonsense to every form of a page: nothing may break, and nothing comes back as markup. */
export async function nonsense(visitor, page) {
  const forms = await page.locator("form").evaluateAll((all) => all.map((form) => ({
    action: form.action, method: form.method, token: form.querySelector("input[name=token]")?.value,
    fields: [...form.elements].map((field) => field.name).filter((name) => name && name !== "token"),
  })));
  for (const form of forms.filter(({ action }) => new URL(action).origin === WEB && !/logout|sign-out|leave/.test(action))) {
    for (const value of NONSENSE) {
      const fields = { ...Object.fromEntries(form.fields.map((name) => [name, value])), ...(form.token ? { token: form.token } : {}) };
      const request = form.method === "get"
        ? visitor.context.request.get(form.action, { params: fields, failOnStatusCode: false, maxRedirects: 0 })
        : visitor.context.request.post(form.action, { form: fields, headers: { origin: WEB }, failOnStatusCode: false, maxRedirects: 0 });
      const answer = await request.catch((error) => ({ status: () => 0, text: async () => String(error) }));
      const text = await answer.text();
      const what = `${form.method} ${new URL(form.action).pathname} with ${JSON.stringify(value.slice(0, 40))}`;
      if ([0, 500].includes(answer.status()) ) visitor.complaints.push(`${what}: ${answer.status()} ${text.slice(0, 200)}`);
      if (text.includes("<script>alert(1)")) visitor.complaints.push(`${what}: comes back as markup`);
    }
  }
}
