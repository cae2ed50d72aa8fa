/* In the frame: signs in by a popup. Without it, the links open the sign-in in a tab of its own. */
(function () {
  "use strict";
  var main = document.getElementById("main");
  var site = main.dataset.site;
  var said = document.getElementById("said");
  var popup = null;

  function say(what) {
    if (!said) { return; }
    said.textContent = said.dataset[what];
    said.hidden = false;
  }

  /* To the page around us: that we are here, and that we may be closed. Never a code, a name or an address. */
  function tell(type) {
    if (site && window.parent !== window) { window.parent.postMessage({ type: type }, site); }
  }

  var close = document.getElementById("close");
  if (close && site && window.parent !== window) {
    close.hidden = false;
    close.addEventListener("click", function () { tell("onedesk:close"); });
    document.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { tell("onedesk:close"); }
    });
  }

  document.querySelectorAll("a[data-popup]").forEach(function (way) {
    way.addEventListener("click", function (event) {
      var url = way.getAttribute("href") + "?popup=1&return_to=%2Fwidget";
      popup = window.open(url, "onedesk-sign-in", "popup,width=520,height=680");
      if (popup) {
        event.preventDefault();
        say("wait");
      } else {
        say("blocked");
      }
    });
  });

  window.addEventListener("message", function (event) {
    if (event.origin !== location.origin || !popup || event.source !== popup) { return; }
    if (!event.data || event.data.type !== "onedesk:handover" || typeof event.data.code !== "string") { return; }
    fetch("/sso/hand-over", {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ code: event.data.code })
    }).then(function (answer) {
      if (answer.ok) { location.reload(); } else { say("failed"); }
    }, function () { say("failed"); });
  });

  tell("onedesk:ready");
})();
