/* In the popup, after signing in: gives the code in the address to the frame that opened it, and to nobody else. */
(function () {
  "use strict";
  var code = new URLSearchParams(location.hash.slice(1)).get("handover");
  if (!code) { return; }
  /* The code leaves the address bar and the history at once. */
  history.replaceState(null, "", location.pathname + location.search);
  if (!window.opener) { return; }
  /* Delivered only if the opener is a page of this very origin. */
  window.opener.postMessage({ type: "onedesk:handover", code: code }, location.origin);
  window.setTimeout(function () { window.close(); }, 100);
})();
