/* Makes the administration more comfortable. Every page works without it. */
(function () {
  "use strict";

  /* A list is filtered while one types: the same address that the form would open is fetched, and its list put in place. */
  document.querySelectorAll("form[data-live]").forEach(function (form) {
    var input = form.querySelector("input[type=search]");
    var timer = 0;
    var latest = 0;
    function look() {
      var query = new URLSearchParams(new FormData(form)).toString();
      var address = form.getAttribute("action") + "?" + query;
      var number = ++latest;
      window.fetch(address, { credentials: "same-origin" }).then(function (answer) {
        return answer.ok ? answer.text() : Promise.reject(new Error(String(answer.status)));
      }).then(function (text) {
        var fresh = new DOMParser().parseFromString(text, "text/html").getElementById(form.dataset.live);
        var old = document.getElementById(form.dataset.live);
        if (number !== latest || !fresh || !old) { return; }
        old.replaceWith(document.adoptNode(fresh));
        window.history.replaceState(null, "", address);
        told.textContent = summary(fresh);
      }).catch(function () { /* The button still works. */ });
    }
    function summary(results) {
      var caption = results.querySelector("caption");
      var rows = results.querySelectorAll("tbody tr").length;
      return rows === 0 ? "Nothing found" : (caption && /\d/.test(caption.textContent) ? caption.textContent : rows + " rows");
    }
    var told = document.createElement("p");
    told.className = "visually-hidden";
    told.setAttribute("role", "status");
    form.after(told);
    input.addEventListener("input", function () {
      window.clearTimeout(timer);
      timer = window.setTimeout(look, 250);
    });
  });

  /* On a phone the navigation is a strip: the page that is shown is brought into sight. */
  var here = document.querySelector(".side [aria-current]");
  var strip = document.querySelector(".side");
  if (here && strip.scrollWidth > strip.clientWidth) { strip.scrollLeft = here.offsetLeft - strip.clientWidth / 3; }

  /* A form that came back: to what is wrong with it, or to what somebody else did meanwhile. */
  var faults = document.getElementById("faults") || document.getElementById("meanwhile");
  if (faults) { faults.focus(); }

  /* What was said once is not said again by a reload or a bookmark. */
  var address = new URL(window.location.href);
  if (address.searchParams.has("done")) {
    address.searchParams.delete("done");
    window.history.replaceState(null, "", address);
  }
})();
