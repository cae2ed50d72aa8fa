/* The OneDesk Widget. On a page of yours:
 *
 *   <script src="https://HELPDESK/widget.js" async data-label="Help" data-side="right"></script>
 *
 * shows a button; pressed, it opens the Widget in a frame. The page's origin must be in widget_origins of the OneDesk.
 * It needs of a content security policy: script-src and frame-src https://HELPDESK. It sets no cookie and no style attribute.
 */
(function () {
  "use strict";
  var script = document.currentScript;
  if (!script || window.OneDeskWidget) { return; }
  window.OneDeskWidget = true;
  var home = new URL(script.src).origin;
  var label = script.dataset.label || "Help";
  var side = script.dataset.side === "left" ? "left" : "right";
  var frame = null;
  var isReady = false;

  var css =
    ":host { all: initial; }" +
    "button, iframe { position: fixed; " + side + ": 1rem; z-index: 2147483000; }" +
    "button { bottom: 1rem; min-width: 3.5rem; min-height: 2.75rem; padding: 0 1.25rem; border: 0; border-radius: 1.5rem;" +
    "  background: #0b57d0; color: #fff; font: 600 1rem/1 system-ui, sans-serif; cursor: pointer; box-shadow: 0 2px 12px rgb(0 0 0 / 25%); }" +
    "button:focus-visible { outline: 3px solid #0b57d0; outline-offset: 3px; }" +
    "iframe { bottom: 4.75rem; width: min(24rem, calc(100vw - 2rem)); height: min(34rem, calc(100vh - 6.5rem)); border: 1px solid #7b8594;" +
    "  border-radius: 0.875rem; background: #fff; box-shadow: 0 8px 32px rgb(0 0 0 / 25%); color-scheme: normal; }" +
    "iframe[hidden] { display: none; }";

  var place = document.createElement("onedesk-widget");
  var shadow = place.attachShadow({ mode: "open" });
  /* A constructed sheet needs no permission of the page's policy; older browsers get a style element. */
  if ("adoptedStyleSheets" in shadow && "replaceSync" in CSSStyleSheet.prototype) {
    var sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    shadow.adoptedStyleSheets = [sheet];
  } else {
    var style = document.createElement("style");
    style.textContent = css;
    shadow.appendChild(style);
  }

  var button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.setAttribute("aria-expanded", "false");
  shadow.appendChild(button);

  function show(isOpen) {
    frame.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) { frame.focus(); } else { button.focus(); }
  }

  button.addEventListener("click", function () {
    if (frame) { show(frame.hidden); return; }
    frame = document.createElement("iframe");
    frame.title = label;
    frame.src = home + "/widget?site=" + encodeURIComponent(location.origin);
    shadow.appendChild(frame);
    show(true);
    /* A frame that may not be shown here says nothing: the Widget then opens in a window of its own. */
    frame.addEventListener("load", function () {
      window.setTimeout(function () {
        if (isReady) { return; }
        console.warn("OneDesk Widget: add \"" + location.origin + "\" to widget_origins of " + home);
        frame.remove();
        frame = null;
        button.setAttribute("aria-expanded", "false");
        window.open(home + "/widget", "_blank", "noopener");
      }, 3000);
    });
  });

  window.addEventListener("message", function (event) {
    if (!frame || event.origin !== home || event.source !== frame.contentWindow || !event.data) { return; }
    if (event.data.type === "onedesk:ready") { isReady = true; }
    if (event.data.type === "onedesk:close") { show(false); }
  });

  function add() { document.body.appendChild(place); }
  if (document.body) { add(); } else { document.addEventListener("DOMContentLoaded", add); }
})();
