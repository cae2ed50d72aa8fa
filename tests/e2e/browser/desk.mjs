// An administrator's day: every form filled in as people fill it in, with its mistakes, its questions and its results; with script and without.

import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ctl, eventually, FOLDER, order, SIMULATOR, TENANT, Visitor, WEB } from "./lib.mjs";
import { PERSON } from "./apps.mjs";

const CLIENT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const SECRET = "Sim~Secret.Value_One-8Q~aaaaaaaaaaaaaaaaaaaa";
const SAMPLE = new URL("../../../packaging/samples/templates", import.meta.url);
const MAILBOX = "support@example.test";

export async function desk() {
  await unconfigured();
  writeFileSync(join(FOLDER, "OneDesk"), `AZUREAD_CID=${CLIENT}\nAZUREAD_CIS=${SECRET}\n`, { mode: 0o600 });
  await eventually("the credentials", () => ctl("status").credentials.verified === "yes");
  for (const javaScriptEnabled of [true, false]) {
    const visitor = await Visitor.open([WEB, SIMULATOR], { javaScriptEnabled });
    const page = await entered(visitor);
    for (const part of [record, people, conflict, mailbox, directory, explained, bundle]) {
      await part(visitor, page, javaScriptEnabled ? "" : "-plain");
    }
    await visitor.close();
  }
  await branded();
}

/** The sample of the packages, copied as it is: a name, a logo, colours, and a page of one's own. */
async function branded() {
  const templates = join(FOLDER, "templates");
  cpSync(SAMPLE, templates, { recursive: true });
  const visitor = await Visitor.open([WEB, SIMULATOR]);
  const page = await entered(visitor);
  await eventually("the name", async () => (await page.reload(), await page.getByText("Example Helpdesk").count()) > 0);
  await visitor.inspect(page, "desk-branded-home");
  await page.goto(`${WEB}/portal`);
  await page.getByText("We answer within one working day").waitFor();
  await visitor.inspect(page, "desk-branded-portal");
  assert.deepEqual(ctl("status").warnings.filter(({ code }) => /^(page|branding)/.test(code)), []);
  rmSync(templates, { recursive: true });
  await eventually("the usual name", async () => (await page.reload(), await page.getByText("Example Helpdesk").count()) === 0);
  await visitor.close();
}

/** By a new link. */
async function entered(visitor) {
  const page = await visitor.page();
  await page.goto(ctl("admin-link").url);
  await page.getByRole("button", { name: "Enter" }).click();
  await page.waitForURL(/\/admin\/?$/);
  return page;
}

/** Through the navigation, as people go. */
const go = (page, name) => page.getByRole("navigation", { name: "Administration" }).getByRole("link", { name, exact: true }).click();
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const told = (page, text) => page.getByRole("status").filter({ hasText: text }).waitFor();

async function fill(page, values) {
  for (const [name, value] of Object.entries(values)) await page.locator(`#f-${name}`).fill(value);
}

/** The words beside a field that was refused, which the field points at. */
async function beside(page, name, words) {
  const field = page.locator(`#f-${name}`);
  assert.equal(await field.getAttribute("aria-invalid"), "true", name);
  assert.match(await field.getAttribute("aria-describedby"), new RegExp(`f-${name}-wrong`));
  assert.match(await page.locator(`#f-${name}-wrong`).textContent(), words);
}

async function unconfigured() {
  const visitor = await Visitor.open([WEB, SIMULATOR]);
  const page = await entered(visitor);
  await page.getByText("AZUREAD_CID").first().waitFor();
  await visitor.inspect(page, "desk-unconfigured");
  await go(page, "Mailboxes");
  await visitor.inspect(page, "desk-mailboxes-unconfigured");
  await visitor.close();
}

/** Integrations > Single Sign On, from an empty form to a record that is gone again. */
async function record(visitor, page, suffix) {
  await go(page, "Single Sign On");
  await page.getByRole("link", { name: "Add Open ID Client record" }).click();
  await fill(page, {
    name: "Contoso Entra", authorization_uri: `${SIMULATOR}/${TENANT}/oauth2/v2.0/authorize`,
    token_url: `${SIMULATOR}/${TENANT}/oauth2/v2.0/token`, client_id: "contoso-helpdesk", client_secret: SECRET,
  });
  await page.getByLabel("Users: agents and admins").check();
  await press(page, "Add the record");
  await beside(page, "client_id", /not an Application \(client\) ID/i);
  assert.equal(await page.locator("#f-name").inputValue(), "Contoso Entra");
  assert.equal(await page.locator("#f-client_secret").inputValue(), "", "a secret came back");
  await visitor.inspect(page, `desk-record-refused${suffix}`);

  await fill(page, { client_id: CLIENT, client_secret: SECRET, allowed_tenants: TENANT, secret_expires_at: "2031-02-03" });
  await press(page, "Add the record");
  await told(page, "The client record was added");
  const address = page.url().split("?")[0];
  await visitor.inspect(page, `desk-record${suffix}`);

  await press(page, "Enable");
  await page.getByRole("heading", { name: "It was not enabled" }).waitFor();
  await visitor.inspect(page, `desk-record-never-tried${suffix}`);
  await page.getByRole("link", { name: "Test sign-in" }).click();
  await page.getByRole("button", { name: PERSON }).click();
  await page.getByRole("heading", { name: "Contoso Entra works" }).waitFor();
  const claims = await page.locator("table th[scope=row]").allTextContents();
  for (const claim of ["iss", "sub", "aud", "exp", "iat", "nonce", "tid", "oid", "name", "preferred_username"]) assert.ok(claims.includes(claim), `${claim} in ${claims}`);
  await visitor.inspect(page, `desk-record-tried${suffix}`);
  await page.getByRole("link", { name: "Back to the record" }).click();
  await press(page, "Enable");
  await told(page, "The client record is enabled");

  await page.getByRole("link", { name: "Edit", exact: true }).click();
  ctl("sso", "set", address.split("/").pop(), "--name", "Contoso, renamed elsewhere", "--scope", "openid", "--scope", "email");
  await fill(page, { name: "Contoso staff" });
  await press(page, "Save");
  await page.getByRole("heading", { name: "Somebody changed this record" }).waitFor();
  assert.equal(await page.locator("#f-name").inputValue(), "Contoso staff");
  assert.equal(await page.locator("#f-scopes").inputValue(), "openid email");
  await visitor.inspect(page, `desk-record-changed-meanwhile${suffix}`);
  await page.getByRole("button", { name: "Save this all the same" }).first().click();
  await told(page, "The client record was changed");
  await page.getByRole("heading", { name: "Contoso staff" }).waitFor();

  await page.getByRole("link", { name: "Remove…" }).click();
  await visitor.inspect(page, `desk-record-remove${suffix}`);
  await page.getByRole("link", { name: "Keep it" }).click();
  await page.getByRole("link", { name: "Remove…" }).click();
  await press(page, "Remove the record");
  await told(page, "The client record was removed");
  await switches(visitor, page, suffix);
}

/** Off and on again, where it does nobody harm. */
async function switches(visitor, page, suffix) {
  const customers = page.getByRole("region", { name: "Enable SSO for customers" });
  await customers.getByRole("button", { name: "Turn on" }).click();
  await told(page, "Single sign-on is on for customers");
  await visitor.inspect(page, `desk-switched-on${suffix}`);
  await customers.getByRole("button", { name: "Turn off" }).click();
  await told(page, "Single sign-on is off for customers");
}

async function people(visitor, page, suffix) {
  await go(page, "People");
  await page.getByRole("link", { name: "Add a person" }).click();
  await page.getByLabel("Customer: asks for help").check();
  await fill(page, { email: "carla.example.test", name: "Carla Customer" });
  await press(page, "Add the person");
  await beside(page, "email", /./);
  await visitor.inspect(page, `desk-person-refused${suffix}`);
  await fill(page, { email: "carla@example.test" });
  await press(page, "Add the person");
  await told(page, "The person was added");
  await page.getByRole("link", { name: "Add a person" }).click();
  await page.getByLabel("User: an agent or an admin").check();
  await fill(page, { email: "Carla@Example.test" });
  await press(page, "Add the person");
  await beside(page, "email", /there is a person with the e-mail address/i);
  await visitor.inspect(page, `desk-person-taken${suffix}`);
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByRole("searchbox").fill("carla@");
  if (visitor.hasScript) {
    await eventually("the list follows what is typed", async () => (await page.locator("#results tbody tr").count()) === 1);
  } else {
    await press(page, "Search");
  }
  await visitor.inspect(page, `desk-people-found${suffix}`);
  await page.getByRole("link", { name: "Remove carla@example.test" }).click();
  await visitor.inspect(page, `desk-person-remove${suffix}`);
  await page.getByRole("main").getByRole("button").click();
  await told(page, "The person was removed");
}

/** An account with Ann's address, of somebody else or not: linked with script, denied without. */
async function conflict(visitor, page, suffix) {
  const approve = visitor.hasScript;
  const upn = `ann${suffix || "-second"}@example.test`;
  await order("users", { upn, name: "Ann Example (second account)", tenant: TENANT, oid: `99999999-8888-7777-6666-00000000077${approve ? 1 : 2}`, mail: PERSON });
  await arrive(visitor, PERSON, `${WEB}/`);
  await arrive(visitor, upn, `${WEB}/sso/openid**`, `desk-conflict-for-them${suffix}`);

  await go(page, "Home");
  await page.getByText("waits for your decision").first().waitFor();
  await visitor.inspect(page, `desk-home-conflict${suffix}`);
  await go(page, "People");
  await page.getByRole("main").getByRole("link", { name: "Conflict desk" }).click();
  await visitor.inspect(page, `desk-conflict${suffix}`);
  if (approve) {
    await page.getByLabel("I am sure that both are the same person").check();
    await press(page, "Link the account");
    await told(page, "The account was linked");
  } else {
    await press(page, `Deny the request about ${PERSON}`);
    await told(page, "The request was denied");
  }
}

/** Somebody signs in to the Main App in a browser of their own, and ends at `address`. */
async function arrive({ hasScript }, upn, address, picture) {
  const visitor = await Visitor.open([WEB, SIMULATOR], { javaScriptEnabled: hasScript });
  const page = await visitor.page();
  await page.goto(WEB);
  await page.getByRole("link", { name: "Sign in with" }).click();
  await page.getByRole("button", { name: upn }).click();
  await page.waitForURL(address);
  if (picture) await visitor.inspect(page, picture);
  await visitor.close();
}

async function mailbox(visitor, page, suffix) {
  await go(page, "Mailboxes");
  await page.getByRole("link", { name: "Connect a mailbox" }).first().click();
  await page.locator("input[name=shared]").check();
  await press(page, "Make the link");
  await page.getByRole("alert").waitFor();
  await visitor.inspect(page, `desk-mailbox-refused${suffix}`);
  await page.locator("input[name=shared]").uncheck();
  await fill(page, { address: MAILBOX });
  await press(page, "Make the link");
  await page.getByRole("heading", { name: "The link is ready" }).waitFor();
  await visitor.inspect(page, `desk-mailbox-link${suffix}`);
  await page.getByRole("link", { name: "Open it here" }).click();
  await page.getByRole("button", { name: MAILBOX }).click();
  await page.locator("h1 .mark.good").waitFor();
  await visitor.inspect(page, `desk-mailbox-connected${suffix}`);

  await page.goto(`${WEB}/admin/mailboxes`);
  await visitor.inspect(page, `desk-mailboxes${suffix}`);
  await page.getByRole("link", { name: MAILBOX, exact: true }).click();
  await page.getByText("Healthy").first().waitFor();
  await visitor.inspect(page, `desk-mailbox${suffix}`);
  if (visitor.hasScript) return;
  await page.getByRole("link", { name: "Remove…" }).click();
  await visitor.inspect(page, `desk-mailbox-remove${suffix}`);
  await page.getByRole("main").getByRole("button").click();
  await told(page, "The mailbox was removed");
}

async function directory(visitor, page, suffix) {
  await go(page, "Directory");
  await page.getByRole("main").getByRole("button", { name: /connect/i }).first().click();
  await page.getByRole("link", { name: "Open it here" }).click();
  await page.getByRole("button", { name: "admin@example.test" }).click();
  await page.locator("h1 .mark.good").waitFor();
  await visitor.inspect(page, `desk-directory-connected${suffix}`);
  await page.goto(`${WEB}/admin/directory`);
  await page.getByText("Healthy").first().waitFor();
  await visitor.inspect(page, `desk-directory${suffix}`);
  if (visitor.hasScript) return;
  await page.getByRole("link", { name: "Disconnect…" }).click();
  await visitor.inspect(page, `desk-directory-remove${suffix}`);
  await page.getByRole("main").getByRole("button").click();
  await told(page, "The directory was disconnected");
}

async function explained(visitor, page, suffix) {
  await go(page, "Explain an error");
  await page.getByLabel("The error").fill("AADSTS7000222: The provided client secret keys for app 'x' are expired. Trace ID: 1f0c");
  await press(page, "Explain");
  await page.getByRole("heading", { name: "AADSTS7000222" }).waitFor();
  await visitor.inspect(page, `desk-explained${suffix}`);
}

async function bundle(visitor, page, suffix) {
  await go(page, "Support");
  await page.getByLabel("Replace addresses, hosts and tenants by pseudonyms").check();
  const coming = page.waitForEvent("download");
  await press(page, "Download the bundle");
  const download = await coming;
  const bytes = readFileSync(await download.path());
  assert.match(download.suggestedFilename(), /\.tar\.gz$/);
  assert.deepEqual([...bytes.subarray(0, 2)], [0x1f, 0x8b], "it is no gzip file");
  await go(page, "Audit");
  await visitor.inspect(page, `desk-audit${suffix}`);
}
