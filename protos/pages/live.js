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
