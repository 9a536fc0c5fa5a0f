"use strict";
// Keeps a page as it is now: its server sends each part that has changed as markup.
const state = document.getElementById("live-state");
const button = document.getElementById("live-pause");
let source = null;

function listen() {
  source = new EventSource(state.dataset.source);
  source.onopen = () => { state.textContent = "Live"; };
  source.onerror = () => {
    const given_up = source.readyState === EventSource.CLOSED;
    state.textContent = given_up ? "Not live; load the page again" : "Not connected; trying again";
  };
  source.addEventListener("part", (event) => {
    const { id, markup } = JSON.parse(event.data);
    const place = document.getElementById(id);
    if (place && !place.contains(document.activeElement)) { replace(place, markup); }
  });
}

// What was scrolled sideways, or unfolded, stays so.
function replace(place, markup) {
  const scrolled = [...place.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
  const open = [...place.querySelectorAll("details")].map((details) => details.open);
  place.innerHTML = markup;
  place.querySelectorAll(".scroll").forEach((box, index) => { box.scrollLeft = scrolled[index] ?? 0; });
  place.querySelectorAll("details").forEach((details, index) => { details.open = open[index] ?? false; });
}

function stop() {
  source.close();
  source = null;
  state.textContent = "Paused";
}

if (state && button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    if (source) { stop(); } else { listen(); }
    button.textContent = source ? "Pause" : "Go on";
  });
  listen();
}

// A form that names a place is asked as it changes, and what comes stands in the place.
const form = document.querySelector("form[data-place]");

async function ask(asking) {
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  const address = `${form.getAttribute("action")}?${query}`;
  const reply = await fetch(address, { signal: asking.signal });
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  const found = page.getElementById(form.dataset.place);
  if (!found) { location.assign(address); return; }
  replace(document.getElementById(form.dataset.place), found.innerHTML);
  history.replaceState(null, "", address);
}

if (form) {
  let asking = new AbortController(), waiting = 0;
  form.querySelector("button").hidden = true;
  form.addEventListener("input", (event) => {
    const shown = form.querySelector(`output[for="${event.target.id}"]`);
    if (shown) { shown.value = event.target.value; }
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      asking.abort();
      asking = new AbortController();
      ask(asking).catch((error) => { if (error.name !== "AbortError") { throw error; } });
    }, 200);
  });
}
