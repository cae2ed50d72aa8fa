// The Widget as customers have it: everything by https, the site on another domain, third-party cookies restricted, and a OneDesk that
// serves TLS itself.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { createServer as createSocket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ctlIn, eventually, SIMULATOR, TENANT, Visitor } from "./lib.mjs";
import { record, PERSON } from "./apps.mjs";
import { page as shop } from "./sites.mjs";
import { BLOCKED, chromiumWith, FIREFOX } from "./browsers.mjs";
import { opened } from "./widget.mjs";

const PAGES = new URL("../../../packaging/pages", import.meta.url).pathname;
/** Browsers take each name below `localhost` for a site of its own, at this machine. */
const [DESK, SHOP, OTHER] = ["desk.localhost", "shop.localhost", "other.localhost"];

/** A certificate for all names that nobody trusts but the browser that is told its key. */
function certificate(folder) {
  const [key, file] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=OneDesk test",
    "-addext", `subjectAltName=${[DESK, SHOP, OTHER].map((name) => `DNS:${name}`).join(",")}`, "-keyout", key, "-out", file], { stdio: "pipe" });
  const spki = new X509Certificate(readFileSync(file)).publicKey.export({ type: "spki", format: "der" });
  return { key, file, trust: `--ignore-certificate-errors-spki-list=${createHash("sha256").update(spki).digest("base64")}` };
}

const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

async function freePort() {
  const socket = createSocket();
  const port = await listening(socket);
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

/** A OneDesk that serves TLS itself, with a client record at the simulator. */
async function desk(folder, { key, file }, origins) {
  const port = await freePort();
  const at = (name) => JSON.stringify(join(folder, name));
  writeFileSync(join(folder, "onedeskd.toml"), `public_url = "https://${DESK}:${port}"
[listen]
http = "127.0.0.1:${port}"
metrics = ""
tls_certificate = ${JSON.stringify(file)}
tls_key = ${JSON.stringify(key)}
[credentials]
file = ${at("OneDesk")}
[database]
url = ${JSON.stringify(`sqlite://${join(folder, "onedesk.db")}`)}
master_key_file = ${at("master.key")}
[microsoft]
authority = "${SIMULATOR}"
graph = "${SIMULATOR}"
tenant = "${TENANT}"
[pages]
webapps = "${PAGES}/webapps"
customerapps = "${PAGES}/customerapps"
overrides = ${at("templates")}
[apps]
widget_origins = ${JSON.stringify(origins)}
[local_api]
socket = ${at("api.sock")}
`);
  const log = openSync(join(folder, "onedeskd.log"), "a");
  const daemon = spawn(join(dirname(process.env.ONEDESK_CTL), "onedeskd"), ["--config", join(folder, "onedeskd.toml")], { stdio: ["ignore", log, log] });
  await eventually("the second OneDesk serves", () => existsSync(join(folder, "api.sock")))
    .catch((error) => { throw new Error(readFileSync(join(folder, "onedeskd.log"), "utf8"), { cause: error }); });
  ctlIn(folder, "sso", "enable", "users");
  record("Example Directory", "users", folder);
  return { web: `https://${DESK}:${port}`, daemon };
}

export async function secure() {
  const folder = mkdtempSync(join(tmpdir(), "onedesk-secure-"));
  const made = certificate(folder);
  let web;
  const sites = createServer({ key: readFileSync(made.key), cert: readFileSync(made.file) }, (request, response) => shop(web, request, response));
  const port = await listening(sites);
  const origins = [SHOP, OTHER].map((name) => `https://${name}:${port}`);
  const started = await desk(folder, made, origins);
  web = started.web;
  try {
    await journey(chromiumWith(BLOCKED, made.trust), {}, web, origins);
    // Firefox cannot be told a single key.
    await journey(FIREFOX, { ignoreHTTPSErrors: true }, web, origins);
  } finally {
    started.daemon.kill();
    await new Promise((resolve) => started.daemon.once("exit", resolve));
    sites.closeAllConnections();
    sites.close();
    rmSync(folder, { recursive: true });
  }
}

async function journey(kind, options, web, [site, other]) {
  const visitor = await Visitor.open([web, SIMULATOR, site, other], options, kind);
  const page = await visitor.page();
  await page.goto(site);
  const frame = await opened(page, web);
  // The browser does restrict: a cookie as trackers set it is not kept, or in Firefox for this site alone.
  const tracked = await frame.evaluate(() => { document.cookie = "tracker=1; SameSite=None; Secure"; return document.cookie; });
  assert.equal(tracked, kind === FIREFOX ? "tracker=1" : "");
  const popping = visitor.context.waitForEvent("page");
  await frame.getByRole("link", { name: "Sign in with" }).first().click();
  await (await popping).getByRole("button", { name: PERSON }).click();
  await frame.getByText("Hello, Ann Example").waitFor();
  await visitor.inspect(page, "widget-secure-signed-in");
  await page.reload();
  await (await opened(page, web)).getByText("Hello, Ann Example").waitFor();
  const jar = (await visitor.context.cookies()).filter(({ name }) => name.includes("onedesk-widget"));
  assert.ok(jar.length === 1 && jar[0].name.startsWith("__Host-") && jar[0].secure && jar[0].httpOnly, JSON.stringify(jar));
  if (kind.tellsPartition) assert.ok(jar[0].partitionKey.includes(SHOP), JSON.stringify(jar));
  // Another site that may show the Widget does not learn that she is signed in.
  await page.goto(other);
  const elsewhere = await opened(page, web);
  await elsewhere.getByRole("link", { name: "Sign in with" }).first().waitFor();
  assert.equal(await elsewhere.evaluate(() => document.cookie), "");
  await visitor.close();
}
