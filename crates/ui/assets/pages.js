"use strict";

// Appends the lines of one log; stays at the end while the reader is there.
function follow(box) {
  const source = new EventSource(box.dataset.log);
  source.onmessage = (event) => {
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    for (const [level, text] of JSON.parse(event.data)) {
      const line = document.createElement("div");
      line.className = level;
      line.textContent = text;
      box.append(line);
    }
    if (atEnd) box.scrollTop = box.scrollHeight;
  };
  source.addEventListener("end", () => source.close());
}

// Replaces a part of the page. What a person typed or unfolded there stays.
function replace(part, html) {
  const name = (it) => it.id || it.form.action;
  // Themselves, so that the place in the text stays too.
  const typed = new Map([...part.querySelectorAll("textarea")].map((it) => [name(it), it]));
  const unfolded = [...part.querySelectorAll("details[open] > summary")].map((it) => it.textContent);
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  part.innerHTML = html;
  for (const fold of part.querySelectorAll("details")) fold.open = unfolded.includes(fold.firstElementChild.textContent);
  for (const field of part.querySelectorAll("textarea")) {
    const before = typed.get(name(field));
    if (!before) continue;
    field.replaceWith(before);
    if (before === focused) before.focus();
  }
}

// Replaces the changing parts of the page; again when one of them says that it will not be true for long.
async function refresh() {
  for (const part of document.querySelectorAll("[data-part]")) {
    const answer = await fetch(part.dataset.part);
    if (answer.ok) replace(part, await answer.text());
  }
  refreshAgain();
}

let again;

function refreshAgain() {
  clearTimeout(again);
  const part = document.querySelector("[data-again]");
  if (part) again = setTimeout(refresh, part.dataset.again * 1000);
}

// Does so whenever the run changed.
function watch(place) {
  const changed = (event) => {
    for (const [phase, status] of Object.entries(JSON.parse(event.data))) {
      for (const heading of document.querySelectorAll(`[data-status="${phase}"]`)) heading.textContent = status;
    }
    refresh();
  };
  const source = new EventSource(place.dataset.changes);
  source.addEventListener("run", changed);
  source.addEventListener("end", (event) => {
    source.close();
    changed(event);
  });
}

for (const box of document.querySelectorAll("[data-log]")) follow(box);
for (const place of document.querySelectorAll("[data-changes]")) watch(place);
refreshAgain();

// Shows the buttons that copy what stands before them, where the browser lets pages copy.
function offerCopy(button) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = button.previousElementSibling;
    const word = button.firstElementChild;
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    word.textContent = "Copied";
    setTimeout(() => (word.textContent = "Copy"), 2000);
  });
}

if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy]")) offerCopy(button);
