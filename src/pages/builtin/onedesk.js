/* Makes pages more comfortable. Every page works without it. */
(function () {
  "use strict";

  /* <button type="button" data-copy="ID" hidden> copies the text of the element ID, or its value. */
  function copied(button) {
    var before = button.textContent;
    button.textContent = button.dataset.copied || "Copied";
    window.setTimeout(function () { button.textContent = before; }, 2000);
  }

  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    if (!navigator.clipboard) { return; }
    button.hidden = false;
    button.addEventListener("click", function () {
      var source = document.getElementById(button.dataset.copy);
      if (!source) { return; }
      var text = "value" in source ? source.value : source.textContent;
      if (source.tagName === "DL") {
        /* Also of what is folded away: a line for each fact. */
        text = Array.from(source.children, function (fact) {
          return Array.from(fact.children, function (part) { return part.textContent; }).join(": ");
        }).join("\n");
      }
      navigator.clipboard.writeText(text.trim()).then(function () { copied(button); }, function () {
        var range = document.createRange();
        range.selectNodeContents(source);
        window.getSelection().removeAllRanges();
        window.getSelection().addRange(range);
      });
    });
  });

  /* A form that was sent is not sent twice by an impatient finger. */
  document.querySelectorAll("form[method=post]").forEach(function (form) {
    form.addEventListener("submit", function () {
      window.setTimeout(function () {
        form.querySelectorAll("button:not([type=button])").forEach(function (button) { button.disabled = true; });
      }, 0);
    });
  });

  /* Coming back with the browser's button shows the form as it was. */
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[method=post] button:disabled").forEach(function (button) { button.disabled = false; });
  });
})();
