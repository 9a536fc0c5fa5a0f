"use strict";
// Keeps the live page as it is now: the server sends each part that has changed as markup.
const state = document.getElementById("live-state");
const button = document.getElementById("live-pause");
let source = null;

function listen() {
  source = new EventSource("/live");
  source.onopen = () => { state.textContent = "Live"; };
  source.onerror = () => { state.textContent = "Not connected; trying again"; };
  source.addEventListener("part", (event) => {
    const { id, markup } = JSON.parse(event.data);
    const place = document.getElementById(id);
    if (place && !place.contains(document.activeElement)) { place.innerHTML = markup; }
  });
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
