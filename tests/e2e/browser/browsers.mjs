// The browsers that people come with: the distribution's own, driven as they are.

import { existsSync } from "node:fs";
import { chromium, firefox } from "playwright-core";

export const chromiumWith = (...args) => ({
  themes: ["light", "dark"],
  tellsPartition: true,
  launch: () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", ...args] }),
});

export const CHROMIUM = chromiumWith();

/** Third-party cookies are blocked. */
export const BLOCKED = "--test-third-party-cookie-phaseout";

/**
 * Firefox by WebDriver BiDi, which chooses no theme in it, tells no cookie's partition, and sends no click into a frame of
 * another process: so all are in one. The driver switches the protection against tracking and the popup blocker off; here both
 * are as people have them. Later than 1.64, playwright-core begins with a command that the ESR does not know
 * (emulation.setMediaFeaturesOverride).
 */
export const FIREFOX = {
  themes: ["light"],
  tellsPartition: false,
  launch: () => firefox.launch({
    channel: "moz-firefox",
    executablePath: process.env.FIREFOX ?? ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find((path) => existsSync(path)),
    firefoxUserPrefs: {
      "browser.contentblocking.category": "standard",
      "dom.disable_open_during_load": true,
      "fission.autostart": false,
      "network.cookie.cookieBehavior": 5,
    },
  }),
};
