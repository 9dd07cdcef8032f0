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

// Replaces the changing part of the page whenever the run changed.
function watch(summary) {
  const refresh = async (event) => {
    for (const [phase, status] of Object.entries(JSON.parse(event.data))) {
      for (const place of document.querySelectorAll(`[data-status="${phase}"]`)) place.textContent = status;
    }
    const answer = await fetch(summary.dataset.summary);
    if (answer.ok) summary.innerHTML = await answer.text();
  };
  const source = new EventSource(summary.dataset.changes);
  source.addEventListener("run", refresh);
  source.addEventListener("end", (event) => {
    source.close();
    refresh(event);
  });
}

for (const box of document.querySelectorAll("[data-log]")) follow(box);
for (const summary of document.querySelectorAll("[data-changes]")) watch(summary);

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
