// Keeps an open page up to date: parts of it are replaced, lines of the log are added.
"use strict";

const place = document.querySelector("[data-live]");
const log = document.getElementById("log");
const mostLines = 5000;
let source = null;
let over = false;
let at = null;

function addLines(lines) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  for (const line of lines) {
    const item = document.createElement("li");
    // As text: whatever a recipe prints, none of it becomes part of the page.
    item.textContent = line;
    log.append(item);
  }
  while (log.childElementCount > mostLines) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

// Changes only what differs, so that a button stays the same under the finger that presses it.
function liken(old, fresh) {
  const wanted = [...fresh.childNodes];
  const there = [...old.childNodes];
  wanted.forEach((node, i) => {
    const now = there[i];
    if (!now) old.append(node);
    else if (now.nodeName !== node.nodeName) now.replaceWith(node);
    else if (node.nodeType !== Node.ELEMENT_NODE) now.nodeValue = node.nodeValue;
    else {
      likenAttributes(now, node);
      liken(now, node);
    }
  });
  there.slice(wanted.length).forEach((node) => node.remove());
}

function likenAttributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const name of old.getAttributeNames()) {
    // What the reader has unfolded stays so.
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
}

function replaceParts(parts) {
  for (const [id, html] of Object.entries(parts)) {
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    liken(document.getElementById(id), fresh.content);
  }
}

function listen() {
  if (source || over) return;
  const url = new URL(place.dataset.live, location.href);
  if (at !== null) url.searchParams.set("from", at);
  source = new EventSource(url);
  source.addEventListener("part", (message) => replaceParts(JSON.parse(message.data)));
  source.addEventListener("log", (message) => {
    if (message.lastEventId) at = message.lastEventId;
    addLines(JSON.parse(message.data));
  });
  source.addEventListener("end", () => { over = true; rest(); });
}

function rest() {
  source?.close();
  source = null;
}

if (log) log.scrollTop = log.scrollHeight;
if (place) {
  listen();
  // A browser has few connections for one place: a page that nobody looks at gives its own back.
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
}
