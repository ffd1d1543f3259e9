// What the components that show photos share: heat maps as smooth pictures, and elements. It is
// put before each of them.

const FINE = 192; // pixels of a heat map's longer side once it is smoothed

// A photo's coarse map as a picture of its frame's proportions.
function pictured(values, size, [left, top, right, bottom], colours) {
  const ratio = FINE / Math.max(right - left, bottom - top);
  return smooth(values, size, colours,
    Math.max(1, Math.round((right - left) * ratio)), Math.max(1, Math.round((bottom - top) * ratio)));
}

// A coarse map as a smooth picture, as the exported overlay has it: bicubic, clear where low.
function smooth(values, { height, width }, colours, wide, high) {
  const canvas = make("canvas");
  canvas.width = wide;
  canvas.height = high;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(wide, high);
  const across = weights(width, wide), down = weights(height, high);
  const rows = Array.from({ length: height }, (_, row) => across.map((cells) =>
    cells.reduce((sum, [cell, weight]) => sum + weight * values[row * width + cell], 0)));
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const sum = down[y].reduce((total, [cell, weight]) => total + weight * rows[cell][x], 0);
      const value = Math.min(255, Math.max(0, Math.round(sum)));
      image.data.set([...colours[value], value], 4 * (y * wide + x));
    }
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

// For each of `count` pixels, the cells it is made of and their shares (Keys' cubic, a = -0.5).
function weights(cells, count) {
  const cubic = (d) => d < 1 ? 1.5 * d ** 3 - 2.5 * d ** 2 + 1 : -0.5 * d ** 3 + 2.5 * d ** 2 - 4 * d + 2;
  return Array.from({ length: count }, (_, at) => {
    const place = ((at + 0.5) / count) * cells - 0.5;
    const near = [-1, 0, 1, 2].map((step) => Math.floor(place) + step)
      .filter((cell) => cell >= 0 && cell < cells)
      .map((cell) => [cell, cubic(Math.abs(cell - place))]);
    const total = near.reduce((sum, [, weight]) => sum + weight, 0);
    return near.map(([cell, weight]) => [cell, weight / total]);
  });
}

// The bytes of a text in base64.
function bytes(text) { return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)); }

// The heat maps' colours from low to high, for a legend.
function gradient(colours) {
  return `linear-gradient(90deg, ${colours.filter((_, i) => i % 17 === 0).map((c) => `rgb(${c})`).join(",")})`;
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}
