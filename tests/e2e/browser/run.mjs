// The whole journey in a real browser: from the administrator's link to people who are signed in to each app, and out again.

import assert from "node:assert/strict";
import { sites } from "./sites.mjs";
import { complaints, WEB } from "./lib.mjs";
import { administration } from "./administration.mjs";
import { apps, choices, closed } from "./apps.mjs";
import { desk } from "./desk.mjs";
import { errors, hostile } from "./errors.mjs";
import { secure } from "./secure.mjs";
import { widget } from "./widget.mjs";

// For whoever works on one step: ONEDESK_STEP=desk cargo xtask test --only "a real browser"
const only = process.env.ONEDESK_STEP;
const steps = { closed, apps, choices, widget, secure, errors, hostile, desk, administration };
for (const [name, step] of Object.entries(steps)) {
  if (only && !name.includes(only) && name !== "closed") continue;
  const begun = Date.now();
  try {
    await step();
  } catch (error) {
    complaints.push(`${name}: ${error.stack}`);
  }
  console.log(`${((Date.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${name}`);
}
await sites.close();
assert.deepEqual(complaints.length, 0, `\n${[...new Set(complaints)].join("\n\n")}\n\n${complaints.length} complaints about ${WEB}`);
console.log("every page holds");
