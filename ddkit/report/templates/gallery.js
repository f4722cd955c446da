"use strict";
// Each gallery's slider chooses the sheet that its strips show. The last sheet stands in the gallery's style.
for (const gallery of document.querySelectorAll(".gallery")) {
  const moments = gallery.querySelector(".moments");
  if (!moments) continue;
  const [uris, titles] = [...gallery.querySelectorAll("script")].map((script) => JSON.parse(script.textContent));
  const sheets = [...uris.map((uri) => `url(${uri})`), gallery.style.getPropertyValue("--sheet")];
  const slider = moments.querySelector("input");
  const show = () => {
    const number = Number(slider.value);
    gallery.style.setProperty("--sheet", sheets[number]);
    moments.querySelector("output").textContent = titles[number];
    slider.setAttribute("aria-valuetext", titles[number]);
  };
  slider.addEventListener("input", show);
  moments.hidden = false;
  show();
}
