// What a phone on the spot brings: where one stands, where one says so, and photos small enough for a weak signal.
"use strict";
(() => {
  const LONGEST_SIDE = 1600, QUALITY = 0.85, SMALL_ENOUGH = 400_000;
  const fits = (type) => ["image/jpeg", "image/png", "image/webp"].includes(type);
  // Drawn anew, a photo also loses what the camera wrote into it. What cannot be drawn is sent as it is.
  const shrunk = async (file) => {
    if (!fits(file.type) || file.size <= SMALL_ENOUGH) return file;
    try {
      const picture = await createImageBitmap(file);
      const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(picture.width * scale);
      canvas.height = Math.round(picture.height * scale);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
      return blob && blob.size < file.size ? new File([blob], file.name.replace(/\.\w+$/, ".jpg"), { type: "image/jpeg" }) : file;
    } catch { return file; }
  };
  for (const input of document.querySelectorAll("input[type=file][data-shrink]")) {
    input.addEventListener("change", async () => {
      const button = input.form.querySelector("button:not([type=button])");
      button.disabled = true;
      const files = new DataTransfer();
      for (const file of input.files) files.items.add(await shrunk(file));
      input.files = files.files;
      button.disabled = false;
    });
  }
  for (const button of document.querySelectorAll("[data-here]")) {
    if (!navigator.geolocation) continue;
    button.hidden = false;
    const status = button.parentElement.querySelector("[data-here-status]");
    button.addEventListener("click", () => navigator.geolocation.getCurrentPosition(({ coords }) => {
      button.form.elements.latitude.value = coords.latitude;
      button.form.elements.longitude.value = coords.longitude;
      status.textContent = status.dataset.done;
    }, () => { status.textContent = status.dataset.failed; }, { enableHighAccuracy: true, timeout: 10_000 }));
  }
  // A form is sent once, however often it is tapped while the signal is weak.
  for (const form of document.querySelectorAll("form[data-once], form[enctype]")) {
    form.addEventListener("submit", () => { for (const button of form.querySelectorAll("button")) button.disabled = true; });
  }
  addEventListener("pageshow", () => { for (const button of document.querySelectorAll("form[data-once] button, form[enctype] button")) button.disabled = false; });
})();
